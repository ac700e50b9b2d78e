#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the unittest cases of a file and prints TAP.

tap.py FILE [NAME...], with names as unittest takes them: Class or Class.test_method
"""

import importlib.util
import os
import sys
import unittest


class TapResult(unittest.TestResult):
    """Prints one TAP line for each case; a case with subtests is one case."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.number = 0
        self.verdict = None

    def startTest(self, test):
        super().startTest(test)
        self.verdict = 'ok', ''

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(self.errors[-1][1])
        if self.number_is_due(test):
            self._print(test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            problems = self.failures if issubclass(err[0], test.failureException) else self.errors
            self._fail(problems[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.verdict = 'ok', f' # SKIP {reason}'
        if self.number_is_due(test):
            self._print(test)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.verdict = 'not ok', ' # TODO expected'

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._fail('passed, though it was expected to fail')

    def stopTest(self, test):
        super().stopTest(test)
        self._print(test)

    @staticmethod
    def number_is_due(test):
        """Whether @test stands for a failed setUpClass () or setUpModule (), never started."""
        return not isinstance(test, unittest.TestCase)

    def _fail(self, why):
        self.verdict = 'not ok', ''
        print(why, file=sys.stderr, flush=True)

    def _print(self, test):
        self.number += 1
        verdict, directive = self.verdict
        print(f'{verdict} {self.number} {test.id()}{directive}', file=self.stream, flush=True)


def main(path, *names):
    name = os.path.splitext(os.path.basename(path))[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)

    loader = unittest.TestLoader()
    if names:
        suite = loader.loadTestsFromNames(names, module)
    else:
        suite = loader.loadTestsFromModule(module)

    # The output of a test must not be mistaken for a result.
    tap = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    os.set_inheritable(1, True)

    result = TapResult(tap)
    suite.run(result)
    print(f'1..{result.number}', file=tap, flush=True)
    return 0 if result.wasSuccessful() and result.number > 0 else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
