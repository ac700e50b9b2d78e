# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPython's own tests of process pools (test/test_concurrent_futures.py), run with mproc's
executor.

With the variable MP_TEST_LONG for all ways to start processes and all cases, else for those of fork
that do not take minutes."""

import os
import types
import unittest
import unittest.mock

import helping
import mproc

try:
    from test import test_concurrent_futures as cpython
except ImportError:
    cpython = None

CASES = ('ProcessPoolExecutorTest', 'ProcessPoolShutdownTest', 'ExecutorDeadlockTest', 'InitializerMixin',
         'FailingInitializerMixin', 'WaitTests', 'AsCompletedTests')

# Those that are not for --long alone.
SHORT_CASES = ('ProcessPoolExecutorTest', 'InitializerMixin', 'FailingInitializerMixin', 'WaitTests')

IS_LONG = 'MP_TEST_LONG' in os.environ

# Tests that this executor cannot pass, and the reason.
SKIPPED = {
    'test_killed_child': 'a killed worker is replaced, and does not break the pool',
}
# Tests excluded unless processes are forked before there is a task.
SKIPPED_ON_DEMAND = {
    'test_saturation': 'its tasks cannot be pickled, and no process is started for such',
    'test_processes_terminate': 'its tasks cannot be pickled, and no process is started for such',
}

# Those in which some tasks are done before others, which sleep for a short time, are.
TIMED = ('test_first_completed', 'test_first_completed_some_already_completed', 'test_first_exception',
         'test_first_exception_some_already_complete', 'test_first_exception_one_already_failed', 'test_timeout',
         'test_map_timeout')


class Futures(types.ModuleType):
    """Replaces concurrent.futures."""

    def __getattr__(self, name):
        return getattr(mproc if name == 'ProcessPoolExecutor' else cpython.futures_of_python, name)


def assert_python_ok(*args, **options):
    """Runs a program with another import."""
    programs = [arg.replace('from concurrent.futures import', 'from mproc import') for arg in args]
    # With an explicit environment variable, it also gets those of this process, such as PYTHONPATH.
    return cpython.assert_python_ok_of_python(*programs, __isolated=False, PYTHONDONTWRITEBYTECODE='1', **options)


def make_case(name, context):
    case = getattr(cpython, name)

    class Case(case, getattr(cpython, f'ProcessPool{context.title()}Mixin'), cpython.BaseTestCase):
        executor_type = mproc.ProcessPoolExecutor

        def setUp(self):
            for patch in (unittest.mock.patch.object(cpython, 'futures', Futures('futures')),
                          unittest.mock.patch.object(cpython, 'assert_python_ok', assert_python_ok)):
                patch.start()
                self.addCleanup(patch.stop)
            super().setUp()

    for test, why in {**SKIPPED, **(SKIPPED_ON_DEMAND if context != 'fork' else {})}.items():
        if hasattr(case, test):
            setattr(Case, test, unittest.skip(why)(lambda self: None))
    for test in TIMED:
        if hasattr(case, test):
            setattr(Case, test, helping.try_again(getattr(case, test)))
    Case.__name__ = Case.__qualname__ = f'{name}_{context}'
    Case.__module__ = __name__
    return Case


@unittest.skipIf(cpython, 'it is there')
class TestSuite(unittest.TestCase):
    def test_is_installed(self):
        self.skipTest('the tests of CPython are not installed')


if cpython is not None:
    cpython.futures_of_python = cpython.futures
    cpython.assert_python_ok_of_python = cpython.assert_python_ok
    cpython.setUpModule()
    for context in helping.METHODS if IS_LONG else ('fork',):
        for name in CASES if IS_LONG else SHORT_CASES:
            case = make_case(name, context)
            globals()[case.__name__] = case
    del case


if __name__ == '__main__':
    unittest.main()
