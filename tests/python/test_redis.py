# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues on a Redis server, from Python."""

import asyncio
import unittest
from queue import Empty

import helping
import mproc
import servers

from gi.repository import GLib, Mp


class TestRedis(helping.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def uri(self, parameters=''):
        return f'redis+unix://{self.server.path}?name={self.id()}{parameters}'

    def test_values(self):
        queue = mproc.open(self.uri())
        other = mproc.open(self.uri())
        for value in (1, 'text', b'bytes', [1, {'a': None}], 'x' * 100000):
            queue.put(value)
            self.assertEqual(other.get(timeout=30), value)
        queue.put_many(range(1000))
        got = []
        while len(got) < 1000:
            got += other.get_many()
        self.assertEqual(got, list(range(1000)))

    def test_joinable(self):
        queue = mproc.open(self.uri('&mode=joinable'))
        queue.put('work')
        self.assertEqual(queue.get(timeout=30), 'work')
        queue.task_done()
        queue.join()

    def test_tasks(self):
        queue = Mp.queue_open(self.uri(), mode='joinable')
        queue.put_many(range(10))
        tasks = queue.get_tasks(8)
        self.assertEqual([task.value for task in tasks], list(range(8)))
        queue.finish_tasks(tasks)
        with self.assertRaises(ValueError):
            queue.finish_tasks(tasks)
        queue.finish_tasks(queue.get_tasks())
        queue.join(timeout=30)
        with self.assertRaises(Empty):
            queue.get_tasks(block=False)

    def test_dead_letters_come_back(self):
        queue = Mp.JoinableQueue.open(self.uri('&mode=joinable&max-deliveries=1'), None)
        for value in ('small', 'x' * 100000):
            queue.put(value)
            queue.get_task(timeout=30).retry()
        self.assertEqual([queue.requeue_dead() for _ in range(3)], [True, True, False])
        for length in (5, 100000):
            with queue.get_task(timeout=30) as task:
                self.assertEqual((len(task.value), task.get_delivery_count()), (length, 1))
        queue.join(timeout=30)
        queue.put('last')
        queue.get_task(timeout=30).retry()
        queue.shutdown()
        with self.assertRaises(ValueError):
            queue.requeue_dead()

    def test_open_async(self):
        loop, results = GLib.MainLoop(), []

        def opened(_, result):
            results.append(Mp.Queue.open_finish(result))
            loop.quit()

        Mp.Queue.open_async(self.uri(), 0, None, opened)
        loop.run()
        results[0].put(1)
        self.assertEqual(results[0].get(timeout=30), 1)

    def test_await(self):
        queue = Mp.queue_open(self.uri())

        async def run():
            waiting = asyncio.ensure_future(asyncio.to_thread(queue.get))
            await asyncio.to_thread(queue.put, 5)
            return await waiting

        self.assertEqual(asyncio.run(run()), 5)


if __name__ == '__main__':
    unittest.main()
