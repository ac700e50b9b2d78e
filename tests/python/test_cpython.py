# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPython's own tests of queues, connections, listeners and waiting, run with mproc.

They come from Debian's package libpython3.11-testsuite (test/_test_multiprocessing.py)."""

import multiprocessing
import multiprocessing.connection
import signal
import types
import unittest
import unittest.mock

import helping
import mproc
import mproc.connection

try:
    from test import _test_multiprocessing as cpython
except ImportError:
    cpython = None

# The cases: mix-ins that get what they need from `self`, or complete classes that use the module.
MIXINS = ('_TestQueue', '_TestConnection', '_TestListener', '_TestListenerClient', '_TestPoll',
          '_TestPicklingConnections')
WHOLE = ('TestWait', 'TestInvalidFamily', 'TestTimeouts', 'TestIgnoreEINTR', 'TestSimpleQueue',
         'TestInvalidHandle', 'TestStdinBadfiledescriptor')

# Tests that another implementation cannot pass, and the reason.
SKIPPED = {
    '_TestQueue.test_queue_feeder_donot_stop_onexc':
        'an object that cannot be pickled is refused by put; there is no thread to do it later',
    '_TestQueue.test_queue_feeder_on_queue_feeder_error': 'derives from a private class',
    'TestSimpleQueue.test_closed': 'looks at the private _reader and _writer',
    'TestInvalidHandle.test_invalid_handles': 'sets the private _handle',
}

# Those that end within some tenths of a second, if nobody else needs the processor.
TIMED = ('TestWait.test_wait_timeout', 'TestWait.test_wait_integer', 'TestWait.test_neg_timeout')


class Connection(types.ModuleType):
    """Replaces multiprocessing.connection."""

    def __getattr__(self, name):
        return getattr(mproc.connection if name in ('Listener', 'Client', 'wait', 'Connection', 'Pipe')
                       else multiprocessing.connection, name)


class Multiprocessing(types.ModuleType):
    """Replaces multiprocessing: processes and locks are its own, the rest is from mproc."""

    connection = Connection('connection')

    def __getattr__(self, name):
        return getattr(mproc if name in ('Queue', 'JoinableQueue', 'SimpleQueue', 'Pipe')
                       else multiprocessing, name)


def make_case(name):
    case = getattr(cpython, name)
    skipped = {test.partition('.')[2]: unittest.skip(why)(lambda self: None)
               for test, why in SKIPPED.items() if test.startswith(name + '.')}
    patched = unittest.mock.patch.multiple(cpython, multiprocessing=Multiprocessing('multiprocessing'))
    waiting = unittest.mock.patch.object(multiprocessing.connection, 'wait', mproc.connection.wait)

    class Case(case, unittest.TestCase):
        TYPE = 'processes'
        Process = multiprocessing.Process
        connection = Connection('connection')
        current_process = staticmethod(multiprocessing.current_process)
        active_children = staticmethod(multiprocessing.active_children)
        Pipe = staticmethod(mproc.Pipe)
        Queue = staticmethod(mproc.Queue)
        JoinableQueue = staticmethod(mproc.JoinableQueue)
        Lock = staticmethod(multiprocessing.Lock)
        RLock = staticmethod(multiprocessing.RLock)
        Semaphore = staticmethod(multiprocessing.Semaphore)
        Event = staticmethod(multiprocessing.Event)
        Value = staticmethod(multiprocessing.Value)

        def setUp(self):
            for patch in (patched, waiting):
                patch.start()
                self.addCleanup(patch.stop)
            super().setUp()

    Case.__name__ = Case.__qualname__ = name.strip('_')
    Case.__module__ = __name__
    for test, replacement in skipped.items():
        setattr(Case, test, replacement)
    for test in dir(Case):
        if f'{name}.{test}' in TIMED:
            setattr(Case, test, helping.try_again(getattr(Case, test)))
    return Case


@unittest.skipIf(cpython, 'it is there')
class TestSuite(unittest.TestCase):
    def test_is_installed(self):
        self.skipTest('the tests of CPython are not installed')


if cpython is not None:
    # As a number: a minimal Debian cannot resolve localhost.
    cpython.socket_helper.HOST = '127.0.0.1'
    # The main module runs them for each start method.
    cpython.multiprocessing.set_start_method('fork', force=True)
    for name in MIXINS + WHOLE:
        case = make_case(name)
        globals()[case.__name__] = case
    del case


if __name__ == '__main__':
    unittest.main()
