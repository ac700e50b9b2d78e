# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mp.Queue and Mp.SimpleQueue as Python programs use them."""

import array
import asyncio
import concurrent.futures
import contextlib
import datetime
import errno
import os
import pickle
import queue
import resource
import select
import signal
import threading
import time
import types
import unittest

from helping import DEADLINE, METHODS, TestCase, lock_held, wait_until

from gi.repository import Gio, GLib, Mp

VALUES = [
    None, True, False, 0, -1, 255, 65536, 2 ** 31, -2 ** 63, 2 ** 64 - 1, 2 ** 200, 0.0, -1.5, 1e300,
    float('inf'), '', 'text', 'a\0b', 'é€😀', b'', b'bytes\0', bytearray(b'ab'), bytearray(), [], [1, [2, [3]]],
    (), (1,), (1, 'two', 3.0, None), {}, {'a': 1, 'b': [True]}, {1: 'one', -5: 'minus five'},
    {(1, 2): 'pair'}, set(), {1, 2}, frozenset({'x'}), [None] * 3000,
]


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


class Codec(types.SimpleNamespace):
    """A codec like dill, with another name."""


def codec(name):
    return Codec(__name__=name, dumps=pickle.dumps, loads=pickle.loads)


def echo(requests, replies):
    for request in requests:
        replies.put(request)


def put_numbers(numbers, first, n):
    for number in range(first, first + n):
        numbers.put(number)


def get_for_ever(tasks, started):
    started.put(os.getpid())
    tasks.get()


def get_until_interrupted(tasks, results):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        results.put('waiting')
        tasks.get()
    except KeyboardInterrupt:
        results.put('interrupted')


inherited = None


def inherit(given):
    global inherited
    inherited = given


def put_inherited(value):
    inherited.put(value)


class TestQueue(TestCase):
    def test_values(self):
        numbers = Mp.Queue()
        for value in VALUES:
            with self.subTest(value=repr(value)[:40]):
                numbers.put(value)
                got = numbers.get()
                self.assertEqual(got, value)
                self.assertIs(type(got), type(value))

    def test_not_a_number(self):
        numbers = Mp.Queue()
        numbers.put(float('nan'))
        self.assertNotEqual(*[numbers.get()] * 2)

    def test_shared_and_recursive_values(self):
        values = Mp.Queue()
        inner = [1]
        values.put([inner, inner])
        got = values.get()
        self.assertIs(got[0], got[1])
        inner.append(inner)
        values.put(inner)
        got = values.get()
        self.assertIs(got[1], got)

    def test_put_takes_a_snapshot(self):
        values = Mp.Queue()
        value = [1]
        values.put(value)
        value.append(2)
        self.assertEqual(values.get(), [1])

    def test_buffers(self):
        values = Mp.Queue()
        values.put(memoryview(b'abcdef')[::2])
        self.assertEqual(values.get(), b'ace')
        values.put(memoryview(array.array('i', [1, 2])))
        self.assertEqual(values.get(), array.array('i', [1, 2]).tobytes())

    def test_megabytes(self):
        values = Mp.Queue()
        for value in (os.urandom(1 << 20), 'é' * (1 << 20), [b'x' * 70000] * 3):
            values.put(value)
            self.assertEqual(values.get(), value)

    def test_variants(self):
        values = Mp.Queue()
        values.put(GLib.Variant('(sa{sv}i)', ('a', {'b': GLib.Variant('d', 0.5)}, 3)))
        self.assertEqual(values.get(), ('a', {'b': 0.5}, 3))
        Mp.Queue.put_message(values, Mp.Message.new_json('{"a": [1, 2.5, null]}'), 0, None)
        self.assertEqual(values.get(), {'a': [1, 2.5, None]})
        values.put([1, 'two'])
        self.assertEqual(values.get_message(0, None).get_variant().unpack(), [1, 'two'])

    def test_unsupported(self):
        values = Mp.Queue()
        for value, name in ((lambda: 0, 'function'), (Point(1, 2), 'Point'),
                            (datetime.date.today(), 'datetime.date'), (range(3), 'range'),
                            ([1, {'a': 1j}], 'complex'), (open(os.devnull), 'TextIO'), (len, 'len')):
            with self.subTest(name=name), self.assertRaisesRegex(TypeError, name):
                values.put(value)
        self.assertTrue(values.empty())

    def test_depth(self):
        values = Mp.Queue()
        deep = None
        for _ in range(10000):
            deep = [deep]
        with self.assertRaises((RecursionError, TypeError)):
            values.put(deep)
        self.assertEqual(values.qsize(), 0)

    def test_full(self):
        values = Mp.Queue(2)
        values.put(1)
        self.assertFalse(values.full())
        values.put(2)
        self.assertTrue(values.full())
        for arguments in ((3, False), (3, False, 9), (3, True, 0), (3, True, -1), (3, True, 0.02),
                          (b'3', True, 0.02), (GLib.Variant('i', 3), True, 0.02)):
            with self.subTest(arguments=arguments), self.assertRaises(queue.Full):
                values.put(*arguments)
        with self.assertRaises(queue.Full):
            values.put_nowait(3)
        self.assertEqual([values.get(), values.get()], [1, 2])

    def test_waits_for_stopped(self):
        for kind, lock, name, arguments in (
                (Mp.Queue, 'tail', 'put', (b'1',)), (Mp.Queue, 'tail', 'put', (1, True, DEADLINE)),
                (Mp.Queue, 'tail', 'put', (GLib.Variant('i', 1),)),
                (Mp.Queue, 'tail', 'put_many', ([1, 2],)), (Mp.Queue, 'tail', 'put_nowait', (1,)),
                (Mp.Queue, 'head', 'get', ()), (Mp.Queue, 'head', 'get', (True, DEADLINE)),
                (Mp.Queue, 'head', 'get_many', ()), (Mp.JoinableQueue, 'head', 'get_task', ()),
                (Mp.JoinableQueue, 'head', 'get_tasks', ()), (Mp.JoinableQueue, 'arena', 'get_task', ())):
            values = kind()
            values.put(b'first')
            with self.subTest(name=name, arguments=arguments), lock_held(values, lock) as pid:
                going_on = threading.Timer(0.1, os.kill, (pid, signal.SIGCONT))
                going_on.start()
                getattr(values, name)(*arguments)
                going_on.join()

    def test_stopped_for_ever(self):
        values = Mp.JoinableQueue()
        values.put(b'first')
        for lock, calls in (
                ('tail', (('put', (1, True, 0.2)), ('put', (GLib.Variant('i', 1), True, 0.2)), ('put_nowait', (1,)),
                          ('put_many', ([1, 2], 0.2)))),
                ('head', (('get', (True, 0.2)), ('get_many', (2, 0.2)), ('get_task', (True, 0.2)),
                          ('get_tasks', (2, True, 0.2)))),
                ('arena', (('get_task', (True, 0.2)),))):
            with lock_held(values, lock) as pid:
                self.assertFalse(values.full())
                for name, arguments in calls:
                    with self.subTest(name=name, lock=lock), self.assertRaises(OSError) as caught:
                        getattr(values, name)(*arguments)
                    self.assertEqual(caught.exception.errno, errno.EBUSY)
                    self.assertIn(str(pid), str(caught.exception))
        self.assertEqual(values.qsize(), 1)

    def test_nothing_now_for_stopped(self):
        values = Mp.JoinableQueue()
        values.put(b'first')
        with lock_held(values, 'head'):
            for name, arguments in (('get', (False,)), ('get', (True, 0)), ('get_many', (2, 0)), ('get_task', (False,)),
                                    ('get_task', (True, 0)), ('get_tasks', (2, False))):
                with self.subTest(name=name, arguments=arguments), self.assertRaises(queue.Empty):
                    getattr(values, name)(*arguments)
        self.assertEqual(values.get(), b'first')

    def test_part_put_before_stop(self):
        """A chunk is put in several steps; others may hold the lock in between."""
        values = Mp.Queue(4)
        values.put(0)

        def pause(numbers):
            with lock_held(values, 'tail'):
                yield from numbers

        with self.assertRaises(OSError) as caught:
            values.put_many((number for part in ([1], pause([2, 3])) for number in part), 0.2)
        self.assertEqual(caught.exception.n_put, 1)
        self.assertEqual(values.qsize(), 2)

    def test_empty(self):
        values = Mp.Queue()
        self.assertTrue(values.empty())
        for arguments in ((False,), (False, 9), (True, 0), (True, -1), (True, 0.02)):
            with self.subTest(arguments=arguments), self.assertRaises(queue.Empty):
                values.get(*arguments)
        with self.assertRaises(queue.Empty):
            values.get_nowait()

    def test_timeout(self):
        begin = time.monotonic()
        with self.assertRaises(queue.Empty):
            Mp.Queue().get(timeout=0.2)
        self.assertGreaterEqual(time.monotonic() - begin, 0.2)

    def test_maxsize(self):
        self.assertEqual(Mp.Queue(7).get_max_size(), 7)
        self.assertEqual(Mp.Queue(-7).get_max_size(), 0)
        self.assertEqual(Mp.Queue(max_size=7).get_max_size(), 7)
        with self.assertRaises(TypeError):
            Mp.Queue('7')
        with self.assertRaises(OverflowError):
            Mp.Queue(2 ** 40)

    def test_name(self):
        self.assertEqual(Mp.Queue(name='tasks').get_name(), 'tasks')
        self.assertIsNone(Mp.Queue().props.name)
        with self.assertRaises(OSError):
            Mp.Queue(name='4').put(1)

    def test_too_large(self):
        values = Mp.Queue(max_bytes=1000)
        with self.assertRaises(OSError):
            values.put(b'x' * 100000)
        self.assertEqual(values.qsize(), 0)

    def test_no_descriptors(self):
        def make(answers):
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            descriptors = []
            with contextlib.suppress(OSError):
                while True:
                    descriptors.append(os.open('/dev/null', os.O_RDONLY))
            errors = []
            for _ in range(8):
                try:
                    Mp.Queue().fileno()
                except OSError as error:
                    errors.append(error.errno)
                os.close(descriptors.pop())
            answers.put(errors)

        answers = Mp.Queue()
        self.finish(self.start(make, answers))
        errors = answers.get()
        self.assertIn(len(errors), range(3, 7))
        self.assertEqual(set(errors), {errno.EMFILE})

    def test_no_descriptor_for_the_memory(self):
        """The constructor fails, not the first call."""
        def make(answers):
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, 64))
            errors = []
            for kind in Mp.Queue, Mp.JoinableQueue, Mp.SimpleQueue:
                try:
                    kind()
                except OSError as error:
                    errors.append(error.errno)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            answers.put(errors)

        answers = Mp.Queue()
        self.finish(self.start(make, answers))
        self.assertEqual(answers.get(), [errno.EMFILE] * 3)

    def test_bytes_are_counted(self):
        values = Mp.Queue()
        values.put_bytes(GLib.Bytes.new(b'x' * 1000), -1, None)
        values.put_bytes(GLib.Bytes.new(b'x' * 10), -1, None)
        self.assertEqual(values.get_n_bytes(), 1010)
        values.get()
        self.assertEqual(values.get_n_bytes(), 10)

    def test_closed(self):
        values = Mp.Queue()
        with self.assertRaises(AssertionError):
            values.join_thread()
        with values:
            values.put(1)
        values.close()
        values.join_thread()
        values.cancel_join_thread()
        for call in (values.get, values.get_nowait, lambda: values.put(1), lambda: values.put_nowait(b'')):
            with self.assertRaisesRegex(ValueError, 'is closed'):
                call()
        with self.assertRaisesRegex(OSError, 'is closed'):
            values.empty()

    def test_shutdown(self):
        values = Mp.Queue()
        for number in range(3):
            values.put(number)
        values.shutdown()
        with self.assertRaises(ValueError):
            values.put(3)
        self.assertEqual(list(values), [0, 1, 2])
        with self.assertRaises(ValueError):
            values.get()

    def test_codec(self):
        values = Mp.Queue(codec=codec('one'))
        for value in (Point(1, 2), {'a': 1}, b'bytes', [Point(3, 4)], range(3)):
            values.put(value)
            self.assertEqual(values.get(), value)

    def test_wrong_codec(self):
        values = Mp.Queue(codec=codec('one'))
        values.put(Point(1, 2))
        for other in (None, codec('two')):
            values.codec = other
            with self.assertRaisesRegex(TypeError, 'one'):
                values.get(timeout=DEADLINE)
            self.assertEqual(values.qsize(), 1)
        values.codec = codec('one')
        self.assertEqual(values.get(), Point(1, 2))

    def test_no_json_is_refused(self):
        values = Mp.Queue()
        for text in ('{"a": ', 'nul', ''):
            with self.assertRaises(ValueError):
                values.put_json(text, 0, None)
        self.assertTrue(values.empty())

    def test_a_codec_needs_its_functions(self):
        with self.assertRaisesRegex(TypeError, 'dumps'):
            Mp.Queue(codec=time)

    def test_fileno(self):
        values = Mp.Queue()
        self.assertEqual(select.select([values], [], [], 0)[0], [])
        values.put(1)
        self.assertEqual(select.select([values], [], [], DEADLINE)[0], [values])
        values.get()
        self.assertEqual(select.select([values], [], [], 0)[0], [])

    def test_foreign_loops(self):
        values = Mp.Queue()
        poll, epoll = select.poll(), select.epoll()
        poll.register(values, select.POLLIN)
        epoll.register(values, select.EPOLLIN)
        self.assertEqual((poll.poll(0), epoll.poll(0)), ([], []))
        values.put(b'')
        self.assertEqual((len(poll.poll(0)), len(epoll.poll(0))), (1, 1))
        self.assertEqual(values.get(), b'')
        self.assertEqual((poll.poll(0), epoll.poll(0)), ([], []))
        epoll.close()

    def test_asyncio_reader(self):
        values, got = Mp.Queue(), []

        async def read():
            loop, done = asyncio.get_running_loop(), asyncio.Event()

            def ready():
                got.append(values.get_nowait())
                if len(got) == 3:
                    done.set()
            loop.add_reader(values.fileno(), ready)
            for value in range(3):
                loop.call_soon(values.put, value)
            await asyncio.wait_for(done.wait(), DEADLINE)
            loop.remove_reader(values.fileno())
        asyncio.run(read())
        self.assertEqual(got, [0, 1, 2])

    def test_closed(self):
        for end in ('shutdown', 'close'):
            queue, values, seen = Mp.Queue(), [], []
            queue.connect('message', lambda queue, message: values.append(message.get_variant().unpack()))
            queue.connect('notify::closed', lambda queue, _: seen.append(queue.props.closed))
            queue.connect('closed', lambda queue, reason: seen.append(reason))
            queue.put('last')
            queue.start()
            wait_until(lambda: GLib.MainContext.default().iteration(True) and values)
            getattr(queue, end)()
            wait_until(lambda: len(seen) == 2 or GLib.MainContext.default().iteration(True) and len(seen) == 2)
            self.assertIs(seen[0], True)
            if end == 'close':
                self.assertIsNone(seen[1])
            else:
                self.assertTrue(seen[1].matches(Mp.error_quark(), Mp.Error.CLOSED))
            self.assertRaises(ValueError, queue.get)

    def test_clear(self):
        queue = Mp.Queue()
        queue.put_many([1, 2, 3])
        self.assertEqual(queue.clear(), 3)
        self.assertEqual(queue.clear(), 0)
        queue.put(4)
        self.assertEqual(queue.get(), 4)

    def test_signals_in_blocking_calls(self):
        empty, full = Mp.Queue(), Mp.Queue(1)
        full.put(0)
        self.assertInterrupted(empty.get)
        self.assertInterrupted(empty.get, True, DEADLINE)
        self.assertInterrupted(full.put, 1)
        self.assertInterrupted(full.put, b'1', True, DEADLINE)
        self.assertInterrupted(full.put, GLib.Variant('i', 1))
        self.assertInterrupted(lambda: next(iter(empty)))
        self.assertEqual(full.get(), 0)
        self.assertTrue(full.empty())

    def test_simple_queue(self):
        values = Mp.SimpleQueue()
        self.assertTrue(values.empty())
        values.put({'a': 1})
        self.assertFalse(values.empty())
        self.assertEqual(values.get(), {'a': 1})
        self.assertInterrupted(values.get)
        values.close()
        values.close()
        with self.assertRaisesRegex(OSError, 'is closed'):
            values.empty()
        with self.assertRaises((OSError, ValueError)):
            values.put(1)

    def test_subscript(self):
        self.assertIs(Mp.Queue[int].__origin__, Mp.Queue)
        self.assertIs(Mp.SimpleQueue[int].__origin__, Mp.SimpleQueue)


class TestProcesses(TestCase):
    def test_start_methods(self):
        for method in METHODS:
            with self.subTest(method=method):
                requests, replies = Mp.Queue(), Mp.SimpleQueue()
                child = self.start(echo, requests, replies, method=method)
                for value in VALUES:
                    requests.put(value)
                for value in VALUES:
                    self.assertEqual(Mp.Queue.get(replies, timeout=DEADLINE), value)
                requests.shutdown()
                self.finish(child)

    def test_pickling_elsewhere(self):
        for values in (Mp.Queue(), Mp.SimpleQueue(), Mp.JoinableQueue()):
            with self.assertRaisesRegex(RuntimeError, 'inheritance'):
                pickle.dumps(values)
            with self.assertRaisesRegex(RuntimeError, 'inheritance'):
                values.put(values)

    def test_codec_travels(self):
        requests = Mp.Queue(codec=pickle)
        replies = Mp.Queue(codec=pickle)
        child = self.start(echo, requests, replies, method='spawn')
        requests.put(Point(1, 2))
        self.assertEqual(replies.get(timeout=DEADLINE), Point(1, 2))
        requests.shutdown()
        self.finish(child)

    def test_many_producers(self):
        numbers = Mp.Queue(50)
        children = [self.start(put_numbers, numbers, i * 1000, 1000) for i in range(4)]
        got = [numbers.get(timeout=DEADLINE) for _ in range(4000)]
        self.assertEqual(sorted(got), list(range(4000)))
        for i in range(4):
            of_one = [number for number in got if number // 1000 == i]
            self.assertEqual(of_one, sorted(of_one))
        for child in children:
            self.finish(child)

    def test_a_killed_consumer(self):
        tasks, started = Mp.Queue(), Mp.Queue()
        child = self.start(get_for_ever, tasks, started)
        self.assertEqual(started.get(timeout=DEADLINE), child.pid)
        child.kill()
        self.finish(child, -signal.SIGKILL)
        tasks.put('still here')
        self.assertEqual(tasks.get(timeout=DEADLINE), 'still here')

    def test_interrupt(self):
        tasks, results = Mp.Queue(), Mp.Queue()
        child = self.start(get_until_interrupted, tasks, results)
        self.assertEqual(results.get(timeout=DEADLINE), 'waiting')
        begin = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        self.assertEqual(results.get(timeout=DEADLINE), 'interrupted')
        self.assertLess(time.monotonic() - begin, 5)
        self.finish(child)

    def test_os_fork(self):
        values = Mp.Queue()
        values.put('before')
        pid = os.fork()
        if pid == 0:
            try:
                values.put([values.get(timeout=DEADLINE), 'after'])
            finally:
                os._exit(0)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertEqual(values.get(timeout=DEADLINE), ['before', 'after'])

    def test_executor(self):
        values = Mp.Queue()
        with concurrent.futures.ProcessPoolExecutor(2, initializer=inherit,
                                                    initargs=(values,)) as executor:
            list(executor.map(put_inherited, range(10)))
        self.assertEqual(sorted(values.get(timeout=DEADLINE) for _ in range(10)), list(range(10)))


class TestAsync(TestCase):
    def run_glib(self, coroutine):
        future = Mp.run_coroutine(coroutine)
        context = GLib.MainContext.default()
        wait_until(lambda: future.done() or context.iteration(False) and False)
        return future.result()

    async def get_and_put(self, requests, replies):
        for number in range(20):
            await requests.put_async(number)
            self.assertEqual(await replies.get_async(), number)
        requests.shutdown()

    async def get_all(self, values):
        return [value async for value in values]

    def both(self, make):
        with self.subTest(loop='asyncio'):
            yield lambda coroutine: asyncio.run(asyncio.wait_for(coroutine, DEADLINE))
        with self.subTest(loop='GLib'):
            yield self.run_glib

    def test_round_trips(self):
        for run in self.both(self):
            requests, replies = Mp.Queue(), Mp.Queue()
            child = self.start(echo, requests, replies)
            run(self.get_and_put(requests, replies))
            self.finish(child)

    def test_iteration(self):
        for run in self.both(self):
            values = Mp.Queue(2)
            child = self.start(put_and_shut_down, values, 100)
            self.assertEqual(run(self.get_all(values)), list(range(100)))
            self.finish(child)

    def test_put_waits_for_room(self):
        for run in self.both(self):
            values, results = Mp.Queue(1), Mp.Queue()
            values.put(0)
            child = self.start(get_three, values, results)

            async def put():
                for number in (1, 2):
                    await values.put_async(number)

            run(put())
            self.assertEqual(results.get(timeout=DEADLINE), [0, 1, 2])
            self.finish(child)

    def test_calls_go_on_after_a_stop(self):
        """They leave the loop time, and succeed when the process that holds the lock goes on."""
        async def release(pid):
            # After the call has tried several times.
            for _ in range(5):
                await asyncio.sleep(0.02)
            os.kill(pid, signal.SIGCONT)

        for name, arguments, lock, result in (
                ('get_async', (), 'head', 4), ('get_many_async', (2,), 'head', [4, 5]), ('clear_async', (), 'head', 2),
                ('shutdown_async', (), 'tail', True), ('get_tasks_async', (2,), 'arena', None),
                ('finish_tasks_async', ('tasks',), 'arena', None), ('task_done_async', (), 'arena', True),
                ('done_async', (), 'arena', None), ('retry_async', (), 'head', None)):
            values = Mp.JoinableQueue()
            for number in range(6):
                values.put(number)
            tasks = values.get_tasks(3, False)
            values.get()
            with self.subTest(name=name), lock_held(values, lock) as pid:
                call = getattr(tasks[0] if hasattr(tasks[0], name) else values, name)

                async def main():
                    going_on = asyncio.ensure_future(release(pid))
                    got = await call(*(tasks if argument == 'tasks' else argument for argument in arguments))
                    await going_on
                    return got

                got = asyncio.run(asyncio.wait_for(main(), DEADLINE))
                if result is not None:
                    self.assertEqual(got, result)

    def test_last_messages_of_a_queue_that_was_shut_down(self):
        for run in self.both(self):
            values = Mp.Queue()
            values.put(1)
            values.shutdown()
            self.assertEqual(run(values.get_many_async(2)), [1])

    def test_many_putters_stand_in_line(self):
        values, results = Mp.Queue(1), Mp.Queue()
        values.put(-1)

        async def put_all():
            putters = [asyncio.ensure_future(values.put_async(number)) for number in range(200)]
            await asyncio.sleep(0)
            for putter in putters[50:60]:
                putter.cancel()
            self.start(get_and_return, values, results, 191)
            await asyncio.gather(*putters[:50], *putters[60:])

        asyncio.run(asyncio.wait_for(put_all(), DEADLINE))
        self.assertEqual(results.get(timeout=DEADLINE), [-1, *range(50), *range(60, 200)])

    def test_many_putters_on_a_main_loop(self):
        values, results = Mp.Queue(1), Mp.Queue()
        putters = [Mp.run_coroutine(values.put_async(number)) for number in range(100)]
        self.start(get_and_return, values, results, 100)
        context = GLib.MainContext.default()
        wait_until(lambda: all(putter.done() for putter in putters) or context.iteration(False) and False)
        self.assertEqual(sorted(results.get(timeout=DEADLINE)), list(range(100)))

    def test_large_and_small_putters(self):
        values, results = Mp.Queue(max_bytes=1000), Mp.Queue()
        sizes = [900, 10, 700, 20, 990, 1] * 10

        async def put_all():
            for size in (400, 400):
                values.put(bytes(size))
            putters = [asyncio.ensure_future(values.put_async(bytes(size))) for size in sizes]
            await asyncio.sleep(0)
            self.start(get_and_return, values, results, len(sizes) + 2)
            await asyncio.gather(*putters)

        asyncio.run(asyncio.wait_for(put_all(), DEADLINE))
        self.assertEqual([len(value) for value in results.get(timeout=DEADLINE)], [400, 400, *sizes])

    def test_waiting_for_room_costs_nothing(self):
        values = Mp.Queue(1)
        values.put(0)
        self.assertWaitsQuietly(lambda: values.put_async(1))
        self.assertEqual(values.get(), 0)
        self.assertTrue(values.empty())

    def test_shutdown_ends_the_waiting_for_room(self):
        async def main():
            values = Mp.Queue(1)
            values.put(0)
            putters = [asyncio.ensure_future(values.put_async(number)) for number in range(3)]
            await asyncio.sleep(0)
            self.start(values.shutdown)
            for putter in putters:
                with self.assertRaises(ValueError):
                    await putter

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_two_getters_share_a_queue(self):
        async def main():
            values = Mp.Queue()
            getters = [asyncio.ensure_future(values.get_async()) for _ in range(5)]
            await asyncio.sleep(0)
            getters.pop(0).cancel()
            for number in range(4):
                values.put(number)
            self.assertEqual(sorted(await asyncio.gather(*getters)), [0, 1, 2, 3])

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_failures_reach_the_caller(self):
        values = Mp.Queue()
        values.shutdown()
        for run in self.both(self):
            with self.assertRaises(ValueError):
                run(values.get_async())


def put_and_shut_down(values, n):
    for number in range(n):
        values.put(number)
    values.shutdown()


def get_three(values, results):
    get_and_return(values, results, 3)


def get_and_return(values, results, n):
    results.put([values.get(timeout=DEADLINE) for _ in range(n)])


if __name__ == '__main__':
    unittest.main()
