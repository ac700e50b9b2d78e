# SPDX-License-Identifier: LGPL-2.1-or-later
"""The executor whose pool survives the death of a worker."""

import asyncio
import concurrent.futures
import contextlib
import errno
import multiprocessing.util
import operator
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import helping
import mproc
from kinds import Point

from concurrent.futures.process import BrokenProcessPool


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(path):
    """Dies if there is no file yet at @path."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return os.path.basename(path)
    die()


def count_and_die(path):
    with open(path, 'a', encoding='utf-8') as file:
        file.write('.')
    die()


def tell_progress(fd):
    mproc.current_task().set_progress(0.25, 'a quarter')
    os.read(fd, 1)
    return 'done'


def fail_to_initialize(queue):
    # As the queue handler of logging does.
    multiprocessing.util.Finalize(None, queue.put, ('end',), exitpriority=1)
    raise ValueError('on purpose')


class NoMoreProcesses:
    """A context that cannot start the processes of some numbers, as when the system has no more."""

    def __init__(self, method, refused):
        self._context, self._refused, self._n = mproc.get_context(method), refused, 0

    def __getattr__(self, name):
        return getattr(self._context, name)

    def Process(self, **arguments):
        self._n += 1
        if self._n in self._refused:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return self._context.Process(**arguments)


class TestStopped(helping.TestCase):
    """A process is stopped for a while when it holds a lock of a queue of the executor."""

    # Longer than a call without a timeout waits for it, in seconds.
    WHILE = 1.3

    def setUp(self):
        super().setUp()
        self.read, self.write = os.pipe()
        self.addCleanup(os.close, self.read)
        self.addCleanup(os.close, self.write)
        self.executor = self.make()

    def make(self, **options):
        executor = mproc.ProcessPoolExecutor(1, **options)
        self.addCleanup(executor.shutdown)
        self.worker = executor.submit(os.getpid).result(helping.DEADLINE)
        return executor

    @contextlib.contextmanager
    def stopped(self, queue, lock):
        with helping.lock_held(queue, lock) as pid:
            going_on = threading.Timer(self.WHILE, os.kill, (pid, signal.SIGCONT))
            going_on.start()
            yield
            going_on.join()

    def test_worker_marks_its_task(self):
        future = self.executor.submit(os.read, self.read, 1)
        helping.wait_until(lambda: self.executor._crew.tasks.empty())
        with self.stopped(self.executor._crew.tasks, 'arena'):
            os.write(self.write, b'x')
            self.assertEqual(future.result(helping.DEADLINE), b'x')
        self.assertEqual(self.executor.submit(os.getpid).result(helping.DEADLINE), self.worker)

    def test_task_is_put(self):
        with self.stopped(self.executor._crew.tasks, 'tail'):
            future = self.executor.submit(pow, 2, 3)
        self.assertEqual(future.result(helping.DEADLINE), 8)

    def test_timeout_goes_on(self):
        executor = self.make(task_timeout=1)
        future = executor.submit(os.read, self.read, 1)
        helping.wait_until(lambda: executor._crew.tasks.empty())
        with self.stopped(executor._crew.answers, 'head'):
            pass
        with self.assertRaisesRegex(TimeoutError, 'took longer'):
            future.result(helping.DEADLINE)
        self.assertEqual(executor.submit(pow, 2, 3).result(helping.DEADLINE), 8)


class TestExecutor(helping.TestCase):
    def test_failing_initializer_ends_normally(self):
        """What it has written to a log is not lost."""
        queue = mproc.Queue()
        with mproc.ProcessPoolExecutor(1, initializer=fail_to_initialize, initargs=(queue,)) as executor:
            with self.assertRaisesRegex(concurrent.futures.BrokenExecutor, 'was not initialized'):
                executor.submit(str).result(helping.DEADLINE)
        self.assertEqual(queue.get(timeout=helping.DEADLINE), 'end')

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_objects_travel(self):
        with mproc.ProcessPoolExecutor(2) as executor:
            self.assertEqual(executor.submit(Point, 3).result(helping.DEADLINE), Point(3))
            self.assertEqual(executor.submit(operator.attrgetter('x'), Point(4)).result(helping.DEADLINE), 4)
            self.assertEqual(list(executor.map(pow, range(50), [2] * 50, chunksize=7)), [x * x for x in range(50)])

    def test_task_of_a_dead_worker(self):
        for method in helping.METHODS:
            with self.subTest(method=method), \
                    mproc.ProcessPoolExecutor(2, mproc.get_context(method)) as executor:
                futures = [executor.submit(die_once, self.path(f'{method}-{i}')) for i in range(3)]
                rest = [executor.submit(pow, 2, i) for i in range(5)]
                self.assertEqual([future.result(helping.DEADLINE) for future in futures],
                                 [f'{method}-{i}' for i in range(3)])
                self.assertEqual([future.result(helping.DEADLINE) for future in rest], [1, 2, 4, 8, 16])

    def test_task_that_kills(self):
        with mproc.ProcessPoolExecutor(1, max_deliveries=2) as executor:
            future = executor.submit(count_and_die, self.path('deaths'))
            with self.assertRaises(mproc.WorkerDied):
                future.result(helping.DEADLINE)
            self.assertEqual(executor.submit(pow, 2, 3).result(helping.DEADLINE), 8)
        self.assertEqual(os.path.getsize(self.path('deaths')), 2)

    def test_five_deaths_in_a_row(self):
        with mproc.ProcessPoolExecutor(1, max_deliveries=9) as executor:
            futures = [executor.submit(count_and_die, self.path('deaths')), executor.submit(pow, 2, 3)]
            for future in futures:
                with self.assertRaisesRegex(BrokenProcessPool, '5 processes .* have died in a row'):
                    future.result(helping.DEADLINE)
            with self.assertRaises(BrokenProcessPool):
                executor.submit(pow, 2, 3)
        self.assertEqual(os.path.getsize(self.path('deaths')), 5)

    def test_timeout(self):
        with mproc.ProcessPoolExecutor(1, task_timeout=1.5) as executor:
            futures = [executor.submit(time.sleep, 2 * helping.DEADLINE), executor.submit(pow, 2, 3)]
            with self.assertRaisesRegex(TimeoutError, '1.5 seconds'):
                futures[0].result(helping.DEADLINE)
            self.assertEqual(futures[1].result(helping.DEADLINE), 8)

    def test_progress(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        with mproc.ProcessPoolExecutor(1, mproc.get_context('fork')) as executor:
            future = executor.submit(tell_progress, reading)
            helping.wait_until(lambda: future.progress() or time.sleep(0.001))
            self.assertEqual(future.progress(), (0.25, 'a quarter'))
            os.write(writing, b'.')
            self.assertEqual(future.result(helping.DEADLINE), 'done')
        self.assertIsNone(mproc.current_task())

    def test_asyncio(self):
        async def main(executor):
            loop = asyncio.get_running_loop()
            return await asyncio.gather(*(loop.run_in_executor(executor, pow, 2, i) for i in range(20)))

        with mproc.ProcessPoolExecutor(2) as executor:
            self.assertEqual(asyncio.run(main(executor)), [2**i for i in range(20)])

    def test_refusals(self):
        with mproc.ProcessPoolExecutor(1) as executor:
            unsendable = executor.submit(print, (i for i in ()))
            self.assertRaises(TypeError, unsendable.result, helping.DEADLINE)
        self.assertRaises(RuntimeError, executor.submit, pow, 2, 3)
        for options in ({'max_workers': 0}, {'max_deliveries': 0}, {'max_tasks_per_child': 0}):
            self.assertRaises(ValueError, mproc.ProcessPoolExecutor, **options)

    def test_callback_that_waits_for_another_thread(self):
        with mproc.ProcessPoolExecutor(1) as executor:
            results, has_submitted = [], threading.Event()

            def submit():
                results.append(executor.submit(pow, 2, 5))
                has_submitted.set()

            def wait(future):
                threading.Thread(target=submit).start()
                results.append(has_submitted.wait(helping.DEADLINE))

            executor.submit(pow, 2, 3).add_done_callback(wait)
            self.assertTrue(has_submitted.wait(helping.DEADLINE))
            self.assertEqual(results[0].result(helping.DEADLINE), 32)
        self.assertEqual(results[1:], [True])

    def test_worker_that_cannot_be_started(self):
        for method in ('fork', 'spawn'):
            with self.subTest(method=method), \
                    mproc.ProcessPoolExecutor(2, NoMoreProcesses(method, {2, 3})) as executor:
                # The second one at first, and then the one in place of the first.
                self.assertEqual(executor.submit(die_once, self.path(method)).result(helping.DEADLINE), method)

    def test_no_worker_can_be_started(self):
        with mproc.ProcessPoolExecutor(2, NoMoreProcesses('fork', range(100))) as executor:
            self.assertRaises(BlockingIOError, executor.submit, pow, 2, 3)
        with mproc.ProcessPoolExecutor(2, NoMoreProcesses('spawn', range(100))) as executor:
            with self.assertRaisesRegex(BrokenProcessPool, 'could not be started'):
                executor.submit(pow, 2, 3).result(helping.DEADLINE)

    def test_initializer_that_cannot_be_sent(self):
        with mproc.ProcessPoolExecutor(1, mproc.get_context('spawn'), initializer=lambda: None) as executor:
            self.assertRaises((AttributeError, pickle.PicklingError), executor.submit, pow, 2, 3)

    def test_in_a_fork(self):
        """A task from there would get the result of another one."""
        with mproc.ProcessPoolExecutor(1) as executor:
            self.assertEqual(executor.submit(pow, 2, 3).result(helping.DEADLINE), 8)
            child = os.fork()
            if child == 0:
                try:
                    executor.submit(pow, 2, 4)
                except BrokenProcessPool:
                    executor.shutdown()
                    os._exit(0)
                os._exit(1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual(executor.submit(pow, 2, 5).result(helping.DEADLINE), 32)

    def test_many(self):
        with mproc.ProcessPoolExecutor(3) as executor:
            futures = [executor.submit(operator.neg, i) for i in range(5000)]
            done, not_done = concurrent.futures.wait(futures, helping.DEADLINE)
            self.assertEqual((len(done), len(not_done)), (5000, 0))
            self.assertEqual([future.result() for future in futures], [-i for i in range(5000)])

    def test_interrupt(self):
        program = ('import mproc, time\n'
                   'with mproc.ProcessPoolExecutor(2) as executor:\n'
                   '    executor.submit(pow, 2, 3).result()\n'
                   '    print("ready", flush=True)\n'
                   '    executor.submit(time.sleep, 60).result()\n')
        child = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 start_new_session=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), b'ready\n')
        os.killpg(child.pid, signal.SIGINT)
        self.assertNotEqual(child.wait(helping.DEADLINE), 0)

    def test_workers_end_with_their_parent(self):
        program = ('import mproc, os, time\n'
                   'executor = mproc.ProcessPoolExecutor(1)\n'
                   'print(executor.submit(os.getpid).result(), flush=True)\n'
                   'time.sleep(60)\n')
        child = subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE)
        self.addCleanup(child.stdout.close)
        worker = int(child.stdout.readline())
        fd = os.pidfd_open(worker)
        self.addCleanup(os.close, fd)
        child.kill()
        child.wait()
        self.assertEqual(mproc.connection.wait([fd], helping.DEADLINE), [fd])


if __name__ == '__main__':
    unittest.main()
