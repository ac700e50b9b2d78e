# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools from Python, with workers in each language."""

import asyncio
import os
import shutil
import signal
import sys
import unittest
from concurrent.futures import BrokenExecutor

from helping import DEADLINE, TestCase, signal_after, Interrupted

from gi.repository import GLib, Mp

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']
PYTHON = [sys.executable, os.path.join(SOURCE, 'tests', 'python', 'pool_worker.py')]
WORKERS = {
    'python': PYTHON,
    'python-async': [*PYTHON, 'async'],
    'js': ['gjs', '-m', os.path.join(SOURCE, 'tests', 'js', 'pool-worker.js')],
    'js-async': ['gjs', '-m', os.path.join(SOURCE, 'tests', 'js', 'pool-worker.js'), 'async'],
    'vala': [os.path.join(BUILD, 'tests', 'vala-test-pool'), '--work'],
    'c': [os.path.join(BUILD, 'tests', 'test-pool'), '--child', 'work', ''],
}
VALUES = (None, True, 7, 2.5, 'text', b'bytes', [1, 'two', [3]], {'a': {'b': [None]}})


class TestPool(TestCase):
    def start_pool(self, argv=PYTHON, n_workers=2, **properties):
        pool = Mp.Pool(argv, n_workers, restart_delay=0.001, **properties)
        pool.start()
        self.addCleanup(pool.stop, False, DEADLINE)
        return pool

    def test_submit(self):
        with Mp.Pool(PYTHON, 2) as pool:
            self.assertEqual(pool.submit('square', 12, timeout=DEADLINE), 144)
            self.assertEqual(pool.submit('echo'), None)
            self.assertEqual(pool.get_n_alive(), 2)
        self.assertEqual(pool.get_n_alive(), 0)

    def test_values(self):
        for language, argv in WORKERS.items():
            if shutil.which(argv[0]) is None:
                continue
            pool = self.start_pool(argv, 1)
            for value in VALUES:
                with self.subTest(language=language, value=value):
                    self.assertEqual(pool.submit('echo', value, DEADLINE), value)
            with self.subTest(language=language), self.assertRaises((LookupError, RuntimeError, OSError)):
                pool.submit('unknown', 1, DEADLINE)

    def test_errors(self):
        for argv in (PYTHON, [*PYTHON, 'async']):
            pool = self.start_pool(argv)
            with self.assertRaisesRegex(ValueError, '3 is wrong'):
                pool.submit('fail', 3)
            with self.assertRaises(LookupError):
                pool.submit('unknown')
            with self.assertRaises(TypeError):
                pool.submit('unsent')
            with self.assertRaises(TypeError):
                pool.submit('echo', lambda: 1)
            with self.assertRaisesRegex(BrokenExecutor, 'signal 9'):
                pool.submit('die')
            self.assertEqual(pool.submit('square', 3), 9)

    def test_by_hand(self):
        pool = self.start_pool([*PYTHON, 'by-hand'])
        self.assertEqual(pool.submit('anything', [1]), ['anything', [1], 1])

    def test_map(self):
        pool = self.start_pool()
        self.assertEqual(list(pool.map('square', range(200))), [n * n for n in range(200)])
        results = pool.map('square', range(200))
        self.assertEqual(next(results), 0)
        results.close()
        with self.assertRaisesRegex(ValueError, '2 is wrong'):
            list(pool.map('fail', [2, 3]))
        self.assertEqual(pool.get_n_pending(), 0)

    def test_many_need_no_descriptors(self):
        pool = self.start_pool()
        before = len(os.listdir('/proc/self/fd'))
        results = pool.map('square', range(1000))
        self.assertEqual(next(results), 0)
        self.assertLess(len(os.listdir('/proc/self/fd')), before + 10)
        self.assertEqual(sum(results), sum(n * n for n in range(1000)))

    def test_timeouts(self):
        pool = self.start_pool(n_workers=1, task_timeout=0.1, grace=0.05, max_deliveries=1)
        with self.assertRaisesRegex(TimeoutError, r'0\.1 s'):
            pool.submit('hang')
        with self.assertRaises(TimeoutError):
            pool.submit('hang', timeout=0.01)
        with self.assertRaises(TimeoutError):
            pool.submit('hang', timeout=0)
        self.assertEqual(pool.get_n_pending(), 0)

    def test_interrupted(self):
        pool = self.start_pool(n_workers=1)
        self.assertInterrupted(pool.submit, 'hang')
        self.assertInterrupted(lambda: list(pool.map('hang', [1, 2])))
        self.assertEqual(pool.get_n_pending(), 0)
        pool.stop(False, DEADLINE)

    def test_interrupted_stop(self):
        pool = self.start_pool(['sleep', '1000'], 1)
        with self.assertRaises(Interrupted), signal_after(0.05):
            pool.stop()

    def test_killed_workers(self):
        pool = self.start_pool(n_workers=3)
        results = pool.map('square', range(300))
        for n, result in enumerate(results):
            self.assertEqual(result, n * n)
            if n % 50 == 0 and (workers := pool.list_workers()):
                os.kill(workers[0].get_pid(), signal.SIGKILL)
        self.assertEqual(n, 299)

    def test_never_started(self):
        pool = Mp.Pool(PYTHON)
        with self.assertRaises(OSError):
            pool.submit('square', 1)
        self.assertGreater(pool.get_n_workers(), 0)
        with self.assertRaises(FileNotFoundError):
            Mp.Pool(['/nowhere/no-such-program']).start()
        with self.assertRaises(FileNotFoundError):
            Mp.PoolWorker.new()

    # In asyncio.

    def test_asyncio(self):
        async def main():
            pool = self.start_pool([*PYTHON, 'async'])
            self.assertEqual(await asyncio.gather(*(pool.submit_async('later', n) for n in range(100))),
                             [n * n for n in range(100)])
            with self.assertRaisesRegex(ValueError, '3 is wrong'):
                await pool.submit_async('fail', 3)
            with self.assertRaises(BrokenExecutor):
                await pool.submit_async('die')
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(pool.submit_async('hang'), 0.05)
            self.assertEqual(pool.get_n_pending(), 0)
            await pool.stop_async(False)
            self.assertEqual(pool.get_n_alive(), 0)
            with self.assertRaises(OSError):
                await pool.submit_async('later', 1)

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_asyncio_waits_quietly(self):
        pool = self.start_pool()
        self.assertEqual(pool.submit('square', 2), 4)
        self.assertWaitsQuietly(lambda: pool.submit_async('hang'))

    # On a main loop of GLib.

    def test_main_loop(self):
        loop = GLib.MainLoop()
        pool = self.start_pool()
        ended = []
        pool.connect('worker-ended', lambda pool, process, code: ended.append((process.get_pid(), code)))

        async def main():
            values = [await pool.submit_async('square', n) for n in range(10)]
            with self.assertRaises(ValueError):
                await pool.submit_async('fail', 3)
            await pool.stop_async()
            return values

        future = Mp.run_coroutine(main())
        future.add_done_callback(lambda _: loop.quit())
        GLib.timeout_add_seconds(DEADLINE, loop.quit)
        loop.run()
        self.assertEqual(future.result(0), [n * n for n in range(10)])
        self.assertEqual([code for _, code in ended], [0, 0])


if __name__ == '__main__':
    unittest.main()
