#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts test cases in the logs that `meson test` leaves, and chooses tests by name.

count.py LOG...                      prints "N passed, N failed, N skipped"; 0 when none failed
count.py --select FOLDER MODE NAME...  prints the tests of a build folder to run, one a line

A log contains one JSON object per line for each test program: its name, its result according to
Meson, and its output, which is TAP for all languages. A program that crashes, ends early or times
out is one failed case, in addition to those that it reported.
"""

import fnmatch
import json
import os
import re
import sys

CASE = re.compile(r'(?P<no>not )?ok\b(?:\s+(?P<number>\d+))?[\s-]*(?P<rest>.*)')
PLAN = re.compile(r'1\.\.(?P<planned>\d+)(?P<rest>.*)')
DIRECTIVE = re.compile(r'#\s*(?P<word>SKIP|TODO)\b', re.IGNORECASE)
FINE = ('OK', 'SKIP')
LONG_SUITES = ('long', 'stress')


def parse_tap(output):
    """Returns the lists of passed, failed and skipped cases, and the number planned or None."""
    passed, failed, skipped, planned = [], [], [], None
    for line in output.splitlines():
        plan = PLAN.match(line)
        if plan:
            planned = int(plan['planned'])
            if planned == 0 and DIRECTIVE.search(plan['rest']):
                skipped.append(plan['rest'].strip(' #'))
            continue
        case = CASE.match(line)
        if not case:
            continue
        if DIRECTIVE.search(case['rest']):
            skipped.append(case['rest'])
        elif case['no']:
            failed.append(case['rest'])
        else:
            passed.append(case['rest'])
    return passed, failed, skipped, planned


def count_program(entry):
    """Returns the same for one test program, with one more failure if it did not end
    successfully."""
    passed, failed, skipped, planned = parse_tap(entry.get('stdout') or '')
    seen = len(passed) + len(failed) + len(skipped)
    if planned and seen < planned:
        failed.append(f'{planned - seen} of {planned} cases did not run')
    elif planned is None:
        failed.append('printed no plan')
    if entry['result'] not in FINE and not failed:
        failed.append(f'ended with {entry["result"]}')
    return passed, failed, skipped


def count_logs(paths):
    """Returns the counts over all logs, and the names of failures."""
    n_passed, n_skipped, failures = 0, 0, []
    for path in paths:
        with open(path, encoding='utf-8') as log:
            for line in log:
                entry = json.loads(line)
                passed, failed, skipped = count_program(entry)
                n_passed += len(passed)
                n_skipped += len(skipped)
                failures += [f'{entry["name"]}: {case}' for case in failed]
    return n_passed, failures, n_skipped


def select(tests, mode, names):
    """Returns the names of those @tests, as listed by Meson, that are to run."""
    chosen = []
    for test in tests:
        suites = [suite.rpartition(':')[2] for suite in test['suite']]
        if names:
            wanted = any(fnmatch.fnmatchcase(test['name'], name) for name in names)
        elif mode == 'long':
            wanted = any(suite in LONG_SUITES for suite in suites)
        elif mode == 'valgrind':
            wanted = not any(suite in LONG_SUITES for suite in suites)
        else:
            wanted = 'long' not in suites
        if wanted and test['name'] not in chosen:
            chosen.append(test['name'])
    return chosen


def main(arguments):
    if arguments[:1] == ['--select']:
        folder, mode, *names = arguments[1:]
        with open(os.path.join(folder, 'meson-info', 'intro-tests.json'), encoding='utf-8') as file:
            chosen = select(json.load(file), mode, names)
        sys.stdout.writelines(f'{name}\n' for name in chosen)
        return 0

    n_passed, failures, n_skipped = count_logs(arguments)
    print()
    for failure in failures:
        print('failed:', failure)
    if n_passed == 0 and not failures:
        print('No test of that name has run.')
    print(f'{n_passed} passed, {len(failures)} failed, {n_skipped} skipped')
    return 1 if failures or n_passed == 0 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
