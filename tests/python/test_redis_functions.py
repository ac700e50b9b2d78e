# SPDX-License-Identifier: LGPL-2.1-or-later
"""The functions that the library keeps on a Redis server (mp1.lua), without the library."""

import itertools
import os
import socket
import time
import unittest

import helping
import servers

OK, SHORT, CLOSED, GONE, NOT_FIT, OTHER, OLD, LATE, MISSING, GAP = range(10)
ITEMS, ROOM, DONE = 1, 2, 4
LETTERS = ('c', 'm', 'o:{}', 'b', 'n', 'd', 's', 'i', 'r', 'e', 'w', 'h', 'x')
CODE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'mproc-glib', 'redis', 'mp1.lua')
CLOCK = "local t = call('TIME')\n"
TIMEOUT = 30

numbers = itertools.count(1)


class Link:
    """A connection that speaks RESP."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        self._file = self._socket.makefile('rb')

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b'*%d\r\n' % len(encoded) + b''.join(
            b'$%d\r\n%s\r\n' % (len(word), word) for word in encoded))

    def read(self):
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            raise RuntimeError(rest.decode())
        if kind in b'+:':
            return rest.decode() if kind == b'+' else int(rest)
        if int(rest) < 0:
            return None
        if kind == b'*':
            return [self.read() for _ in range(int(rest))]
        return self._file.read(int(rest) + 2)[:-2]

    def ask(self, *words):
        self.send(*words)
        return self.read()


class Session:
    """A session, whose channel is subscribed to as long as it lives."""

    def __init__(self, path, queue, **settings):
        self._path, self.queue, self.session = path, queue, f's{next(numbers):015}'
        self.incarnation, self.number, self.finish, self.epoch, self.first = '', 1, 1, 1, 1
        self._link = Link(path)
        self.listen()
        self.hello(**settings)

    def listen(self):
        self.pushes = Link(self._path)
        self.pushes.ask('SSUBSCRIBE', f'mp1:{{{self.queue}}}:{self.session}')

    def die(self):
        self.pushes.close()

    def close(self):
        self.die()
        self._link.close()

    def key(self, letter):
        return f'mp1:{{{self.queue}}}:{letter}'

    def ask(self, *words):
        return self._link.ask(*words)

    def call(self, function, *arguments):
        keys = [self.key(letter.format(self.session)) for letter in LETTERS]
        return self.ask('FCALL', 'mp1_' + function, len(keys), *keys, self.incarnation, self.session, *arguments)

    def hello(self, create=1, mode='joinable', size='', cap='', limit='', grace='300'):
        answer = self.call('hello', self.epoch, 'host 1', create, mode, size, cap, limit, grace)
        self.status = answer[0]
        if self.status == OK:
            self.incarnation, self.last, self.hand = answer[2].decode(), int(answer[4]), answer[10:]
        return answer

    def put(self, *payloads, wait=0, number=None):
        entries = [each if isinstance(each, bytes) else b'b' + each.encode() for each in payloads]
        stored, status = divmod(self.call('put', self.epoch, number or self.number, wait, *entries), 16)
        if number is None and status in (OK, SHORT):
            self.number += stored
        return stored, status

    def get(self, n=1, wait=0, left=1 << 20, fit=-1):
        answer = self.call('get', self.epoch, n, left, fit, wait, self.first)
        self.first = 0
        return answer[0], answer[1], [(int(answer[i]), int(answer[i + 1]), answer[i + 2].decode()[1:])
                                      for i in range(2, len(answer), 3)]

    def done(self, *triples, number=None):
        answer = self.call('fin', number or self.finish, *[word for triple in triples for word in triple])
        self.finish += number is None
        return answer.decode()

    def state(self, bits=0):
        return [int(each) for each in self.call('state', bits)]

    def woken(self):
        """Returns the condition of the next wake-up."""
        return int(self.pushes.read()[2])

    def is_woken(self):
        """Whether there is a wake-up: each is sent before the answer of the command that caused it."""
        self.ask('SPUBLISH', self.key(self.session), '0')
        return self.woken() != 0


class TestRedisFunctions(helping.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server()
        cls.load(cls.read_code())

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @classmethod
    def load(cls, code):
        link = Link(cls.server.path)
        link.ask('FUNCTION', 'LOAD', 'REPLACE', code)
        link.close()

    @staticmethod
    def read_code():
        with open(CODE, encoding='utf-8') as file:
            return file.read()

    def open(self, **settings):
        session = Session(self.server.path, self._testMethodName, **settings)
        self.addCleanup(session.close)
        return session

    def wait_until(self, look):
        deadline = time.monotonic() + TIMEOUT
        while not (found := look()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return found

    def test_order_and_counts(self):
        one = self.open()
        self.assertEqual(one.put('1', '2', '3'), (3, OK))
        self.assertEqual(one.state()[:5], [OK, 3, 3, 3, 3])
        self.assertEqual(one.get(2)[2], [(1, 1, '1'), (2, 1, '2')])
        self.assertEqual(one.get(9)[1:], (0, [(3, 1, '3')]))
        self.assertEqual(one.get(9)[0], SHORT)
        self.assertEqual(one.done(('d', 2, 1), ('d', 1, 1)), '11')
        self.assertEqual(one.done(('d', 2, 1)), '0')
        self.assertEqual(one.state()[3], 1)

    def test_repeated_commands(self):
        one = self.open()
        self.assertEqual(one.put('1', '2'), (2, OK))
        self.assertEqual(one.put('1', '2', number=1), (2, OK))
        self.assertEqual(one.put('2', '3', number=2), (2, OK))
        self.assertEqual(one.put('x', number=9), (0, GAP))
        self.assertEqual([each[2] for each in one.get(9)[2]], ['1', '2', '3'])
        self.assertEqual(one.done(('d', 3, 1)), '1')
        self.assertEqual(one.done(('d', 3, 1), number=1), '1')
        self.assertEqual(one.done(('d', 2, 1)), '1')
        self.assertEqual(one.done(('d', 3, 1), number=1), '')

    def test_redelivery(self):
        one = self.open()
        one.put('1', '2', '3')
        one.get(3)
        one.put('4')
        self.assertEqual(one.done(('r', 3, 1), ('r', 1, 1), ('u', 2, 1)), '111')
        self.assertEqual(one.get(9)[2], [(1, 2, '1'), (2, 1, '2'), (3, 2, '3'), (4, 1, '4')])
        self.assertEqual(one.done(('d', 1, 1)), '0')
        self.assertEqual(one.done(('d', 1, 2)), '1')

    def test_bounds(self):
        one = self.open(size='3', cap='10')
        self.assertEqual(one.put('aa', 'bb', 'cc', 'dd'), (3, SHORT))
        self.assertEqual(one.put('dd', wait=1), (0, SHORT))
        self.assertEqual(one.get()[2], [(1, 1, 'aa')])
        self.assertEqual(one.woken(), ROOM)
        self.assertEqual(one.put('ddddddd'), (0, SHORT))
        self.assertEqual(one.put('dddddd'), (1, OK))
        self.assertEqual(one.state()[1:3], [3, 10])
        self.assertEqual(one.get(fit=1), (NOT_FIT, 2, []))
        self.assertEqual(len(one.get(9, left=3)[2]), 1)

    def test_wake_ups(self):
        sleepers, producer = [self.open() for _ in range(3)], self.open()
        for sleeper in sleepers:
            self.assertEqual(sleeper.get(wait=1)[0], SHORT)
        producer.put('1')
        self.assertEqual(sleepers[0].woken(), ITEMS)
        self.assertFalse(sleepers[1].is_woken())
        sleepers[1].die()
        self.wait_until(lambda: producer.ask('PUBSUB', 'SHARDNUMSUB', producer.key(sleepers[1].session))[1] == 0)
        producer.put('2')
        self.assertEqual(sleepers[2].woken(), ITEMS)
        self.assertEqual(sleepers[2].get(2)[2], [(1, 1, '1'), (2, 1, '2')])

    def test_passing_on(self):
        first, second = self.open(), self.open()
        first.get(wait=1)
        second.get(wait=1)
        second.put('1')
        self.assertEqual(first.woken(), ITEMS)
        first.call('leave', ITEMS)
        self.assertEqual(second.woken(), ITEMS)

    def test_death(self):
        dying, other = self.open(), self.open()
        dying.put('1', '2')
        dying.get(2)
        other.get()
        dying.die()
        self.assertEqual(self.wait_until(lambda: other.get(5)[2]), [(1, 2, '1'), (2, 2, '2')])
        self.assertEqual(dying.done(('d', 1, 1)), '0')

    def test_goodbye_and_late_commands(self):
        one, other = self.open(), self.open()
        one.put('1', '2')
        one.get(2)
        old, one.epoch = one.epoch, 2
        one.hello()
        self.assertEqual((one.hand, one.last), ([b'1', b'1', b'2', b'1'], 2))
        one.epoch = old
        self.assertEqual((one.get()[0], one.put('late')[1], one.hello()[0]), (LATE, LATE, LATE))
        one.call('bye')
        self.assertEqual(other.get(2)[2], [(1, 2, '1'), (2, 2, '2')])

    def test_dead_letters(self):
        one = self.open(limit='2')
        one.put('1')
        for n in (1, 2):
            one.get()
            self.assertEqual(one.done(('r', 1, n)), '1')
        self.assertEqual(one.state()[1:4], [0, 0, 0])
        self.assertEqual(one.call('dead'), [OK, b'1', b'2', b'b1'])
        self.assertEqual(one.done(('x', 1, 2)), '1')
        self.assertEqual(one.done(('x', 1, 2)), '0')
        self.assertEqual(one.ask('HLEN', one.key('m')), 0)

    def test_shutdown(self):
        one, other = self.open(), self.open()
        one.put('1', '2')
        other.get()
        self.assertEqual(one.call('shutdown', 0), 0)
        self.assertEqual(one.put('3'), (0, CLOSED))
        self.assertEqual(len(one.get(9)[2]), 1)
        self.assertEqual(one.get()[0], SHORT)
        other.done(('d', 1, 1))
        self.assertEqual(one.get()[0], CLOSED)

    def test_shutdown_that_drops(self):
        one, other = self.open(), self.open()
        one.put(*[f'm{n}' for n in range(50)])
        one.ask('SET', one.key('t:a'), 'z' * 100, 'EX', 100)
        one.put(b'\xe2100 ' + one.key('t:a').encode())
        other.get(3)
        other.done(('r', 2, 1))
        one.call('shutdown', 1)
        self.assertEqual(one.state()[1:4], [0, 0, 2])
        self.assertEqual(one.ask('EXISTS', one.key('y:51')), 0)
        self.assertEqual(other.done(('d', 1, 1), ('d', 3, 1)), '11')
        self.assertEqual(one.ask('HLEN', one.key('m')), 0)

    def test_large(self):
        one = self.open()
        one.ask('SET', one.key('t:a'), 'z' * 5000, 'EX', 100)
        self.assertEqual(one.put(b'\xe25000 ' + one.key('t:a').encode(), 'small'), (2, OK))
        self.assertEqual(one.ask('TTL', one.key('y:1')), -1)
        self.assertEqual(one.state()[1:3], [2, 5005])
        self.assertEqual(one.call('get', 1, 5, 1 << 20, -1, 0, 1)[4], b'\xe25000')
        self.assertEqual(one.done(('d', 1, 1), ('d', 2, 1)), '11')
        self.assertEqual(one.ask('EXISTS', one.key('y:1'), one.key('x')), 0)
        self.assertEqual(one.put('x', b'\xe25 ' + one.key('t:b').encode()), (1, MISSING))

    def test_remove(self):
        one = self.open()
        one.put('1', '2')
        one.get()
        one.call('remove')
        self.assertEqual(one.put('3')[1], CLOSED)
        self.assertEqual(one.ask('KEYS', one.key('*')), [one.key('z:' + one.incarnation).encode()])

    def test_many(self):
        one = self.open()
        for _ in range(40):
            one.put(*['x'] * 500)
        self.assertEqual(sum(len(one.get(500)[2]) for _ in range(40)), 20000)
        one.call('bye')
        other = self.open()
        self.assertEqual(other.state()[1], 20000)
        self.assertEqual(len(other.get(500)[2]), 500)
        other.call('shutdown', 1)
        self.assertEqual(other.state()[1], 0)

    def test_clock_is_set(self):
        """By an hour, and back: a session that is there keeps what it holds."""
        code = self.read_code()
        self.assertIn(CLOCK, code)
        self.load(code.replace(CLOCK, CLOCK + "t[1] = t[1] + (tonumber(call('GET', 'skew')) or 0)\n"))
        self.addCleanup(self.load, code)
        holder, other, dying = self.open(), self.open(), self.open()
        holder.put('1', '2')
        holder.get()
        dying.get()
        for skew in (3600, -3600, 0):
            holder.ask('SET', 'skew', skew)
            begin = time.monotonic()
            self.wait_until(lambda: (self.assertEqual(other.get()[0], SHORT),
                                     time.monotonic() > begin + 0.7)[1])
        dying.die()
        self.assertEqual(self.wait_until(lambda: other.get()[2]), [(2, 2, '2')])
        self.assertEqual(holder.done(('d', 1, 1)), '1')


if __name__ == '__main__':
    unittest.main()
