# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues on a Redis server, from Python."""

import asyncio
import re
import signal
import threading
import unittest
from queue import Empty

import helping
import mproc
import servers
from server_functions import Link, load, read_code

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

    def ask(self, *words):
        link = Link(self.server.path)
        self.addCleanup(link.close)
        return link.ask(*words)

    def revision(self):
        listed = self.ask('FUNCTION', 'LIST', 'WITHCODE')
        return re.search(r'local REVISION = (\d+)', str(listed))[1]

    def test_two_versions(self):
        """Functions of an older version are replaced, and those of a newer one used as they are."""
        current = re.search(r'local REVISION = (\d+)', read_code())[0]
        for other, used in (('local REVISION = 1', current), ('local REVISION = 99', 'local REVISION = 99')):
            load(self.server, read_code().replace(current, other))
            queue = Mp.queue_open(self.uri(), mode='joinable')
            queue.put(other)
            with queue.get_task(timeout=30) as task:
                self.assertEqual(task.value, other)
            self.assertEqual('local REVISION = ' + self.revision(), used)
        load(self.server, read_code())

    def test_another_layout(self):
        Mp.queue_open(self.uri()).put(1)
        self.ask('HSET', f'mp1:{{{self.id()}}}:c', 'v', '2')
        with self.assertRaisesRegex(TypeError, 'layout'):
            Mp.queue_open(self.uri())

    def test_uri(self):
        self.assertEqual(Mp.queue_open(self.uri()).get_uri(), self.uri())
        self.assertIsNone(Mp.Queue().get_uri())

    async def use_later(self, queue):
        """All that waits for the server, in coroutines."""
        await queue.put_async(0)
        await queue.put_many_async([1, 'two', [3]])
        got = []
        while len(got) < 4:
            got += await queue.get_many_async(8)
            if not self.running_asyncio:
                break
        self.assertEqual(got, [0, 1, 'two', [3]][:len(got)])
        for _ in got:
            await queue.task_done_async()
        await queue.clear_async()
        await queue.join_async() if self.running_asyncio else None

        await queue.put_many_async(range(4))
        await (await queue.get_task_async()).retry_async()
        tasks = []
        while len(tasks) < 4:
            tasks += await queue.get_tasks_async(8)
        self.assertEqual([(task.value, task.get_delivery_count()) for task in tasks],
                         [(0, 2), (1, 1), (2, 1), (3, 1)])
        await tasks[0].done_async()
        await queue.finish_tasks_async(tasks[1:])
        with self.assertRaises(ValueError):
            await tasks[0].done_async()
        await queue.put_async('dropped')
        self.assertEqual(await queue.clear_async(), 1)
        await queue.shutdown_async()
        with self.assertRaises(ValueError):
            await queue.get_async()

    def test_asyncio(self):
        self.running_asyncio = True
        asyncio.run(self.use_later(Mp.queue_open(self.uri(), mode='joinable')))

    def test_coroutines_upon_glib(self):
        self.running_asyncio = False
        loop = GLib.MainLoop()
        future = Mp.run_coroutine(self.use_later(Mp.queue_open(self.uri(), mode='joinable')))
        future.add_done_callback(lambda _: loop.quit())
        if not future.done():
            loop.run()
        future.result()

    def test_stopped_server(self):
        """The coroutines wait while the loop runs on, and it is the loop that lets the server continue."""
        queue = Mp.queue_open(self.uri(), mode='joinable', timeout=100)
        queue.put('task')
        task = queue.get_task()
        turns = 0

        async def run():
            nonlocal turns
            self.server.process.send_signal(signal.SIGSTOP)
            calls = asyncio.gather(queue.put_async(1), queue.put_many_async([2]), queue.get_async(),
                                   queue.get_task_async(), task.done_async())
            for turns in range(50):
                await asyncio.sleep(0)
                self.assertFalse(calls.done())
            self.server.process.send_signal(signal.SIGCONT)
            return await calls

        results = asyncio.run(run())
        self.assertEqual((results[2], results[3].value), (1, 2))

    def test_cancelled(self):
        """What a cancelled call has got already is for the next one."""
        queue = Mp.queue_open(self.uri())

        async def run():
            waiting = asyncio.ensure_future(queue.get_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await waiting
            await queue.put_async('kept')
            return await queue.get_async()

        self.assertEqual(asyncio.run(run()), 'kept')

    def test_await(self):
        queue = Mp.queue_open(self.uri())

        async def run():
            waiting = asyncio.ensure_future(asyncio.to_thread(queue.get))
            await asyncio.to_thread(queue.put, 5)
            return await waiting

        self.assertEqual(asyncio.run(run()), 5)


class TestRestart(helping.TestCase):
    """Calls without a timeout begin while the server is down, and end when it is back."""

    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()

    def setUp(self):
        super().setUp()
        self.server = servers.Server('--appendonly', 'yes', '--appendfsync', 'always')
        self.addCleanup(self.server.stop)
        self.queue = Mp.queue_open(f'redis+unix://{self.server.path}?name=q', mode='joinable')
        self.queue.join()

    def call(self, function, *arguments):
        self.server.kill()
        results = []

        def run():
            try:
                results.append(function(*arguments))
            except Exception as error:
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        # Some calls waited for a short time before they failed.
        thread.join(0.1)
        self.assertEqual(results, [])
        self.server.start()
        thread.join(60)
        return results[0]

    def test_messages(self):
        self.assertIsNone(self.call(self.queue.put, 1))
        self.assertEqual(self.call(self.queue.get), 1)
        self.assertIsNone(self.call(self.queue.put_many, [2]))
        self.assertEqual(self.call(self.queue.get_many), [2])

    def test_tasks(self):
        self.queue.put_many(range(2))
        with self.call(self.queue.get_task) as task:
            self.assertEqual(task.value, 0)
        tasks = self.call(self.queue.get_tasks)
        self.assertEqual([task.value for task in tasks], [1])
        self.queue.finish_tasks(tasks)
        self.assertIsNone(self.call(self.queue.join))

    def test_signals(self):
        self.server.kill()

        class Alarm(Exception):
            pass

        def ring(*_):
            raise Alarm

        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, ring))
        for function in (self.queue.get, self.queue.get_task, self.queue.join,
                         lambda: self.queue.put('x'), lambda: self.queue.put_many('x')):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            self.assertRaises(Alarm, function)

    def test_deadlines(self):
        self.server.kill()
        for function in (self.queue.get, self.queue.get_task, self.queue.join,
                         lambda **options: self.queue.put('x', **options)):
            self.assertRaises(OSError, function, timeout=0.05)


if __name__ == '__main__':
    unittest.main()
