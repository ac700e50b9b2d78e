# SPDX-License-Identifier: LGPL-2.1-or-later
"""The counting of test cases: that it counts, and that it can fail."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

import count  # noqa: E402


def program(stdout, result='OK'):
    return {'name': 'queue', 'result': result, 'stdout': textwrap.dedent(stdout)}


class TestProgram(unittest.TestCase):
    def assertCounts(self, entry, n_passed, n_failed, n_skipped):
        passed, failed, skipped = count.count_program(entry)
        self.assertEqual((len(passed), len(failed), len(skipped)), (n_passed, n_failed, n_skipped))

    def test_passed(self):
        self.assertCounts(program('''\
            # random seed: R02S
            1..2
            # Start of queue tests
            ok 1 /queue/put
            ok 2 /queue/get
            '''), 2, 0, 0)

    def test_failed(self):
        self.assertCounts(program('1..2\nok 1 /a\nnot ok 2 /b\n', 'FAIL'), 1, 1, 0)

    def test_skipped(self):
        self.assertCounts(program('1..2\nok 1 /a # SKIP no peer\nok 2 /b\n'), 1, 0, 1)
        self.assertCounts(program('1..0 # SKIP no peer\n', 'SKIP'), 0, 0, 1)

    def test_output_is_no_verdict(self):
        self.assertCounts(program('1..1\nokay\n  ok 1 nested\n# ok 2\nok 1 /a\n'), 1, 0, 0)

    def test_crash_before_the_last_case(self):
        self.assertCounts(program('1..3\nok 1 /a\n', 'ERROR'), 1, 1, 0)

    def test_crash_after_the_last_case(self):
        self.assertCounts(program('1..1\nok 1 /a\n', 'ERROR'), 1, 1, 0)

    def test_timeout(self):
        self.assertCounts(program('1..3\nok 1 /a\nok 2 /b\n', 'TIMEOUT'), 2, 1, 0)

    def test_cases_that_did_not_run(self):
        self.assertCounts(program('1..3\nok 1 /a\n'), 1, 1, 0)

    def test_no_output(self):
        self.assertCounts(program(''), 0, 1, 0)
        self.assertCounts({'name': 'queue', 'result': 'ERROR'}, 0, 1, 0)


class TestCommand(unittest.TestCase):
    def count(self, *entries):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'testlog.json')
            with open(path, 'w', encoding='utf-8') as log:
                log.writelines(json.dumps(entry) + '\n' for entry in entries)
            done = subprocess.run([sys.executable, os.path.join(TESTS, 'count.py'), path],
                                  stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_last_line(self):
        self.assertEqual(self.count(program('1..2\nok 1 /a\nok 2 /b # SKIP why\n'),
                                    program('1..1\nok 1 /c\n')),
                         (0, '2 passed, 0 failed, 1 skipped'))

    def test_failure_is_an_exit_status(self):
        self.assertEqual(self.count(program('1..1\nok 1 /a\n'),
                                    program('1..1\nnot ok 1 /c\n', 'FAIL')),
                         (1, '1 passed, 1 failed, 0 skipped'))

    def test_nothing_run_is_no_success(self):
        self.assertEqual(self.count(), (1, '0 passed, 0 failed, 0 skipped'))


class TestSelect(unittest.TestCase):
    tests = [{'name': 'queue', 'suite': ['mproc-glib:c']},
             {'name': 'python-queue', 'suite': ['mproc-glib:python']},
             {'name': 'kill', 'suite': ['mproc-glib:stress']},
             {'name': 'soak', 'suite': ['mproc-glib:long']}]

    def test_modes(self):
        self.assertEqual(count.select(self.tests, 'normal', []), ['queue', 'python-queue', 'kill'])
        self.assertEqual(count.select(self.tests, 'long', []), ['kill', 'soak'])

    def test_names(self):
        self.assertEqual(count.select(self.tests, 'normal', ['queue']), ['queue'])
        self.assertEqual(count.select(self.tests, 'normal', ['*queue']), ['queue', 'python-queue'])
        self.assertEqual(count.select(self.tests, 'normal', ['stack']), [])


class TestTap(unittest.TestCase):
    """The runner that turns unittest into TAP, on cases of every outcome."""

    cases = '''\
        import unittest

        class Cases(unittest.TestCase):
            def test_fine(self):
                print('not ok 99 this is output')

            def test_broken(self):
                self.assertEqual(1, 2)

            def test_raises(self):
                raise OSError('gone')

            def test_part_broken(self):
                with self.subTest(part=1):
                    self.fail()
                with self.subTest(part=2):
                    pass

            @unittest.skip('not today')
            def test_skipped(self):
                pass

        class NoClass(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise OSError('no set-up')

            def test_never(self):
                pass
        '''

    def test_outcomes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'test_cases.py')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(textwrap.dedent(self.cases))
            done = subprocess.run([sys.executable, os.path.join(TESTS, 'python', 'tap.py'), path],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                  check=False)
        self.assertEqual(done.returncode, 1)
        passed, failed, skipped, planned = count.parse_tap(done.stdout)
        self.assertEqual(passed, ['test_cases.Cases.test_fine'])
        self.assertEqual(sorted(failed)[0:3], ['setUpClass (test_cases.NoClass)',
                                               'test_cases.Cases.test_broken',
                                               'test_cases.Cases.test_part_broken'])
        self.assertEqual(len(failed), 4)
        self.assertEqual(len(skipped), 1)
        self.assertEqual(planned, 6)

    js_cases = '''\
        import Gio from 'gi://Gio';
        import {assert, assertEqual, assertRejects, assertThrows, run, skip, test, until} from '%s';

        test('/fine', () => assertEqual({a: [1, new Uint8Array([2])]}, {a: [1, new Uint8Array([2])]}));
        test('/broken', () => assert(1 === 2));
        test('/unequal', () => assertEqual([1, 2], [1]));
        test('/other-type', () => assertEqual(new Uint8Array([1]), [1]));
        test('/rejected', async () => { throw new Error('gone'); });
        test('/nothing-thrown', () => assertThrows(() => {}, Gio.IOErrorEnum, 1));
        test('/never', async () => until(() => false, 0.01));
        test('/skipped', () => skip('not today'));

        await run();
        '''

    @unittest.skipUnless(shutil.which('gjs'), 'gjs is not there')
    def test_outcomes_in_javascript(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'cases.js')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(textwrap.dedent(self.js_cases % f'file://{TESTS}/js/tap.js'))
            done = subprocess.run(['gjs', '-m', path], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 1)
        passed, failed, skipped, planned = count.parse_tap(done.stdout)
        self.assertEqual(passed, ['/fine'])
        self.assertEqual(failed, ['/broken', '/unequal', '/other-type', '/rejected',
                                  '/nothing-thrown', '/never'])
        self.assertEqual(len(skipped), 1)
        self.assertEqual(planned, 8)


if __name__ == '__main__':
    unittest.main()
