# SPDX-License-Identifier: LGPL-2.1-or-later
"""The functions that the library keeps on a Redis server (mp1.lua), without the library."""

import time
import unittest

import helping
import servers
from server_functions import (CLOSED, DONE, GAP, ITEMS, LATE, MISSING, NOT_FIT, OK, ROOM, SHORT, Link, Session, load,
                              read_code)

CLOCK = "local t = call('TIME')\n"
TIMEOUT = 120
DAY = 86400


class TestRedisFunctions(helping.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server()
        cls.addClassCleanup(cls.server.stop)
        load(cls.server, read_code())

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

    def test_offers(self):
        """A message that nobody is before goes to the sleeper whose turn it is, with the wake-up."""
        sleepers, producer = [self.open() for _ in range(3)], self.open()
        for sleeper in sleepers:
            self.assertEqual(sleeper.get(wait=1, offers=1)[0], SHORT)
        sleepers[0].die()
        self.wait_until(lambda: producer.ask('PUBSUB', 'SHARDNUMSUB', producer.key(sleepers[0].session))[1] == 0)
        producer.put('1')
        self.assertEqual(sleepers[1].offered(), (1, '1'))
        self.assertEqual(producer.state()[1:4], [0, 0, 1])
        producer.put('22', '333')
        self.assertEqual(sleepers[2].woken(), ITEMS)
        self.assertEqual(sleepers[2].get(2)[2], [(2, 1, '22'), (3, 1, '333')])
        sleepers[1].call('took', 1)
        self.assertEqual(sleepers[1].done(('r', 1, 1)), '1')
        self.assertEqual(producer.get()[2], [(1, 2, '1')])

    def test_offers_that_nobody_takes(self):
        """They are withdrawn, and given to others; who has taken one keeps it."""
        stopped, working, other = self.open(), self.open(), self.open()
        stopped.get(wait=1, offers=1)
        working.get(wait=1, offers=1)
        other.put('1')
        other.put('2')
        self.assertEqual((stopped.offered(), working.offered()), ((1, '1'), (2, '2')))
        working.call('took', 2)
        self.assertEqual(self.wait_until(lambda: other.get(5)[2]), [(1, 1, '1')])
        self.assertEqual((stopped.done(('u', 1, 1)), working.done(('d', 2, 1)), other.done(('d', 1, 1))),
                         ('0', '1', '1'))

    def test_offers_of_a_broken_connection(self):
        """They are not withdrawn before the grace is over: the session may come back."""
        away, other = (self.open(grace='3600000') for _ in range(2))
        away.get(wait=1, offers=1)
        other.put('1')
        away.die()
        self.wait_until(lambda: other.ask('PUBSUB', 'SHARDNUMSUB', other.key(away.session))[1] == 0)
        begin = time.monotonic()
        self.wait_until(lambda: (self.assertEqual(other.get()[0], SHORT), time.monotonic() > begin + 2)[1])
        self.assertEqual(away.done(('d', 1, 1)), '1')

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
        self.assertEqual(one.call('dead'), [OK, b'1', b'2', b'b1', 0])
        self.assertEqual(one.done(('q', 1, 2)), '1')
        self.assertEqual((one.done(('q', 1, 2)), one.state()[1:4]), ('0', [1, 1, 1]))
        for n in (1, 2):
            self.assertEqual(one.get()[2], [(1, n, '1')])
            self.assertEqual(one.done(('r', 1, n)), '1')
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

    def load_with_skew(self):
        """With a clock that is wrong by the seconds in the key skew."""
        code = read_code()
        self.assertIn(CLOCK, code)
        load(self.server, code.replace(CLOCK, CLOCK + "t[1] = t[1] + (tonumber(call('GET', 'skew')) or 0)\n"))

    def test_sessions_that_ended_without_a_word(self):
        """They are forgotten after a week, unless the server has only just been started."""
        self.load_with_skew()
        self.addCleanup(load, self.server, read_code())
        dying, living = self.open(), self.open()
        self.addCleanup(living.ask, 'DEL', 'skew')
        dying.put('1')
        dying.die()

        def is_known(session):
            return living.ask('HEXISTS', living.key('c'), 'p' + session.session) == 1

        living.put('2')
        for skew, is_left in ((8 * DAY, True), (8 * DAY + 7200, False)):
            self.wait_until(lambda: living.ask('PUBSUB', 'SHARDNUMSUB', living.key(dying.session))[1] == 0)
            living.ask('SET', 'skew', skew)
            self.open()
            self.assertEqual((is_known(dying), is_known(living)), (is_left, True))

    def test_clock_is_set(self):
        """By an hour, and back: a session that is there keeps what it holds."""
        self.load_with_skew()
        self.addCleanup(load, self.server, read_code())
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
