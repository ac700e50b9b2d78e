# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mproc and monitors show of queues on a server, and what they say if something is wrong there."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest

import helping
import servers

from gi.repository import Gio, GLib, Mp

from commands import TIMEOUT, Program, mproc, objects, own_folder, start, wait_until

FOLDER = own_folder()
GONE = 'handle is closed'
MOST = 256  # sessions, and tasks of each state, in one sample

# A worker that does what it reads until the end of its input.
WORKER = '''
import sys
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
queue = Mp.queue_open(sys.argv[1])
for line in sys.stdin:
    exec(line)
    print(flush=True)
'''


def ask(server, *words):
    """Sends a command to the server, and returns the answer as it comes."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(TIMEOUT)
        peer.connect(server.path)
        peer.sendall(b'*%d\r\n' % len(words))
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            peer.sendall(b'$%d\r\n%s\r\n' % (len(data), data))
        return peer.recv(1 << 20).decode()


class Case(helping.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server(*cls.options)
        cls.addClassCleanup(cls.server.stop)

    @property
    def place(self):
        return f'redis+unix://{self.server.path}'

    @property
    def name(self):
        return self.id().rpartition('.')[2]

    def uri(self, parameters=''):
        return f'{self.place}?name={self.name}{parameters}'

    def open(self, parameters=''):
        return Mp.queue_open(self.uri('&mode=joinable' + parameters))

    def worker(self, parameters=''):
        worker = Program([sys.executable, '-c', WORKER, self.uri(parameters)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, worker)
        return worker

    @staticmethod
    def end(program):
        program.kill()
        program.wait()
        for stream in (program.stdin, program.stdout, program.stderr):
            if stream:
                stream.close()

    def do(self, worker, line):
        worker.stdin.write(line + '\n')
        worker.stdin.flush()
        self.assertIsNotNone(worker.line())

    def shown(self):
        result = mproc('show', '--json', self.uri())
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return json.loads(result.stdout)

    def events(self):
        """Starts `mproc monitor`, and returns when it watches."""
        events = start('monitor', '--json', '-d', '0.02', self.uri())
        self.addCleanup(self.end, events)
        while not events.line(timeout=0.05):
            Mp.queue_open(self.uri())
        return events

    def monitor(self, parameters=''):
        monitor = Mp.QueueMonitor.new_for_uri(self.uri(parameters))
        monitor.refresh()
        return monitor


class TestFacts(Case):
    def test_numbers(self):
        queue = self.open('&max-size=20')
        for value in range(3):
            queue.put(value)
        task = queue.get_task()
        shown = self.shown()
        self.assertEqual({key: shown[key] for key in ('name', 'kind', 'uri', 'size', 'max_size', 'max_bytes', 'put', 'got',
                                                      'unfinished', 'held', 'again', 'dead', 'handles', 'shut_down',
                                                      'damaged')},
                         {'name': self.name, 'kind': 'JoinableQueue', 'uri': self.uri(), 'size': 2, 'max_size': 20,
                          'max_bytes': 1 << 32, 'put': 3, 'got': 1, 'unfinished': 3, 'held': 1, 'again': 0, 'dead': 0,
                          'handles': 1, 'shut_down': False, 'damaged': False})
        task.done()
        queue.shutdown()
        shown = self.shown()
        self.assertEqual((shown['unfinished'], shown['shut_down']), (2, True))

    def test_what_a_server_does_not_record_is_unknown(self):
        queue = self.open()
        queue.put(1)
        task = queue.get_task()
        shown = self.shown()
        [process], [row] = shown['processes'], shown['tasks']
        for place, key in ((shown, 'memory'), (shown, 'redelivered'), (shown['creator'], 'pid'),
                           (shown['rates'], 'bytes_in'), (shown['rates'], 'bytes_out'), (shown['waiting'], 'loops'),
                           (process, 'got'), (process, 'pid'), (row, 'held_us')):
            self.assertIsNone(place[key], key)
        self.assertGreaterEqual(row['seen_us'], 0)
        text = mproc('show', self.uri()).stdout
        self.assertNotIn('memory', text)
        self.assertIn('≥', text)
        task.done()

    def test_plain_queue(self):
        queue = Mp.queue_open(self.uri())
        queue.put_many([1, 2, 3])
        queue.get()
        shown = self.shown()
        self.assertEqual((shown['kind'], shown['size'], shown['got'], shown['unfinished'], shown['tasks']),
                         ('Queue', 2, 1, 0, []))

    def test_who_takes_part(self):
        queue, worker = self.open(), self.worker()
        queue.put(b'a task')
        self.do(worker, "task = queue.get_task(); task.set_progress(0.25, 'a quarter')")
        shown = self.shown()
        found = {each['pid_inside']: each for each in shown['processes']}
        self.assertEqual(set(found), {os.getpid(), worker.pid})
        self.assertEqual((found[os.getpid()]['put'], found[os.getpid()]['held'], found[worker.pid]['held']), (1, 0, 1))
        for each in found.values():
            self.assertEqual((each['host'], each['away']), (socket.gethostname(), False))
        self.assertEqual(found[os.getpid()]['command'], os.path.basename(sys.argv[0]))
        [row] = shown['tasks']
        self.assertEqual((row['state'], row['slot'], row['deliveries'], row['size'], row['progress'], row['text']),
                         ('held', found[worker.pid]['slot'], 1, 6, 0.25, 'a quarter'))

    def test_who_waits(self):
        queue, worker = self.open('&max-size=1'), self.worker()
        worker.stdin.write('task = queue.get_task()\n')
        worker.stdin.flush()
        wait_until(lambda: self.shown()['waiting']['get'] == 1)
        queue.put(1)
        self.assertIsNotNone(worker.line())
        queue.put(2)
        worker.stdin.write('queue.put(3)\n')
        worker.stdin.flush()
        wait_until(lambda: self.shown()['waiting']['put'] == 1)

    def test_looking_leaves_nothing_behind(self):
        self.open().put(1)
        key = f'mp1:{{{self.name}}}:c'

        def state():
            return sorted(ask(self.server, 'KEYS', '*').split()), sorted(ask(self.server, 'HGETALL', key).split())

        wait_until(lambda: 'o:' not in str(state()[0]))
        before = state()
        monitor = self.monitor()
        monitor.peek(0, 10)
        for command in (('show', self.uri()), ('peek', self.uri()), ('ls', self.place), ('top', '-b', '-n', '1', self.uri())):
            self.assertEqual(mproc(*command).returncode, 0)
        self.assertEqual(state(), before)
        self.assertEqual(ask(self.server, 'PUBSUB', 'SHARDCHANNELS', '*'), '*0\r\n')

    def test_killed_worker(self):
        """It is shown as away while the server waits for it, and then has died; its task comes back."""
        queue, worker = self.open('&grace=0.3'), self.worker()
        queue.put('task')
        self.do(worker, 'task = queue.get_task()')
        with self.events() as events:
            monitor = self.monitor()
            # Nobody looks who has died but those that take part.
            worker.kill()
            wait_until(lambda: (monitor.refresh(), any(row['away'] for row in monitor.list_processes().unpack()))[1])
            self.assertEqual(monitor.list_tasks(9).unpack()[0]['n-deliveries'], 1)
            task = queue.get_task(timeout=TIMEOUT)
            self.assertEqual(task.get_delivery_count(), 2)
            seen = {}
            while not {'died', 'claimed'} <= set(seen):
                event = json.loads(events.line())
                seen[event['event']] = event
            events.terminate()
        self.assertEqual((seen['died']['pid_inside'], seen['claimed']['pid_inside']), (worker.pid, os.getpid()))
        self.assertEqual([row['n-deliveries'] for row in (monitor.refresh(), monitor.list_tasks(9).unpack())[1]], [2])

    def test_goodbye(self):
        worker = self.worker('&mode=joinable')
        self.do(worker, 'other = Mp.queue_open(sys.argv[1])')
        with self.events() as events:
            self.do(worker, 'other = None')
            while (event := json.loads(events.line()))['event'] != 'left' or event['pid_inside'] != worker.pid:
                self.assertNotEqual(event['event'], 'died')
            events.terminate()

    def test_dead_letters(self):
        queue = self.open('&max-deliveries=1')
        for value in ('first', 'second'):
            queue.put(value.encode())
            queue.get_task().retry()
        self.assertEqual([(row['state'], row['size']) for row in self.shown()['tasks']], [('dead', 5), ('dead', 6)])
        self.assertEqual(mproc('peek', '--dead', '--format=raw', self.uri()).stdout, 'firstsecond')
        self.assertEqual(mproc('requeue', self.uri()).stdout, '2 put back\n')
        self.assertEqual(self.shown()['dead'], 0)
        self.assertEqual(mproc('peek', '--dead', self.uri()).returncode, 3)

    def test_removed(self):
        self.open().put(1)
        monitor = self.monitor()
        self.assertEqual(mproc('rm', self.uri()).stderr, '')
        self.open().put(2)
        with self.assertRaisesRegex(OSError, GONE):
            monitor.refresh()
        self.assertEqual(self.monitor().props.size, 1)


class TestMessages(Case):
    def test_peek(self):
        queue = self.open()
        for value in (1, 'x' * 100000, [2, None]):
            queue.put(value)
        messages = objects(mproc('peek', '--json', self.uri()).stdout)
        self.assertEqual([(each['position'], each['value']) for each in messages],
                         [(0, 1), (1, 'x' * 100000), (2, [2, None])])
        task = queue.get_task()
        self.assertEqual(mproc('peek', '--held', '--format=json', self.uri()).stdout, '1\n')
        self.assertEqual(mproc('peek', '-n', '1', '--format=json', '--max-size=3', self.uri()).stdout.strip()[:2], '"x')
        task.done()

    def test_too_large(self):
        queue = self.open()
        queue.put(bytes(2 << 20))
        queue.put('next')
        result = mproc('peek', '--json', self.uri())
        self.assertIn('more than a monitor shows', result.stderr)
        self.assertEqual([each['value'] for each in objects(result.stdout)], ['next'])

    def test_many(self):
        queue = self.open()
        queue.put_many(range(1000))
        self.assertEqual([each['value'] for each in objects(mproc('peek', '-n', '1000', '--json', self.uri()).stdout)],
                         list(range(1000)))

    def test_tail(self):
        queue = self.open()
        queue.put('before')
        with start('tail', '-n', '3', '--json', self.uri(), stderr=subprocess.PIPE) as tail:
            # It begins with what is put once it has looked.
            sent = 0
            while tail.poll() is None:
                queue.put(sent)
                sent += 1
                helping.iterate_until(lambda: True)
                try:
                    tail.wait(0.05)
                except subprocess.TimeoutExpired:
                    pass
            values = [each['value'] for each in objects(tail.stdout.read())]
            self.assertEqual(tail.stderr.read(), '')
        self.assertEqual(values, list(range(values[0], values[0] + 3)))

    def test_what_the_server_has_lost_is_left_out(self):
        queue = self.open()
        queue.put_many(['a', 'x' * 100000, 'c'])
        ask(self.server, 'DEL', f'mp1:{{{self.name}}}:y:2')
        ask(self.server, 'HDEL', f'mp1:{{{self.name}}}:m', '1')
        found, after = self.monitor().peek(0, 10)
        self.assertEqual(([message.get_json() for message in found], after), (['"c"'], 3))


class TestMany(Case):
    def test_bounds(self):
        """However much there is, a sample is bounded, and the numbers are right."""
        queue, others = self.open(), [self.open() for _ in range(2)]
        queue.put_many(range(3 * MOST))
        held = []
        for number, other in enumerate(others, 1):
            while len(held) < number * MOST:
                held += other.get_tasks(number * MOST - len(held))
        monitor = self.monitor()
        self.assertEqual((monitor.props.n_held, monitor.props.size), (2 * MOST, MOST))
        self.assertEqual(len(monitor.list_tasks(10000).unpack()), MOST)
        self.assertEqual(len(monitor.list_tasks(10).unpack()), 10)
        self.assertEqual(sorted(row['n-held'] for row in monitor.list_processes().unpack()), [0, MOST, MOST])
        del held

    def test_sessions(self):
        name = f'mp1:{{{self.name}}}:'
        self.open().put(1)
        peers = []
        for number in range(2 * MOST):
            peer = socket.socket(socket.AF_UNIX)
            self.addCleanup(peer.close)
            peer.connect(self.server.path)
            ask(self.server, 'HSET', f'{name}c', f'i{number + 1:016x}', '1795822388045 host 17 program')
            peer.sendall(f'SSUBSCRIBE {name}{number + 1:016x}\r\n'.encode())
            peers.append(peer)
        for peer in peers:
            self.assertIn(b'ssubscribe', peer.recv(1000))
        monitor = self.monitor()
        first = {row['handle'] for row in monitor.list_processes().unpack()}
        self.assertGreaterEqual(monitor.props.n_processes, 2 * MOST)
        self.assertEqual(len(first), MOST)
        monitor.refresh()
        self.assertEqual({row['handle'] for row in monitor.list_processes().unpack()}, first)

    def test_all_queues_of_a_server(self):
        for name in ('b', 'a', 'with space', 'ü*?[x]'):
            Mp.queue_open(f'{self.place}?name={GLib.uri_escape_string(name, None, False)}').put(name)
        ask(self.server, 'SET', 'mp1:{foreign}:c', 'text')
        ask(self.server, 'SET', 'mp1:{}:c', 'text')
        shown = {each['name']: each for each in objects(mproc('ls', '--all', '--json', self.place).stdout)}
        self.assertEqual([name for name in shown if not name.startswith('test_')],
                         ['a', 'b', 'foreign', 'with space', 'ü*?[x]'])
        self.assertEqual([each['damaged'] for each in shown.values() if each['name'] in ('a', 'foreign')], [False, True])
        for name in ('with space', 'ü*?[x]'):
            self.assertEqual(mproc('show', '--json', shown[name]['uri']).returncode, 0)
            self.assertEqual(mproc('peek', '--format=json', shown[name]['uri']).stdout, json.dumps(name, ensure_ascii=False) + '\n')
        text = mproc('top', '-b', '-n', '2', '-d', '0.05', self.place).stdout
        self.assertIn('with space', text)


# What the page "Beyond one machine" says that looking needs.
WATCHING = ('+select +eval_ro +scan +type +exists +hget +hmget +hlen +hexists +hstrlen +hgetall +hscan +sscan +zcard +zscore '
            '+zrange +getrange +pubsub|shardchannels')


class TestRights(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        users = (('watcher', '>secret%word', '%R~mp1:{*}:*', '-@all', *WATCHING.split()), ('nobody', '>nothing', '-@all'),
                 ('half', '>half', '%R~mp1:{*}:*', '-@all', '+eval_ro', '+type'))
        for name, *rules in users:
            assert ask(cls.server, 'ACL', 'SETUSER', name, 'on', *rules) == '+OK\r\n'

    def as_user(self, user, password):
        return self.uri().replace('redis+unix://', f'redis+unix://{user}:{password}@')

    def test_reading_is_enough(self):
        queue = self.open('&max-deliveries=1')
        for value in ('dead', 'x' * 100000, 'held'):
            queue.put(value)
        queue.get_task().retry()
        uri = self.as_user('watcher', 'secret%25word')
        for command, wanted in ((('show', uri), 'JoinableQueue'), (('peek', uri), 'xxx'), (('peek', '--dead', uri), 'dead'),
                                (('top', '-b', '-n', '1', uri), self.name), (('ls', uri.partition('?')[0]), self.name)):
            result = mproc(*command)
            self.assertEqual((result.returncode, result.stderr), (0, ''), command)
            self.assertIn(wanted, result.stdout)
            self.assertNotIn('secret', result.stdout)
        # And it is not enough for more.
        self.assertEqual(mproc('put', uri, '1').returncode, 6)

    def test_refused(self):
        self.open().put(1)
        for uri, status, words in ((self.as_user('watcher', 'wr0ng'), 1, 'user or the password'),
                                   (self.as_user('nobody', 'nothing'), 6, 'does not allow'),
                                   (self.as_user('half', 'half'), 6, 'does not allow')):
            for command in ('show', 'peek', 'top', 'monitor', 'tail', 'ls'):
                result = mproc(command, uri)
                self.assertEqual(result.returncode, status, (command, result.stderr))
                self.assertIn(words, result.stderr)
                for secret in ('wr0ng', 'nothing', 'half@'):
                    self.assertNotIn(secret, result.stderr)


class TestTrouble(Case):
    options = ('--appendonly', 'yes', '--appendfsync', 'always')

    def setUp(self):
        super().setUp()
        if self.server.process.poll() is not None:
            self.server.start()

    def test_no_such_queue(self):
        for command in ('show', 'peek', 'top', 'monitor', 'tail', 'ls'):
            result = mproc(command, self.uri())
            self.assertEqual((result.returncode, 'There is no queue' in result.stderr), (4, True), command)

    def test_no_server(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            uri = f'redis://me:secret@127.0.0.1:{free.getsockname()[1]}/0?name=q'
            for command in ('show', 'ls', 'top', 'peek'):
                result = mproc(command, uri)
                self.assertEqual(result.returncode, 1)
                self.assertIn('Connection refused', result.stderr)
                self.assertNotIn('secret', result.stderr)

    def test_not_an_address(self):
        for uri in ('redis://', 'redis://h/x?name=q', 'redis+unix://nowhere?name=q', f'{self.place}?name=q&colour=red'):
            self.assertEqual(mproc('show', uri).returncode, 1)
        self.assertIn('scheme “ftp”', mproc('show', 'ftp://h/?name=q').stderr)

    def test_something_else_under_the_name(self):
        for place, command in (('c', ('SET',)), ('c', ('HSET', 'a')), ('c', ('HSET', 'v'))):
            key = f'mp1:{{{self.name}}}:{place}'
            ask(self.server, 'DEL', key)
            ask(self.server, command[0], key, *command[1:], '9')
            result = mproc('show', self.uri())
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, 'something else|layout')

    def test_damaged(self):
        self.open().put(1)
        key = f'mp1:{{{self.name}}}:c'
        monitor = self.monitor()
        incarnation = ask(self.server, 'HGET', key, 'in').splitlines()[1]
        for counters in ('', 'nonsense', f'{incarnation} 5 3 0 0 0 0 0 0', f'{incarnation} 0 1 1 -1 0 0 0 0', 'x' * 100000,
                         f'{incarnation} 0 1 1 2 0 0 0 0 more'):
            ask(self.server, 'HSET', key, 'q', counters)
            monitor.refresh()
            self.assertTrue(monitor.props.damaged, counters)
            self.assertIn('damaged', mproc('show', self.uri()).stdout)
        ask(self.server, 'HSET', key, 'q', f'{incarnation} 0 1 1 2 0 0 0 0', 'size', 'x', 'cap', '-5', 'limit', '9' * 30)
        ask(self.server, 'SADD', f'mp1:{{{self.name}}}:h', 'short', '0123456789abcdef', 'ZZZZZZZZZZZZZZZZ')
        ask(self.server, 'HSET', f'mp1:{{{self.name}}}:o:0123456789abcdef', '1', 'x 9e9 \x1b[31m\x00', 'id', '1', '-3', '7 0.5 ')
        ask(self.server, 'ZADD', f'mp1:{{{self.name}}}:d', '1', 'dead', '2', '4')
        shown = self.shown()
        self.assertEqual([(row['serial'], row['state'], row['deliveries'], row['progress']) for row in shown['tasks']],
                         [(-3, 'held', 7, 0.5), (1, 'held', 0, None), (4, 'dead', 0, None)])
        self.assertEqual([each['held'] for each in shown['processes'] if each['away']], [3])
        ask(self.server, 'SET', f'mp1:{{{self.name}}}:d', 'text')
        self.assertIn('something else', mproc('show', self.uri()).stderr)

    def test_garbage(self):
        """Whatever comes from a server is an error at once."""
        path = os.path.join(FOLDER, 'garbage')
        for reply in (b'HTTP/1.1 400 Bad Request\r\n\r\n', b'*1000000000\r\n', b'$9999999999\r\n', b'+OK\r\n', b':1\r\n', b'*0\r\n',
                      b'*1\r\n$5\r\nqueue\r\n', b'-\r\n', b'*-1\r\n', b'\0' * 100, b'*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n'):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
                server.listen()

                def serve():
                    try:
                        while True:
                            with server.accept()[0] as peer:
                                peer.recv(1 << 16)
                                peer.sendall(reply)
                    except OSError:  # it was closed
                        pass

                thread = threading.Thread(target=serve)
                thread.start()
                result = mproc('show', f'redis+unix://{path}?name=q&timeout=20')
                server.shutdown(socket.SHUT_RDWR)
                thread.join()
            os.unlink(path)
            self.assertEqual((result.returncode, result.stdout), (1, ''), reply)
            self.assertTrue(result.stderr, reply)

    def test_slow_server(self):
        """A call that waits gives up at its deadline; one that does not leaves the main loop free."""
        self.open().put(1)
        hasty = Mp.QueueMonitor.new_for_uri(self.uri('&timeout=0.2'))
        patient = self.monitor()
        ticks, results = [], []

        def finish(monitor, result):
            results.append(monitor.refresh_finish(result))

        os.kill(self.server.process.pid, signal.SIGSTOP)
        try:
            with self.assertRaises(TimeoutError):
                hasty.refresh()
            result = mproc('show', self.uri('&timeout=0.2'))
            self.assertEqual((result.returncode, 'did not answer in time' in result.stderr), (3, True))
            patient.refresh_async(GLib.PRIORITY_DEFAULT, None, finish)
            timer = GLib.timeout_add(1, lambda: ticks.append(1) or GLib.SOURCE_CONTINUE)
            helping.iterate_until(lambda: len(ticks) > 50)
            self.assertEqual(results, [])
            with self.assertRaisesRegex(OSError, 'already'):
                patient.refresh()
        finally:
            os.kill(self.server.process.pid, signal.SIGCONT)
        helping.iterate_until(lambda: results)
        GLib.source_remove(timer)
        self.assertEqual(results, [True])
        wait_until(lambda: self.has_answered(hasty))
        self.assertEqual((patient.props.size, hasty.props.size), (1, 1))

    @staticmethod
    def has_answered(monitor):
        try:
            return monitor.refresh()
        except TimeoutError:
            return False

    def test_cancel(self):
        self.open().put(1)
        monitor, cancellable, errors = self.monitor(), Gio.Cancellable(), []

        def finish(monitor, result):
            try:
                monitor.refresh_finish(result)
            except GLib.Error as error:
                errors.append(error)

        os.kill(self.server.process.pid, signal.SIGSTOP)
        try:
            monitor.refresh_async(GLib.PRIORITY_DEFAULT, cancellable, finish)
            cancellable.cancel()
            helping.iterate_until(lambda: errors)
        finally:
            os.kill(self.server.process.pid, signal.SIGCONT)
        monitor.refresh()
        self.assertEqual(len(monitor.peek(0, 5)[0]), 1)

    def test_server_comes_back(self):
        queue = self.open()
        queue.put('kept')
        monitor = self.monitor()
        with start('top', '-b', '-d', '0.05', self.uri()) as top, self.events() as events, \
             start('tail', '--format=json', self.uri(), stderr=subprocess.PIPE) as tail, \
             start('show', '-w', '0.05', self.uri()) as watch:
            while not tail.line(timeout=0.05):
                queue.put('early')
            for program in (top, watch):
                self.assertIsNotNone(program.line())
            self.server.kill()
            with self.assertRaises(ConnectionError):
                monitor.refresh()
            self.read_until(events, 'unreachable')
            self.read_until(top, f'{self.name}: .*Connection refused')
            self.read_until(watch, 'Connection refused')
            self.assertRegex(tail.stderr.readline(), '[Cc]onnection')  # refused, or reset by the dying one
            self.server.start()
            self.read_until(events, '"reachable')
            monitor.refresh()
            self.assertGreater(monitor.props.size, 1)
            self.assertEqual(mproc('put', self.uri(), '"later"').returncode, 0)
            self.read_until(tail, '"later"')
            self.read_until(top, f'^{self.name} ')
            for program in (top, events, watch, tail):
                program.terminate()

    def read_until(self, program, pattern):
        lines = []
        while not lines or not re.search(pattern, lines[-1]):
            lines.append(program.line())
            self.assertIsNotNone(lines[-1], lines[-20:])

    def test_forked_child(self):
        """It makes a connection of its own, and leaves its parent's alone."""
        self.open().put(1)
        monitor = self.monitor()
        pid = os.fork()
        if pid == 0:
            try:
                monitor.refresh()
                os._exit(monitor.props.size)
            except BaseException:
                os._exit(99)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1)
        monitor.refresh()
        self.assertEqual(monitor.props.size, 1)


if __name__ == '__main__':
    unittest.main()
