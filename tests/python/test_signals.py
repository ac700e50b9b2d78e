# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signals while a call blocks, and just before it sleeps."""

import ctypes
import functools
import operator
import os
import pickle
import resource
import signal
import threading
import time
import unittest
import unittest.mock

import helping
import mproc
import mproc.connection

from gi.overrides.Mp import buffers, connections, processes, queues, waiting
from gi.repository import Mp

# It does not look for signals afterwards, as those of the module signal do.
raise_signal = ctypes.CDLL(None)['raise']

# More than the longest time that Python may need to notice, and less than a slice of one second.
SOON = 0.9


def raising_before(function):
    """Returns @function with a signal that arrives immediately before the second call, where Python
    does not look for signals."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        wait = functools.partial(function, *arguments)
        if len(calls) != 2:
            return wait()
        return list(map(operator.call, (functools.partial(raise_signal, signal.SIGALRM), wait)))[1]

    return call


class Blob:
    """An object with a large buffer."""

    def __reduce_ex__(self, protocol):
        return bytes, (pickle.PickleBuffer(bytearray(100_000)),)


class TestJustBefore(helping.TestCase):
    def check(self, module, name, function, *arguments):
        """Calls @function, whose wait is that of the function @name of @module."""
        def measure():
            patch = unittest.mock.patch.object(module, name, raising_before(getattr(module, name)))
            begin = time.monotonic()
            # The timer only says when the test has failed.
            with self.assertRaises(helping.Interrupted), helping.signal_after(helping.DEADLINE), patch:
                function(*arguments)
            passed = time.monotonic() - begin
            self.assertEqual(signal.set_wakeup_fd(-1), -1)
            return (passed,)

        helping.try_bounds(measure, SOON)

    def test_get(self):
        for queue in mproc.Queue(), mproc.JoinableQueue(), mproc.SimpleQueue(), Mp.Queue():
            with self.subTest(queue=queue):
                self.check(queues, '_get_payload', queue.get)

    def test_put(self):
        queue = mproc.Queue(1)
        queue.put(1)
        self.check(queues, '_put_payload', queue.put, 2)
        self.check(buffers, '_put_pieces', queue.put, Blob())

    def test_many(self):
        queue = mproc.Queue(1)
        self.check(queues, '_get_packed', queue.get_many)
        queue.put(1)
        self.check(queues, '_put_packed', queue.put_many, [2, 3])

    def test_tasks(self):
        queue = mproc.JoinableQueue()
        self.check(waiting, '_wait_for_one', queue.get_task)
        queue.put(1)
        self.check(waiting, '_wait_for_one', queue.join)

    def test_connection(self):
        first, second = mproc.Pipe()
        self.check(waiting, '_wait_for_one', first.recv)
        self.check(waiting, '_wait_for_one', first.recv_bytes)
        self.check(waiting, '_wait_for_one', first.poll, None)
        self.check(connections, '_connection_flush', first.send_bytes, bytes(10_000_000))
        second.close()

    def test_call(self):
        first, second = Mp.Pipe()
        self.check(waiting, '_iterate', first.call, 1)
        second.close()

    def test_listener(self):
        with mproc.connection.Listener() as listener:
            self.check(waiting, '_wait_for_one', listener.accept)

    def test_wait(self):
        first, second = mproc.Pipe()
        self.check(processes, '_wait_for_many', mproc.connection.wait, [mproc.Queue(), first])
        second.close()


class TestOthers(helping.TestCase):
    def test_handler_that_waits(self):
        queue = mproc.Queue()
        seen = []

        def handle(*ignored):
            with self.assertRaises(mproc.queues.Empty):
                queue.get(timeout=0.05)
            seen.append(1)
            queue.put('from the handler')

        before = signal.signal(signal.SIGALRM, handle)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        with unittest.mock.patch.object(queues, '_get_payload', raising_before(queues._get_payload)):
            self.assertEqual(queue.get(timeout=helping.DEADLINE), 'from the handler')
        self.assertEqual(seen, [1])
        self.assertEqual(signal.set_wakeup_fd(-1), -1)

    def test_descriptor_of_the_program(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.addCleanup(signal.set_wakeup_fd, -1)
        with self.assertRaises(helping.Interrupted), helping.signal_after(0.1):
            mproc.Queue().get()
        self.assertEqual(os.read(reader, 10), bytes((signal.SIGALRM,)))
        self.assertEqual(signal.set_wakeup_fd(writer), writer)

    def test_fork_meanwhile(self):
        queue, answers = mproc.Queue(), mproc.Queue()

        def fork_soon():
            helping.wait_until(lambda: waiting._is_heard or time.sleep(0.001))
            pid = os.fork()
            if pid == 0:
                answers.put(signal.set_wakeup_fd(-1))
                os._exit(0)
            os.waitpid(pid, 0)
            queue.put('end')

        thread = threading.Thread(target=fork_soon)
        thread.start()
        self.assertEqual(queue.get(timeout=helping.DEADLINE), 'end')
        thread.join()
        self.assertEqual(answers.get(timeout=helping.DEADLINE), -1)

    def check_no_polling(self, exception, function, *arguments):
        def measure():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
            with self.assertRaises(exception):
                function(*arguments, timeout=0.5)
            return (resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before,)

        helping.try_bounds(measure, 12)

    def test_no_polling(self):
        self.check_no_polling(mproc.queues.Empty, mproc.Queue().get)

    def test_no_polling_in_a_call(self):
        first, second = Mp.Pipe()
        self.check_no_polling(TimeoutError, first.call, 1)
        second.close()

    def test_in_another_thread(self):
        queue = mproc.Queue()
        got = []
        thread = threading.Thread(target=lambda: got.append(queue.get()))
        thread.start()
        queue.put(1)
        thread.join(helping.DEADLINE)
        self.assertEqual(got, [1])


if __name__ == '__main__':
    unittest.main()
