# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPython's own tests of the module queue and of logging's queue handlers, pointed at mproc.

They come from Debian's package libpython3.11-testsuite (test/test_queue.py, test/test_logging.py)."""

import errno
import queue
import types
import unittest
import unittest.mock

import helping  # noqa: F401: it asks for the right version of Mp
import mproc

try:
    from test import test_logging as cpython_logging
    from test import test_queue as cpython_queue
except ImportError:
    cpython_logging = cpython_queue = None


class Queue(mproc.JoinableQueue):
    """By its name the tests know the order in which objects come."""


class SimpleQueue(mproc.Queue):
    """What the module queue calls so has timeouts, which that of multiprocessing has not."""

    def get(self, block=True, timeout=None):
        """The tests do not expect that another thread holds a lock and does not run for longer than
        their timeouts of some microseconds."""
        try:
            return super().get(block, timeout)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise queue.Empty from error


QUEUE = types.SimpleNamespace(Queue=Queue, SimpleQueue=SimpleQueue, Empty=queue.Empty, Full=queue.Full)

# What cannot be asked of a queue between processes, and why.
SKIPPED = {
    'test_negative_timeout_raises_exception': 'multiprocessing takes a negative timeout for 0',
    'test_references': 'the object that is got is not the one that was put',
}

LOGGING = ('QueueHandlerTest', 'QueueListenerTest')


def skip_some(case):
    for test, why in SKIPPED.items():
        if hasattr(case, test):
            setattr(case, test, unittest.skip(why)(lambda self: None))
    return case


@unittest.skipIf(cpython_queue, 'it is there')
class TestSuite(unittest.TestCase):
    def test_is_installed(self):
        self.skipTest('the tests of CPython are not installed')


if cpython_queue is not None:
    # It asks for the attribute maxsize, which queues of multiprocessing do not have.
    cpython_queue.qfull = lambda queue: queue.full()

    @skip_some
    class QueueTest(cpython_queue.QueueTest, unittest.TestCase):
        queue = QUEUE

    @skip_some
    class SimpleQueueTest(cpython_queue.BaseSimpleQueueTest, unittest.TestCase):
        queue = QUEUE

        def setUp(self):
            self.type2test = SimpleQueue
            super().setUp()

    def make_logging_case(name):
        class Case(getattr(cpython_logging, name)):
            def setUp(self):
                stand_in = types.SimpleNamespace(**{**vars(queue), **vars(QUEUE), 'Queue': mproc.JoinableQueue})
                for patch in (unittest.mock.patch.object(cpython_logging, 'queue', stand_in),
                              unittest.mock.patch.object(cpython_logging, 'multiprocessing', mproc)):
                    patch.start()
                    self.addCleanup(patch.stop)
                super().setUp()

        Case.__name__ = Case.__qualname__ = name
        Case.__module__ = __name__
        return Case

    for name in LOGGING:
        globals()[name] = make_logging_case(name)


if __name__ == '__main__':
    unittest.main()
