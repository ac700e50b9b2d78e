# SPDX-License-Identifier: LGPL-2.1-or-later
"""The package mproc: multiprocessing's names, and any objects."""

import importlib
import inspect
import multiprocessing
import multiprocessing.connection
import multiprocessing.managers
import os
import pickle
import pydoc
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
import unittest
import unittest.mock

import helping
import mproc
import mproc.connection
import mproc.pool
from kinds import KINDS, OBJECTS, PLAIN, Color, Point, form

from gi.repository import Mp


class Named(mproc.Queue):
    """A queue class of a program."""

    def __init__(self, name):
        super().__init__()
        self.name = name


class NamedBelow(Mp.Queue):
    """The same without the package."""

    def __init__(self, name):
        super().__init__(codec=pickle)
        self.name = name


class Line(mproc.connection.Connection):
    """A connection class of a program."""


class LineBelow(Mp.Connection):
    """The same without the package."""


class Told(Mp.JoinableQueue):
    """A queue class that has its own idea of its state."""

    def __getstate__(self):
        return 'state'

    def __setstate__(self, state):
        self.name = state


class Reader:
    """A codec that is an object."""

    def dumps(self, obj):
        return obj.text.encode()

    def loads(self, data):
        return types.SimpleNamespace(text=data.decode())


# A program whose codecs are in its main module, which a child that is spawned has under another name.
PROGRAM_WITH_CODECS = """
import sys
from mproc import get_context
from gi.repository import Mp


class Text:
    def __init__(self, text):
        self.text = text


class Whole:
    @staticmethod
    def dumps(obj):
        return obj.text.encode()

    @staticmethod
    def loads(data):
        return Text(data.decode())


class Marking(Whole):
    def __init__(self, mark):
        self.mark = mark

    def dumps(self, obj):
        return (self.mark + obj.text).encode()


class Named(Mp.Queue):
    pass


def answer(requests, answers):
    answers.put(Text(f'{type(requests).__name__} {requests.get().text}'))


if __name__ == '__main__':
    context = get_context(sys.argv[1])
    for codec in Whole, Whole(), Marking('marked '):
        requests, answers = Named(codec=codec), Mp.Queue(codec=codec)
        requests.put(Text('text'))
        child = context.Process(target=answer, args=(requests, answers))
        child.start()
        child.join()
        print(child.exitcode, answers.get(False).text)
"""

def echo(requests, answers):
    while (value := requests.get()) is not None:
        answers.put(value)


def echo_connection(connection):
    try:
        while True:
            connection.send(connection.recv())
    except EOFError:
        pass


def tell_class(queue, answers):
    answers.put((type(queue).__name__, queue.name, queue.get()))


def tell_line(line):
    line.send([type(line).__name__, line.label])


def tell_codec(queue):
    queue.put((type(queue.codec).__name__, queue.get().text))


queue_of_pool = None


def keep(queue):
    global queue_of_pool
    queue_of_pool = queue


def put_square(x):
    queue_of_pool.put(x * x)


class Queues(multiprocessing.managers.BaseManager):
    pass


Queues.register('Queue', mproc.Queue)
Queues.register('JoinableQueue', mproc.JoinableQueue)


def receive_three(connection, answers):
    answers.put([connection.recv() for _ in range(3)])


class TestNames(unittest.TestCase):
    def test_all_of_multiprocessing(self):
        for name in multiprocessing.__all__:
            with self.subTest(name=name):
                self.assertTrue(hasattr(mproc, name))
        self.assertLess(set(multiprocessing.__all__), set(mproc.__all__))

    def test_modules(self):
        self.assertIs(mproc.pool, multiprocessing.pool)
        # Those that `import multiprocessing` loads are there without another import, and so are public
        # functions and errors of all.
        program = 'import mproc; print(mproc.process, mproc.reduction, mproc.util, mproc.context, mproc.reducer)'
        subprocess.run([sys.executable, '-c', program], check=True, stdout=subprocess.DEVNULL)
        for module, names in (('context', 'Process ProcessError TimeoutError AuthenticationError assert_spawning'),
                              ('connection', 'AuthenticationError BufferTooShort'),
                              ('resource_tracker', 'register unregister'), ('resource_sharer', 'DupFd stop')):
            for name in names.split():
                self.assertIs(getattr(importlib.import_module(f'mproc.{module}'), name),
                              getattr(importlib.import_module(f'multiprocessing.{module}'), name))
        spawn = mproc.get_context('spawn')
        self.assertLess(set(dir(multiprocessing.get_context('spawn'))), set(dir(spawn)) | {'__module__'})
        self.assertEqual(set(multiprocessing.connection.__all__) - set(dir(mproc.connection)), set())

    def test_own_names_are_few(self):
        public = [name for name in dir(mproc.SimpleQueue) if not name.startswith('_')]
        self.assertEqual(public, ['close', 'empty', 'fileno', 'get', 'put'])
        for kind in (mproc.Queue, mproc.JoinableQueue, mproc.SimpleQueue, mproc.connection.Connection,
                     mproc.connection.Listener):
            for name in dir(kind):
                if not name.startswith('_'):
                    with self.subTest(kind=kind, name=name):
                        self.assertTrue(getattr(kind, name).__doc__)

    def test_help(self):
        """What a user of multiprocessing calls comes first, and nothing else with it."""
        text = pydoc.render_doc(mproc.Queue, renderer=pydoc.plaintext)
        here = text[text.index('Methods defined here:'):].split('-----', 1)[0]
        shown = re.findall(r'^ \|  (?:async )?([a-z]\w*)\(', here, re.MULTILINE)
        self.assertEqual(shown, sorted(name for name in vars(multiprocessing.queues.Queue) if name[0] != '_'))
        self.assertEqual(len(shown), 10)

    def test_objects_can_be_inspected(self):
        first, second = mproc.Pipe()
        for inner in (Mp.Queue(), Mp.JoinableQueue(), Mp.SimpleQueue(), Mp.Process(['true']), Mp.Listener(),
                      first._connection):
            self.assertGreater(len(inspect.getmembers(inner)), 10)
            self.assertIn(type(inner).__name__, pydoc.render_doc(inner, renderer=pydoc.plaintext))
        for obj in (mproc.Queue(), mproc.JoinableQueue(), mproc.SimpleQueue(), second):
            self.assertGreater(len(inspect.getmembers(obj)), 10)
            self.assertIn('close', pydoc.render_doc(obj, renderer=pydoc.plaintext))

    def test_repr(self):
        queue = mproc.Queue(3)
        queue.put(1)
        self.assertEqual(repr(queue), '<mproc.queues.Queue: 1 of 3>')
        queue.close()
        self.assertIn('closed', repr(queue))
        self.assertEqual(repr(mproc.JoinableQueue(name='tasks')),
                         "<mproc.queues.JoinableQueue 'tasks': 0, no maximum>")
        process = Mp.Process(['true', 'a b'])
        self.assertEqual(repr(process), '<gi.repository.Mp.Process "true \'a b\'": not started>')
        process.start()
        process.join()
        self.assertIn('ended with 0>', repr(process))
        self.assertIn("'true': 0 of 2 workers, 0 tasks", repr(Mp.Pool(['true'], 2)))
        tasks = Mp.JoinableQueue()
        tasks.put(1)
        self.assertIn('Task: delivery 1>', repr(tasks.get_task()))
        first, second = mproc.Pipe(False)
        self.assertRegex(repr(first), r'<mproc\.connection\.Connection: descriptor \d+, receives>')
        with mproc.connection.Listener() as listener:
            self.assertIn(listener.address, repr(listener))
        self.assertEqual(repr(mproc.get_context('spawn')), "<mproc.context.Context 'spawn'>")
        with mproc.ProcessPoolExecutor(2) as executor:
            self.assertEqual(repr(executor), '<mproc.executor.ProcessPoolExecutor: 0 of 2 workers, 0 tasks>')
        self.assertIn('shut down', repr(executor))


class TestValues(helping.TestCase):
    def test_there_are_95(self):
        self.assertEqual((len(PLAIN), len(OBJECTS), len(KINDS)), (32, 63, 95))

    def check(self, name, sent, got):
        with self.subTest(name=name):
            self.assertIs(type(got), type(sent))
            self.assertEqual(form(got), form(sent))

    def test_through_a_queue(self):
        requests, answers = mproc.Queue(), mproc.Queue()
        self.start(echo, requests, answers)
        for name, value in KINDS.items():
            if value is not None:
                requests.put(value)
                self.check(name, value, answers.get(timeout=helping.DEADLINE))
        requests.put(None)

    def test_through_a_pipe(self):
        mine, theirs = mproc.Pipe()
        self.start(echo_connection, theirs)
        theirs.close()
        for name, value in KINDS.items():
            mine.send(value)
            self.check(name, value, mine.recv())
        mine.close()

    def test_plain_ones_are_for_all_languages(self):
        queue = mproc.Queue()
        for name, value in KINDS.items():
            if type(value) in (bytes, memoryview):
                continue
            queue.put(value)
            with self.subTest(name=name):
                self.assertEqual(queue._queue.get_message(-1, None).get_format(),
                                 Mp.Format.PICKLE if name in PLAIN else Mp.Format.OPAQUE)

    def test_without_the_package_they_are_refused(self):
        queue = Mp.Queue()
        for name, value in OBJECTS.items():
            if isinstance(value, bytes):
                continue
            with self.subTest(name=name), self.assertRaisesRegex(TypeError, 'codec=pickle'):
                queue.put(value)
        self.assertTrue(queue.empty())

    def test_nested_too_deeply_for_other_languages(self):
        value = []
        for _ in range(400):
            value = [value]
        queue = mproc.Queue()
        queue.put(value)
        self.assertEqual(queue.get(), value)

    def test_pickled_once(self):
        class Counted:
            n = 0

            def __reduce__(self):
                Counted.n += 1
                return int, ()

        for queue in (mproc.Queue(), Mp.Queue(codec=pickle)):
            Counted.n = 0
            queue.put([1, Counted()])
            self.assertEqual(Counted.n, 1)
            self.assertEqual(queue.get(), [1, 0])

    def test_object_that_puts_while_it_is_pickled(self):
        queue = mproc.Queue()

        class Telling:
            def __reduce__(self):
                queue.put('while')
                return str, ('then',)

        queue.put([Telling()])
        self.assertEqual([queue.get(), queue.get()], ['while', ['then']])

    def test_lambda_needs_dill(self):
        queue = mproc.Queue()
        with unittest.mock.patch.dict('sys.modules', dill=None):
            with self.assertRaisesRegex(TypeError, r"function .*<lambda> at \['f'\]"):
                queue.put({'f': lambda: 1})
        self.assertTrue(queue.empty())

    def test_refusal(self):
        queue = Mp.Queue()
        for value, words in (({'a': [1, Color.RED]}, r"Color object at \['a'\]\[1\] cannot be sent"),
                             ([{Point: 1}], r'type kinds\.Point at a key of \[0\]'),
                             (Color.RED, 'Color object cannot be sent'),
                             (lambda: 1, 'function .*<lambda> cannot be sent'),
                             ([(1).__add__], r'method-wrapper int\.__add__ at \[0\] cannot be sent'),
                             ([].append, r'builtin_function_or_method list\.append cannot be sent'),
                             ({Silent(): 1}, 'Silent object at a key of the value cannot be sent'),
                             ({(1, Silent()): 2}, r'Silent object at a key of the value\[1\] cannot be sent')):
            with self.assertRaisesRegex(TypeError, words):
                queue.put(value)
            with self.assertRaisesRegex(TypeError, words):
                Mp.Pipe()[0].send(value)


class TestSharing(helping.TestCase):
    def test_subclass(self):
        for method in helping.METHODS:
            for kind in Named, NamedBelow:
                with self.subTest(method=method, kind=kind):
                    queue, answers = kind('tasks'), mproc.Queue()
                    queue.put(Point(1))
                    self.start(tell_class, queue, answers, method=method)
                    self.assertEqual(answers.get(timeout=helping.DEADLINE), (kind.__name__, 'tasks', Point(1)))

    def test_subclass_with_a_state_of_its_own(self):
        queue, answers = Told(codec=pickle), mproc.Queue()
        queue.put(Point(1))
        self.start(tell_class, queue, answers, method='spawn')
        self.assertEqual(answers.get(timeout=helping.DEADLINE), ('Told', 'state', Point(1)))

    def test_subclass_in_a_message(self):
        for pipe in mproc.Pipe, multiprocessing.Pipe:
            mine, theirs = pipe()
            self.start(receive_queue, theirs)
            queue = NamedBelow('tasks')
            queue.put(Point(1))
            mine.send(queue)
            self.finish(self.children[-1])
            self.assertEqual(queue.get(False), ('got', 'NamedBelow', Point(1)))

    def test_subclass_of_connections(self):
        for kind in Line, LineBelow:
            for method in helping.METHODS:
                with self.subTest(kind=kind, method=method):
                    pair = socket.socketpair()
                    mine, theirs = mproc.connection.Connection(pair[0].detach()), kind(pair[1].detach())
                    theirs.label = 'name'
                    self.finish(self.start(tell_line, theirs, method=method))
                    self.assertEqual(mine.recv(), [kind.__name__, 'name'])

    def test_codec_that_is_an_object(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                queue = Mp.Queue(codec=Reader())
                queue.put(types.SimpleNamespace(text='text'))
                child = self.start(tell_codec, queue, method=method)
                child.join()
                self.assertEqual(queue.get(timeout=helping.DEADLINE), ('Reader', 'text'))

    def test_codecs_of_the_main_module(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'program.py')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(PROGRAM_WITH_CODECS)
            for method in helping.METHODS:
                with self.subTest(method=method):
                    done = subprocess.run([sys.executable, path, method], text=True, stdout=subprocess.PIPE, check=True,
                                          timeout=helping.DEADLINE)
                    self.assertEqual(done.stdout.splitlines(),
                                     ['0 Named text', '0 Named text', '0 marked Named marked text'])

    def test_contexts(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                context = mproc.get_context(method)
                self.assertEqual(context.get_start_method(), method)
                self.assertIs(context.get_context(), context)
                requests, answers = context.Queue(5), context.SimpleQueue()
                self.assertIsInstance(requests, mproc.Queue)
                self.assertIsInstance(context.JoinableQueue(), mproc.JoinableQueue)
                child = context.Process(target=echo, args=(requests, answers), daemon=True)
                child.start()
                self.children.append(child)
                requests.put(Point(2))
                self.assertEqual(answers.get(), Point(2))
                requests.put(None)

    def test_pool(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                queue = mproc.Queue()
                with mproc.get_context(method).Pool(2, keep, (queue,)) as pool:
                    pool.map(put_square, range(4))
                self.assertEqual(sorted(queue.get(timeout=helping.DEADLINE) for _ in range(4)), [0, 1, 4, 9])

    def test_manager(self):
        queue = mproc.Queue()

        class Manager(multiprocessing.managers.BaseManager):
            pass

        Manager.register('get_queue', callable=lambda: queue)
        with Manager(ctx=multiprocessing.get_context('fork')) as manager:
            proxy = manager.get_queue()
            proxy.put(Point(3))
            self.assertEqual(proxy.get(), Point(3))

    def test_class_in_a_manager(self):
        for method in helping.METHODS:
            with self.subTest(method=method), Queues(ctx=multiprocessing.get_context(method)) as manager:
                queue, tasks = manager.Queue(3), manager.JoinableQueue()
                self.finish(self.start(queue.put, Point(3), method=method))
                self.assertEqual(queue.get(True, helping.DEADLINE), Point(3))
                tasks.put(1)
                tasks.get()
                tasks.task_done()
                tasks.join()

    def test_standard_manager(self):
        with mproc.get_context('fork').Manager() as manager:
            shared = manager.dict(a=1)
            self.assertEqual(shared['a'], 1)


def receive_queue(connection):
    queue = connection.recv()
    queue.put(('got', type(queue).__name__, queue.get()))


def use_what_comes(queue):
    connection, other = queue.get()
    other.put(connection.recv())


class Silent:
    def __repr__(self):
        raise RuntimeError('there is no text for this object')


def send_refused(connection, answers):
    try:
        connection.send(Point(1))
    except TypeError as error:
        answers.put(str(error))


def take(queue, n, how):
    for _ in range(n):
        queue.get()
    if how == 'told':
        queue.task_done()
    elif how == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == 'raised':
        sys.stderr = open(os.devnull, 'w', encoding='utf-8')
        raise RuntimeError
    elif how == 'exited':
        sys.exit(0)


def touch(queue):
    queue.get()


def states_of_participants(queue):
    """The states of the first slots in the memory of a queue: 0 free, 1 used, 2 left."""
    link = f'/memfd:mproc-glib-queue:{queue._queue.props.name}'
    for number in os.listdir('/proc/self/fd'):
        path = f'/proc/self/fd/{number}'
        if os.path.exists(path) and os.readlink(path).startswith(link):
            with open(path, 'rb') as file:
                return [os.pread(file.fileno(), 4, 12288 + index * 128)[0] for index in range(4)]
    raise AssertionError('no such queue')


class TestLeaving(helping.TestCase):
    """multiprocessing ends its processes by os._exit ()."""

    def test_end(self):
        for method in 'fork', 'spawn':
            with self.subTest(method):
                queue = mproc.Queue(name='leaving')
                queue.put('x')
                child = mproc.get_context(method).Process(target=touch, args=(queue,))
                child.start()
                child.join()
                self.assertEqual(child.exitcode, 0)
                self.assertNotIn(1, states_of_participants(queue)[1:])


class TestWithoutTaskDone(helping.TestCase):
    def left_after(self, how, method='fork'):
        queue = mproc.JoinableQueue()
        for i in range(5):
            queue.put(i)
        child = self.start(take, queue, 3, how, method=method)
        child.join()
        left = []
        while not queue.empty():
            left.append(queue.get())
        return sorted(left)

    def test_normal_end(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                self.assertEqual(self.left_after('returned', method), [3, 4])
        self.assertEqual(self.left_after('exited'), [3, 4])

    def test_program_that_ends_by_an_exception(self):
        """It is no Process, and has the queue by its name."""
        uri = f'local:ends-{os.getpid()}'
        self.addCleanup(Mp.Queue.remove, uri)
        queue = mproc.open(uri, mode='joinable')
        for end, left in ('raise RuntimeError', 1), ('', 0):
            queue.put(end)
            program = f'import mproc; queue = mproc.open({uri!r}); exec(queue.get())'
            subprocess.run([sys.executable, '-c', program], stderr=subprocess.DEVNULL)
            self.assertEqual(queue.qsize(), left)
            if left:
                queue.get()
                queue.task_done()

    def test_others_see_it_again(self):
        for how, left in (('killed', [0, 1, 2, 3, 4]), ('raised', [0, 1, 2, 3, 4]), ('told', [1, 2, 3, 4])):
            with self.subTest(how=how):
                self.assertEqual(self.left_after(how), left)


def tell_and_take(tasks, results, how):
    for task in iter(tasks.get, None):
        results.put(task)
    if how == 'one told':
        tasks.task_done()


class TestTaskDoneElsewhere(helping.TestCase):
    """As in multiprocessing, where task_done () only counts."""

    def check(self, how, method='fork', joins_child=False):
        tasks, results = mproc.JoinableQueue(), mproc.Queue()
        child = self.start(tell_and_take, tasks, results, how, method=method)
        for i in range(5):
            tasks.put(i)
        for _ in range(5):
            results.get(timeout=helping.DEADLINE)
            if not joins_child:
                tasks.task_done()
        if not joins_child:
            tasks.join(helping.DEADLINE)
        tasks.put(None)
        self.finish(child)
        for _ in range((6 if joins_child else 1) - (how == 'one told')):
            self.assertRaises(TimeoutError, tasks.join, 0)
            tasks.task_done()
        tasks.join(helping.DEADLINE)
        self.assertRaises(ValueError, tasks.task_done)

    def test_while_the_worker_lives(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                self.check('', method)

    def test_after_its_normal_end(self):
        self.check('', joins_child=True)

    def test_it_tells_too(self):
        self.check('one told')


class TestHandingOver(helping.TestCase):
    def test_queue_by_a_connection(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                mine, theirs = mproc.Pipe()
                self.start(receive_queue, theirs, method=method)
                queue = Named('name')
                queue.put(Point(1))
                mine.send(queue)
                self.children[-1].join()
                self.assertEqual(queue.get(), ('got', 'Named', Point(1)))

    def test_connection_and_queue_by_a_queue(self):
        queue, answers = mproc.Queue(), mproc.JoinableQueue()
        mine, theirs = mproc.Pipe()
        self.start(use_what_comes, queue)
        queue.put([theirs, answers])
        theirs.close()
        mine.send(Point(5))
        self.assertEqual(answers.get(timeout=helping.DEADLINE), Point(5))

    def test_by_the_connections_of_multiprocessing(self):
        mine, theirs = multiprocessing.Pipe()
        self.start(receive_queue, theirs)
        queue = Named('name')
        queue.put(1)
        mine.send(queue)
        self.children[-1].join()
        self.assertEqual(queue.get(), ('got', 'Named', 1))

    def test_not_outside_of_messages(self):
        with self.assertRaisesRegex(RuntimeError, 'inheritance'):
            pickle.dumps(mproc.Queue())

    def test_accepted_connection(self):
        """What the client sends at once, after the handshake, is for the process that gets the connection."""
        def send(address):
            with mproc.connection.Client(address, authkey=b'key') as client:
                for i in range(3):
                    client.send(Point(i))

        for address in None, ('127.0.0.1', 0):
            for method in helping.METHODS:
                with self.subTest(address=address, method=method), \
                        mproc.connection.Listener(address, authkey=b'key') as listener:
                    thread = threading.Thread(target=send, args=(listener.address,))
                    thread.start()
                    accepted, answers = listener.accept(helping.DEADLINE), mproc.Queue()
                    thread.join()
                    self.start(receive_three, accepted, answers, method=method)
                    self.assertEqual(answers.get(timeout=helping.DEADLINE), [Point(0), Point(1), Point(2)])

    def test_not_by_tcp(self):
        accepted, client = TestTrust.connect(self, ('127.0.0.1', 0), b'key', b'key')
        for value in (mproc.Queue(), mproc.Pipe()[0]):
            with self.assertRaisesRegex(TypeError, 'descriptors can be sent over Unix sockets only'):
                client.send([value])
        client.send(Point(1))
        self.assertEqual(accepted.recv(), Point(1))

    def test_received_shareables_have_the_codec(self):
        first, second = Mp.Pipe(codec=pickle)
        queue = Mp.Queue(codec=pickle)
        first.send_shareable(queue)
        received = second.recv_shareable()
        queue.put(Point(1))
        self.assertEqual(received.get(), Point(1))


def measure_two(connection):
    value, data = connection.recv(), connection.recv_bytes()
    connection.send((type(value).__name__, len(value[0]), value[0][-1:], len(data), data[-1:]))


class TestLargeMessages(helping.TestCase):
    # More than a Listener or a Client accepts by default.
    SIZE = (64 << 20) + 1

    def test_pipe(self):
        for method in 'fork', 'spawn':
            with self.subTest(method=method):
                mine, theirs = mproc.Pipe()
                self.start(measure_two, theirs, method=method)
                theirs.close()
                data = bytes(self.SIZE - 1) + b'x'
                mine.send([data])
                mine.send_bytes(data)
                self.assertEqual(mine.recv(), ('list', self.SIZE, b'x', self.SIZE, b'x'))

    def test_listener_and_client(self):
        """Both ends have to allow it."""
        for limit in None, self.SIZE + 1000:
            with self.subTest(limit=limit), \
                    mproc.connection.Listener(authkey=b'key', max_message_size=limit) as listener:
                accepted = []
                thread = threading.Thread(target=lambda: accepted.append(listener.accept(helping.DEADLINE)))
                thread.start()
                client = mproc.connection.Client(listener.address, authkey=b'key', max_message_size=limit)
                thread.join()
                if limit is None:
                    with self.assertRaisesRegex(OSError, 'longer than the'):
                        client.send_bytes(bytes(self.SIZE))
                    continue
                thread = threading.Thread(target=client.send_bytes, args=(bytes(self.SIZE),))
                thread.start()
                self.assertEqual(len(accepted[0].recv_bytes()), self.SIZE)
                thread.join()


    def test_limits_that_make_no_sense(self):
        for limit in 0, -1, 2**41:
            with self.assertRaises(ValueError):
                mproc.connection.Listener(max_message_size=limit)
            with self.assertRaises(ValueError):
                mproc.connection.Client('/nowhere', max_message_size=limit)


class TestTrust(helping.TestCase):
    def connect(self, address, server_key=None, client_key=None, **options):
        with mproc.connection.Listener(address, authkey=server_key) as listener:
            clients = []
            thread = threading.Thread(target=lambda: clients.append(
                mproc.connection.Client(listener.address, authkey=client_key, **options)))
            thread.start()
            accepted = listener.accept(helping.DEADLINE)
            thread.join()
        return accepted, clients[0]

    def test_with_a_key(self):
        accepted, client = self.connect(('127.0.0.1', 0), b'key', b'key')
        client.send(Point(1))
        self.assertEqual(accepted.recv(), Point(1))

    def test_same_user(self):
        accepted, client = self.connect(None)
        client.send(Point(1))
        self.assertEqual(accepted.recv(), Point(1))

    def test_unauthenticated(self):
        accepted, client = self.connect(('127.0.0.1', 0))
        for value in Point(1), [Point(1)]:
            with self.assertRaisesRegex(TypeError, 'Point object.* cannot be sent: without authkey='):
                client.send(value)
        client.send({'a': 1})
        self.assertEqual(accepted.recv(), {'a': 1})
        # Another process that gets the connection has to be told the same.
        answers = mproc.Queue()
        self.finish(self.start(send_refused, accepted, answers, method='spawn'))
        self.assertRegex(answers.get(), 'without authkey=')
        client.send_bytes(multiprocessing.connection._ForkingPickler.dumps(Point(1)))
        with self.assertRaises(TypeError):
            accepted.recv()

    def test_another_user_at_a_unix_socket(self):
        with unittest.mock.patch('os.getuid', return_value=os.getuid() + 1):
            accepted, client = self.connect(None)
        with self.assertRaises(TypeError):
            client.send(Point(1))
        accepted.send([1])
        self.assertEqual(client.recv(), [1])

    def test_multiprocessing_is_a_peer(self):
        with mproc.connection.Listener(('127.0.0.1', 0), authkey=b'key') as listener:
            clients = []
            thread = threading.Thread(target=lambda: clients.append(
                multiprocessing.connection.Client(listener.address, authkey=b'key')))
            thread.start()
            accepted = listener.accept(helping.DEADLINE)
            thread.join()
        clients[0].send(Point(1))
        self.assertEqual(accepted.recv(), Point(1))
        accepted.send(Color.RED)
        self.assertIs(clients[0].recv(), Color.RED)


def work_by_name(uri):
    tasks, results = mproc.open(uri, create=False), mproc.open('local:results')
    for value in iter(tasks.get, None):
        results.put(value)


class TestNamedQueues(helping.TestCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(dir='/dev/shm')
        self.addCleanup(folder.cleanup)
        environment = unittest.mock.patch.dict(os.environ, XDG_RUNTIME_DIR=folder.name)
        environment.start()
        self.addCleanup(environment.stop)

    def test_any_objects(self):
        for method in 'fork', 'spawn':
            with self.subTest(method=method):
                tasks = mproc.open('local:tasks', max_size=5)
                self.assertIs(type(tasks), mproc.Queue)
                child = self.start(work_by_name, 'local:tasks', method=method)
                for value in Point(1), {'a': [1]}, None:
                    tasks.put(value)
                self.finish(child)
                results = mproc.open('local:results')
                self.assertEqual([results.get(), results.get()], [Point(1), {'a': [1]}])
                Mp.Queue.remove('local:tasks', None)

    def test_kinds(self):
        tasks = mproc.open('local:a-b', mode='joinable', max_deliveries=2)
        self.assertIs(type(tasks), mproc.JoinableQueue)
        tasks.put(1)
        self.assertEqual(mproc.open('local:a-b').get(), 1)
        tasks.task_done()
        tasks.join(helping.DEADLINE)
        self.assertIs(type(Mp.queue_open('local:a-b')), Mp.JoinableQueue)

    def test_errors(self):
        for kind, uri, parameters in ((FileNotFoundError, 'local:none', {'create': False}),
                                      (OSError, 'local:', {}), (OSError, 'local:a', {'max_size': 'many'}),
                                      (OSError, 'local:a', {'unknown': 1}), (TypeError, 'nonsense:a', {})):
            with self.subTest(uri=uri, parameters=parameters), self.assertRaises(kind):
                mproc.open(uri, **parameters)
        with self.assertRaises(TypeError):
            Mp.queue_open(None)
        mproc.open('local:a', max_size=2)
        with self.assertRaises(FileExistsError):
            mproc.open('local:a', max_size=3)

    def test_codec(self):
        queue = Mp.queue_open('local:a')
        with self.assertRaises(TypeError):
            queue.put(Point(1))
        queue = Mp.queue_open('local:a', codec=pickle)
        queue.put(Point(1))
        self.assertEqual(queue.get(), Point(1))


class TestWait(unittest.TestCase):
    def test_wait(self):
        queue, (first, second) = mproc.Queue(), mproc.Pipe()
        self.assertEqual(mproc.connection.wait([queue, first], 0), [])
        queue.put(1)
        second.send(2)
        self.assertEqual(mproc.connection.wait([queue, first, second], 0), [queue, first])
        with self.assertRaises(KeyError):
            mproc.connection.wait([first, first], 0)


if __name__ == '__main__':
    unittest.main()
