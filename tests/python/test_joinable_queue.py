# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mp.JoinableQueue and Mp.Task, with workers that die."""

import asyncio
import os
import queue
import signal
import time
import unittest

from helping import DEADLINE, METHODS, TestCase, wait_until

from gi.repository import GLib, Mp


def work(tasks, results):
    for task in tasks:
        results.put(task)
        tasks.task_done()


def die_with(tasks, started):
    started.put(tasks.get())
    time.sleep(2 * DEADLINE)


class TestJoinableQueue(TestCase):
    def test_join(self):
        tasks = Mp.JoinableQueue()
        tasks.join()
        for number in range(3):
            tasks.put(number)
        self.assertEqual(tasks.get_unfinished(), 3)
        for _ in range(3):
            with self.assertRaises(TimeoutError):
                tasks.join(0)
            tasks.get()
            tasks.task_done()
        tasks.join()
        with self.assertRaisesRegex(ValueError, r'task_done\(\) called too many times'):
            tasks.task_done()

    def test_batches(self):
        tasks = Mp.JoinableQueue()
        for number in range(3):
            tasks.put(number)
        tasks.get()
        tasks.task_done()
        tasks.clear()
        self.assertEqual((tasks.get_n_dropped(), tasks.get_n_done(), tasks.get_n_total()), (2, 1, 3))
        for join in (tasks.join, lambda: asyncio.run(tasks.join_async())):
            with self.assertRaisesRegex(ValueError, '2 messages'):
                join()

        tasks.begin_batch()
        self.assertEqual((tasks.get_n_dropped(), tasks.get_n_done(), tasks.get_n_total()), (0, 0, 0))
        tasks.join()

    def test_it_is_a_queue(self):
        tasks = Mp.JoinableQueue(1)
        self.assertIsInstance(tasks, Mp.Queue)
        tasks.put(1)
        with self.assertRaises(queue.Full):
            tasks.put(2, timeout=0.01)
        self.assertEqual(tasks.get(), 1)
        with self.assertRaises(queue.Empty):
            tasks.get_nowait()
        tasks.close()
        with self.assertRaises(ValueError):
            tasks.get()

    def test_join_hears_signals(self):
        tasks = Mp.JoinableQueue()
        tasks.put(1)
        self.assertInterrupted(tasks.join)
        self.assertInterrupted(lambda: (tasks.get(), tasks.get_task()))

    def test_workers(self):
        for method in METHODS:
            with self.subTest(method=method):
                tasks, results = Mp.JoinableQueue(), Mp.Queue()
                children = [self.start(work, tasks, results, method=method) for _ in range(2)]
                for number in range(100):
                    tasks.put(number)
                tasks.join()
                self.assertEqual(sorted(results.get(timeout=DEADLINE) for _ in range(100)),
                                 list(range(100)))
                tasks.shutdown()
                for child in children:
                    self.finish(child)

    def test_a_killed_worker(self):
        tasks, started = Mp.JoinableQueue(), Mp.Queue()
        child = self.start(die_with, tasks, started)
        tasks.put('important')
        self.assertEqual(started.get(timeout=DEADLINE), 'important')
        os.kill(child.pid, signal.SIGKILL)
        self.finish(child, -signal.SIGKILL)

        with tasks.get_task(timeout=DEADLINE) as task:
            self.assertEqual(task.value, 'important')
            self.assertEqual(task.get_delivery_count(), 2)
        tasks.join()

    def test_tasks(self):
        tasks = Mp.JoinableQueue()
        tasks.put({'a': 1})
        task = tasks.get_task()
        self.assertEqual(task.value, {'a': 1})
        task.set_progress(0.5, 'half')
        task.done()
        with self.assertRaises(ValueError):
            task.done()
        with self.assertRaises(queue.Empty):
            tasks.get_task(False)
        with self.assertRaises(queue.Empty):
            tasks.get_task(timeout=0.01)

        tasks.put('again')
        with self.assertRaises(ZeroDivisionError), tasks.get_task() as task:
            raise ZeroDivisionError
        with tasks.get_task() as task:
            self.assertEqual((task.value, task.get_delivery_count()), ('again', 2))
        tasks.join()

    def test_progress_bar(self):
        tasks, shown = Mp.JoinableQueue(), []
        context = GLib.MainContext.default()
        tasks.connect('notify::progress', lambda *_: shown.append(tasks.props.progress))
        tasks.props.report_progress = True
        for number in range(4):
            tasks.put(number)
        for _ in range(4):
            tasks.get()
            tasks.task_done()
            done = tasks.props.progress
            wait_until(lambda: (context.iteration(False), done in shown)[1])
        tasks.props.report_progress = False
        self.assertEqual(shown[-1], 1)

    def test_dead(self):
        tasks = Mp.JoinableQueue(max_deliveries=2)
        tasks.put('poison')
        for _ in range(2):
            tasks.get_task().retry()
        self.assertRaises(queue.Empty, tasks.get_nowait)
        self.assertEqual(tasks.get_dead().get_variant().get_string(), 'poison')
        tasks.join()

    def test_dead_letters_come_back(self):
        tasks = Mp.JoinableQueue(max_deliveries=1)
        for value in ('first', 'second', 'third'):
            tasks.put(value)
            tasks.get_task().retry()
        serials = [each['serial'] for each in Mp.QueueMonitor.new_for_queue(tasks).list_tasks(9).unpack()]
        self.assertTrue(tasks.requeue_dead(serials[2]))
        self.assertTrue(tasks.requeue_dead())
        self.assertFalse(tasks.requeue_dead(serials[2]))
        with self.assertRaises(TimeoutError):
            tasks.join(0)
        for value in ('third', 'first'):
            with tasks.get_task(timeout=0) as task:
                self.assertEqual((task.value, task.get_delivery_count()), (value, 1))
        tasks.join(0)
        tasks.shutdown()
        with self.assertRaises(queue.ShutDown if hasattr(queue, 'ShutDown') else ValueError):
            tasks.requeue_dead()
        self.assertEqual(tasks.get_dead().get_variant().get_string(), 'second')

    def test_an_end_that_cannot_read_counts_nothing(self):
        tasks = Mp.JoinableQueue(max_deliveries=2)
        Mp.Queue.put_message(tasks, Mp.Message.new_opaque(GLib.Bytes.new(b'x'), 'dill'), 0, None)
        for _ in range(5):
            with self.assertRaisesRegex(TypeError, 'dill'):
                tasks.get(timeout=0)
        self.assertIsNone(tasks.get_dead())
        with self.assertRaises(TimeoutError):
            tasks.join(0)
        with tasks.get_task() as task:
            self.assertEqual(task.get_delivery_count(), 1)
        tasks.join()

    def test_late_done(self):
        tasks = Mp.JoinableQueue(1)
        tasks.put(1)
        former = tasks.get_task()
        tasks.put(2)
        former.retry()
        latter = tasks.get_task()
        self.assertEqual((latter.get_message().get_variant().unpack(), latter.props.delivery_count), (1, 2))
        self.assertRaises(ValueError, former.done)
        latter.done()
        self.assertEqual(tasks.get(), 2)

    def test_async(self):
        async def main():
            tasks, results = Mp.JoinableQueue(), Mp.Queue()
            child = self.start(work, tasks, results)
            for number in range(10):
                await tasks.put_async(number)
            await tasks.join_async()
            self.assertEqual([await results.get_async() for _ in range(10)], list(range(10)))
            child.kill()
            self.finish(child, -signal.SIGKILL)
            tasks.put('more')
            task = await tasks.get_task_async()
            self.assertEqual(task.value, 'more')
            task.done()

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_join_async_outlives_a_killed_worker(self):
        async def main():
            tasks, started, results = Mp.JoinableQueue(), Mp.Queue(), Mp.Queue()
            tasks.put('important')
            child = self.start(die_with, tasks, started)
            await started.get_async()
            joins = [asyncio.ensure_future(tasks.join_async()) for _ in range(3)]
            self.assertEqual((await asyncio.wait(joins, timeout=0))[0], set())
            self.start(work, tasks, results)
            os.kill(child.pid, signal.SIGKILL)
            await asyncio.gather(*joins)
            self.assertEqual(await results.get_async(), 'important')

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_join_async_on_a_main_loop(self):
        tasks, results = Mp.JoinableQueue(), Mp.Queue()
        for number in range(10):
            tasks.put(number)
        future = Mp.run_coroutine(tasks.join_async())
        self.assertFalse(future.done())
        self.start(work, tasks, results)
        context = GLib.MainContext.default()
        wait_until(lambda: future.done() or context.iteration(False) and False)
        self.assertIsNone(future.result())

    def test_waiting_for_the_end_costs_nothing(self):
        tasks = Mp.JoinableQueue()
        tasks.put(1)
        self.assertWaitsQuietly(tasks.join_async)
        tasks.get()
        tasks.task_done()
        tasks.join()


if __name__ == '__main__':
    unittest.main()
