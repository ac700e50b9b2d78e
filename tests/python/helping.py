# SPDX-License-Identifier: LGPL-2.1-or-later
"""Common code of the tests in Python."""

import asyncio
import contextlib
import functools
import gc
import multiprocessing
import operator
import os
import resource
import signal
import subprocess
import threading
import time
import unittest

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Gio, GLib  # noqa: E402

# How long a test waits for an expected event, in seconds: longer than anything takes on a busy machine.
DEADLINE = 120

# How often a bound is tried that a busy machine exceeds at times, and an error of the library always.
N_TRIES = 10

METHODS = ('fork', 'spawn', 'forkserver')


class Interrupted(Exception):
    pass


def interrupt(*ignored):
    raise Interrupted


@contextlib.contextmanager
def signal_after(seconds):
    """Runs a signal handler that raises Interrupted while the block waits."""
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def signal_when(condition):
    """Runs a signal handler that raises Interrupted once @condition holds in another thread, which may wait."""
    def send():
        wait_until(condition)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def lock_held(values, lock):
    """Gives the number of a process that is stopped while it holds @lock of the queue."""
    program = os.path.join(os.environ.get('MP_BUILD_ROOT', ''), 'tests', 'hold-lock')
    if not os.path.exists(program):
        raise unittest.SkipTest('the program hold-lock is not installed')
    descriptors = Gio.UnixFDList()
    values.describe(descriptors)
    copies = [descriptors.get(index) for index in range(2)]
    holder = subprocess.Popen([program, lock, *map(str, copies)], pass_fds=copies)
    for copy in copies:
        os.close(copy)
    try:
        assert os.WIFSTOPPED(os.waitpid(holder.pid, os.WUNTRACED)[1])
        yield holder.pid
        os.kill(holder.pid, signal.SIGCONT)
        assert holder.wait(DEADLINE) == 0
    finally:
        holder.kill()
        holder.wait()


def wait_until(condition):
    """Calls @condition until it holds; it should wait a little itself if it can."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError('this did not happen in time')


def iterate_until(condition):
    """Runs the main loop until @condition holds."""
    timer = GLib.timeout_add(1000 * DEADLINE, lambda: GLib.SOURCE_CONTINUE)
    end = time.monotonic() + DEADLINE
    try:
        while not condition():
            GLib.MainContext.default().iteration(True)
            if time.monotonic() > end:
                raise AssertionError('this did not happen in time')
    finally:
        GLib.source_remove(timer)


def try_bounds(measure, *bounds):
    """Fails unless what @measure returns is once below all bounds."""
    for _ in range(N_TRIES):
        measured = measure()
        if all(map(operator.lt, measured, bounds)):
            return
    raise AssertionError(f'{measured} is never below {bounds}')


def state_of(pid):
    """Returns the kernel's letter for the state of a process, or nothing if it does not exist."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rpartition(')')[2].split()[0]
    except OSError:
        return ''


def try_again(test):
    """Returns a test that runs @test several times if it fails: one of others that compares times, which a busy
    machine exceeds at times, and an error of the library always."""
    @functools.wraps(test)
    def run(self):
        for i in range(N_TRIES):
            try:
                return test(self)
            except AssertionError:
                if i == N_TRIES - 1:
                    raise

    return run


class Program:
    """A program that is killed if it does not end in time, so that reading its output ends."""

    def __init__(self, argv, **options):
        self.process = subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, **options)
        self.watchdog = threading.Timer(DEADLINE, self.process.kill)
        self.watchdog.start()

    def close(self):
        self.watchdog.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class TestCase(unittest.TestCase):
    def setUp(self):
        self.children = []

    def tearDown(self):
        for child in self.children:
            if child.is_alive():
                child.kill()
            child.join()
        gc.collect()

    def start(self, target, *args, method='fork'):
        child = multiprocessing.get_context(method).Process(target=target, args=args, daemon=True)
        child.start()
        self.children.append(child)
        return child

    def finish(self, child, code=0):
        child.join(DEADLINE)
        self.assertEqual(child.exitcode, code)

    def assertWaitsQuietly(self, call):
        """Awaits the result of @call until a timeout, and checks that the wait does not wake up and
        leaves nothing behind."""
        async def main():
            # Lets asyncio open its own descriptors first.
            await asyncio.sleep(0.001)
            descriptors = os.listdir('/proc/self/fd')
            before = resource.getrusage(resource.RUSAGE_SELF)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(call(), 0.5)
            after = resource.getrusage(resource.RUSAGE_SELF)
            gc.collect()
            self.assertEqual(os.listdir('/proc/self/fd'), descriptors)
            return (after.ru_nvcsw - before.ru_nvcsw,
                    after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)

        try_bounds(lambda: asyncio.run(main()), 10, 0.1)

    def assertInterrupted(self, function, *args):
        """Perhaps calls it several times."""
        def measure():
            begin = time.monotonic()
            with self.assertRaises(Interrupted), signal_after(0.05):
                function(*args)
            return (time.monotonic() - begin,)

        try_bounds(measure, 0.9)
