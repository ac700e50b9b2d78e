# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queue tests of billiard and faster-fifo, for the queues of mproc."""

import unittest

import helping
import mproc
from mproc.queues import Empty, Full

VALUE = {'a': 42, 'b': 33, 'c': (1, 2, 3), 'd': [1, 2, 3], 'e': '123', 'f': b'kkk'}

N_PRODUCERS = 5
N_MESSAGES = 2000
BATCH = 1000


def produce(queue, n):
    i = 0
    while i < n:
        try:
            queue.put((i,) * 5, timeout=10)
            i += 1
        except Full:
            pass


def consume(queue, sums):
    total = 0
    while True:
        try:
            total += sum(value[0] for value in queue.get_many(BATCH, timeout=10))
        except Empty:
            pass
        except ValueError:
            # It was shut down and is drained.
            sums.put(total)
            return


class TestFasterFifo(helping.TestCase):
    def test_one_process(self):
        queue = mproc.Queue()
        produce(queue, 20)
        got = []
        while len(got) < 20:
            got += queue.get_many(2)
        self.assertEqual(got, [(i,) * 5 for i in range(20)])

    def test_many_processes(self):
        for method in helping.METHODS:
            with self.subTest(method=method):
                queue, sums = mproc.Queue(), mproc.Queue()
                consumers = [self.start(consume, queue, sums, method=method) for _ in range(3)]
                producers = [self.start(produce, queue, N_MESSAGES, method=method) for _ in range(N_PRODUCERS)]
                for producer in producers:
                    self.finish(producer)
                queue.shutdown()
                total = sum(sums.get(timeout=helping.DEADLINE) for _ in consumers)
                self.assertEqual(total, N_PRODUCERS * N_MESSAGES * (N_MESSAGES - 1) // 2)

    def test_bounded_by_bytes(self):
        queue = mproc.Queue(max_bytes=1000)
        self.assertFalse(queue.full())
        n_put = 0
        with self.assertRaises(Full):
            while True:
                queue.put_nowait(VALUE)
                n_put += 1
        self.assertGreater(n_put, 5)
        self.assertEqual(queue.qsize(), n_put)
        for _ in range(n_put):
            self.assertEqual(queue.get_nowait(), VALUE)
        self.assertEqual(queue.qsize(), 0)

    def test_usage(self):
        queue = mproc.Queue(max_bytes=1000 * 1000)
        self.assertTrue(queue.empty())
        queue.put(VALUE)
        self.assertEqual(queue.qsize(), 1)
        self.assertFalse(queue.empty())
        self.assertEqual(queue.get(), VALUE)
        for _ in range(100):
            queue.put(VALUE, timeout=0.1)
        got = []
        while len(got) < 100:
            got += queue.get_many(max=100)
        self.assertEqual(got, [VALUE] * 100)
        self.assertRaises(Empty, queue.get, timeout=0.01)


class TestBilliard(unittest.TestCase):
    def test_closed_queue(self):
        for kind in (mproc.Queue, mproc.JoinableQueue):
            queue = kind()
            queue.close()
            for function, *arguments in ((queue.put, 1), (queue.put_nowait, 1), (queue.get,), (queue.get_nowait,),
                                         (queue.get, True, 0.1)):
                with self.subTest(kind=kind, function=function), self.assertRaisesRegex(ValueError, 'is closed'):
                    function(*arguments)


if __name__ == '__main__':
    unittest.main()
