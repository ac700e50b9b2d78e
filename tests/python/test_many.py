# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many values in one call."""

import pickle
import time
import unittest

import helping
import mproc
from kinds import KINDS, Color, Point, form

from gi.repository import Mp


def echo_many(requests, answers):
    for values in iter(requests.get_many, [None]):
        answers.put_many(values)


class TestMany(helping.TestCase):
    def test_plain_values(self):
        for values in (list(range(2000)), [b'a', b'', b'c' * 5000], ['a', 1.5, None, True],
                       [{'a': [1, (2,)]}, [], 'x' * 70000, {1}], [1, b'x', {'a': b'y'}]):
            for queue in (Mp.Queue(), Mp.Queue(codec=pickle), mproc.Queue(), mproc.JoinableQueue()):
                queue.put_many(iter(values))
                got = []
                while not queue.empty():
                    got += queue.get_many()
                self.assertEqual(got, values)

    def test_objects(self):
        queue = mproc.Queue()
        queue.put_many(KINDS.values())
        got = []
        while not queue.empty():
            got += queue.get_many(7)
        for (name, value), other in zip(KINDS.items(), got):
            with self.subTest(name=name):
                self.assertIs(type(other), type(value))
                self.assertEqual(form(other), form(value))
        self.assertEqual(len(got), len(KINDS))

    def test_another_process(self):
        requests, answers = mproc.Queue(), mproc.Queue()
        self.start(echo_many, requests, answers)
        values = [Point(i) if i % 100 == 0 else {'id': i} for i in range(3000)]
        requests.put_many(values)
        got = []
        while len(got) < len(values):
            got += answers.get_many(timeout=helping.DEADLINE)
        self.assertEqual(got, values)
        requests.put(None)

    def test_maximum(self):
        queue = mproc.Queue()
        queue.put_many(range(10))
        self.assertEqual(queue.get_many(3), [0, 1, 2])
        self.assertEqual(queue.get_many(max=1), [3])
        self.assertEqual(queue.get_many(100), [4, 5, 6, 7, 8, 9])
        self.assertRaises(ValueError, queue.get_many, 0)

    def test_what_is_waited_for_comes_whole(self):
        requests, answers = mproc.Queue(), mproc.Queue()
        self.start(put_after, requests, answers)
        requests.put(None)
        got = answers.get_many(timeout=helping.DEADLINE)
        while len(got) < 5:
            got += answers.get_many(timeout=helping.DEADLINE)
        self.assertEqual(got, [0, 1, 2, 3, 4])

    def test_empty_and_full(self):
        for queue in (mproc.Queue(4), Mp.Queue(4)):
            with self.assertRaises(mproc.queues.Empty):
                queue.get_many(timeout=0.01)
            for values in (range(9), [[i] for i in range(9)], [(i, b'x') for i in range(9)]):
                with self.assertRaises(mproc.queues.Full) as caught:
                    queue.put_many(values, timeout=0.01)
                self.assertEqual(caught.exception.n_put, 4)
                self.assertEqual(queue.get_many(), list(values)[:4])

    def test_end(self):
        for queue in (mproc.Queue(), Mp.Queue()):
            queue.put_many([1, 2])
            queue.shutdown()
            self.assertEqual(queue.get_many(), [1, 2])
            self.assertRaises(ValueError, queue.get_many)
            self.assertRaises(ValueError, queue.put_many, [1])
            queue.close()
            self.assertRaises(ValueError, queue.get_many)

    def test_refusal(self):
        queue = Mp.Queue()
        with self.assertRaisesRegex(TypeError, 'Color object .* cannot be sent'):
            queue.put_many([1, [Color.RED], 2])
        self.assertEqual(queue.get_many(), [1])

    def test_iterator_that_raises(self):
        def values(more):
            yield from range(1000)
            yield from more
            raise LookupError

        for more in ([], [Point(3)]):
            queue = mproc.Queue()
            self.assertRaises(LookupError, queue.put_many, values(more), helping.DEADLINE)
            self.assertEqual(list(iter(queue.get_nowait, (more or [999])[-1])), list(range(1000 if more else 999)))
            self.assertTrue(queue.empty())

    def test_slow_iterator(self):
        """Its values do not wait until there are many."""
        queue = mproc.Queue()

        def values():
            for i in range(9):
                self.assertGreaterEqual(queue.qsize(), i - 2)
                end = time.monotonic() + 0.002
                while time.monotonic() < end:
                    pass
                yield i

        queue.put_many(values())

    def test_what_cannot_be_read_stays(self):
        queue = Mp.Queue(codec=pickle)
        queue.put_many([1, Point(2), 3])
        queue.codec = None
        self.assertEqual(queue.get_many(), [1])
        self.assertRaises(TypeError, queue.get_many)
        queue.codec = pickle
        self.assertEqual(queue.get_many(), [Point(2), 3])

    def test_unfinished_tasks(self):
        queue = mproc.JoinableQueue()
        queue.put_many(range(5))
        for _ in queue.get_many():
            queue.task_done()
        queue.join(helping.DEADLINE)

    def test_interrupt(self):
        with self.assertRaises(helping.Interrupted), helping.signal_after(0.05):
            mproc.Queue().get_many()
        queue = mproc.Queue(2)
        with self.assertRaises(helping.Interrupted), helping.signal_after(0.05):
            queue.put_many(range(9))


def put_after(requests, answers):
    requests.get()
    answers.put_many(range(5))


if __name__ == '__main__':
    unittest.main()
