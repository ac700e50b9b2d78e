# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example that checksums a tree, on a tree with odd files, while workers are killed."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from helping import state_of

SOURCE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
BUILD = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples')
COORDINATORS = {
    'c': [os.path.join(BUILD, 'c', 'checksum-coordinator')],
    'python': [sys.executable, os.path.join(SOURCE, 'python', 'checksum-coordinator.py')],
    'js': ['gjs', '-m', os.path.join(SOURCE, 'js', 'checksum-coordinator.js')],
    'vala': [os.path.join(BUILD, 'vala', 'checksum-coordinator')],
}
STARTED = re.compile(r'^(\w+)-\d+ is process (\d+)$')
TIMEOUT = 120

N_SMALL = 3000
N_LARGE = 60
LARGE_SIZE = 2 * 1024 * 1024


def make_tree(folder):
    """Small files of different content, large ones that take a while, and odd ones."""
    tree = os.fsencode(folder)
    for i in range(N_SMALL):
        below = os.path.join(tree, b'small-%d' % (i % 30))
        os.makedirs(below, exist_ok=True)
        with open(os.path.join(below, b'%d' % i), 'wb') as file:
            file.write(b'%d' % i * (i % 100))
    for i in range(N_LARGE):
        with open(os.path.join(tree, b'large-%d' % i), 'wb') as file:
            file.truncate(LARGE_SIZE)
    for name in (b'no utf-8 \xff\xfe', b'new\nline', b'quo"te\'s \\ \t', 'ümläut'.encode()):
        with open(os.path.join(tree, name), 'wb') as file:
            file.write(name)
    with open(os.path.join(tree, b'unreadable'), 'wb') as file:
        os.fchmod(file.fileno(), 0)
    with open(os.path.join(tree, b'vanishing'), 'wb') as file:
        file.truncate(LARGE_SIZE)
    os.mkfifo(os.path.join(tree, b'fifo'))
    os.symlink(b'/nowhere', os.path.join(tree, b'dangling'))


def open_file_below(pid, folder):
    """Whether the process @pid has a file of @folder open, as a worker has in the middle of a
    task."""
    try:
        with os.scandir(f'/proc/{pid}/fd') as descriptors:
            return any(os.readlink(entry.path).startswith(folder + '/') for entry in descriptors)
    except OSError:
        return False


def is_running(pid):
    return state_of(pid) not in ('', 'Z')


class Run:
    """A coordinator that runs on a tree, and the processes of its workers."""

    def __init__(self, language, folder, *options, prefix=(), **environment):
        self.folder = folder
        self.lines = []
        self.pids = []
        self.process = subprocess.Popen(
            [*prefix, *COORDINATORS[language], *options, folder], stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, 'MP_EXAMPLES_SOURCE': SOURCE, 'MP_EXAMPLES_BUILD': BUILD,
                 **environment})

    def read_line(self):
        line = self.process.stdout.readline().decode(errors='replace')
        self.lines.append(line.rstrip('\n'))
        started = STARTED.match(self.lines[-1])
        if started:
            self.pids.append(int(started[2]))
        return line and (started[1], int(started[2])) if started else (line and ('', 0))

    def workers(self, n):
        """Reads until @n workers have been started; returns them as (language, pid)."""
        workers = []
        while len(workers) < n:
            found = self.read_line()
            if not found:
                raise AssertionError('\n'.join(self.lines))
            if found[1]:
                workers.append(found)
        return workers

    def stop_if_at_work(self, pid):
        """Stops a worker that is in the middle of a file, so that it holds a task."""
        if not open_file_below(pid, self.folder):
            return False
        os.kill(pid, signal.SIGSTOP)
        while state_of(pid) not in ('', 'T', 'Z'):
            pass
        if open_file_below(pid, self.folder):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    def stop_at_work(self, pids):
        """Stops all of these workers, whichever is at work first: one that started fast would leave
        nothing to the others."""
        deadline = time.monotonic() + TIMEOUT
        missing = set(pids)
        while missing and time.monotonic() < deadline and all(map(is_running, missing)):
            missing -= {pid for pid in missing if self.stop_if_at_work(pid)}
        if missing:
            raise AssertionError(f'processes {missing} were never seen at work: {self.lines}')

    def finish(self):
        try:
            rest, _ = self.process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.lines += rest.decode(errors='replace').splitlines()
        self.pids += [int(match[2]) for match in map(STARTED.match, self.lines) if match]
        return self.process.returncode


class TestChecksum(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='mproc-glib-checksum-')
        self.addCleanup(shutil.rmtree, self.folder)

    def assertNothingLeft(self, run):
        self.assertEqual([pid for pid in run.pids if is_running(pid)], [])

    def assertAgrees(self, run):
        text = '\n'.join(run.lines)
        self.assertEqual(run.finish(), 0, text)
        text = '\n'.join(run.lines)
        self.assertTrue(run.lines[-1].endswith('all digests agree'), text)
        self.assertNothingLeft(run)
        return text

    def survive_kills(self, coordinator):
        """One worker of each language is killed in the middle of a file."""
        make_tree(self.folder)
        # Root can read all files, unless it drops that capability.
        prefix = []
        if os.geteuid() == 0:
            prefix = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--']
        run = Run(coordinator, self.folder, prefix=prefix)
        pids = [pid for _, pid in run.workers(4)]
        run.stop_at_work(pids)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        os.unlink(os.path.join(self.folder, 'vanishing'))

        text = self.assertAgrees(run)
        self.assertEqual(text.count('ended with -9'), 4, text)
        self.assertRegex(text, 'fifo.* left out')
        self.assertRegex(text, 'unreadable.*: ')
        for language in COORDINATORS:
            self.assertEqual(text.count(f'\n{language}-1 is process '), 2, text)

    def test_c_coordinator(self):
        self.survive_kills('c')

    def test_python_coordinator(self):
        self.survive_kills('python')

    def test_javascript_coordinator(self):
        self.survive_kills('js')

    @unittest.skipUnless(os.path.exists(COORDINATORS['vala'][0]), 'there is no Vala')
    def test_vala_coordinator(self):
        self.survive_kills('vala')

    def test_choice_of_workers(self):
        with open(os.path.join(self.folder, 'file'), 'w', encoding='ascii') as file:
            file.write('content')
        for coordinator in COORDINATORS:
            with self.subTest(coordinator=coordinator):
                run = Run(coordinator, self.folder, '--workers', 'c,python', '--n', '2')
                languages = [language for language, _ in run.workers(4)]
                self.assertEqual(languages, ['c', 'c', 'python', 'python'])
                self.assertAgrees(run)

    def test_empty_tree(self):
        for coordinator in COORDINATORS:
            with self.subTest(coordinator=coordinator):
                self.assertAgrees(Run(coordinator, self.folder, '--workers', 'c'))

    def test_interrupt(self):
        make_tree(self.folder)
        # However fast the workers are, this file keeps one of them busy for minutes.
        with open(os.path.join(self.folder, 'endless'), 'wb') as file:
            file.truncate(1 << 38)
        for coordinator in COORDINATORS:
            with self.subTest(coordinator=coordinator):
                run = Run(coordinator, self.folder)
                for _, pid in run.workers(4):
                    self.assertTrue(is_running(pid))
                run.process.send_signal(signal.SIGINT)
                self.assertEqual(run.finish(), 130)
                self.assertNothingLeft(run)

    def test_disagreement_is_found(self):
        with open(os.path.join(self.folder, 'file'), 'w', encoding='ascii') as file:
            file.write('content')
        tools = tempfile.mkdtemp(dir=self.folder)
        liar = os.path.join(tools, 'sha256sum')
        with open(liar, 'w', encoding='ascii') as file:
            file.write('#!/bin/sh\n/usr/bin/sha256sum "$@" | tr 0123456789 1234567890\n')
        os.chmod(liar, stat.S_IRWXU)
        for coordinator in COORDINATORS:
            with self.subTest(coordinator=coordinator):
                run = Run(coordinator, self.folder, '--workers', 'c',
                          PATH=f'{tools}:{os.environ["PATH"]}')
                self.assertEqual(run.finish(), 1)
                self.assertIn('do not agree', run.lines[-1])


if __name__ == '__main__':
    unittest.main()
