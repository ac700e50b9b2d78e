# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples print the expected output."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import unittest

EXAMPLES = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples', 'python')


# Unbuffered, the lines of two processes would mix.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}


def run(name):
    return subprocess.run([sys.executable, os.path.join(EXAMPLES, name + '.py')], check=True, text=True,
                          env=ENVIRONMENT, stdout=subprocess.PIPE, timeout=60).stdout.splitlines()


class TestExamples(unittest.TestCase):
    def test_basic_queue(self):
        lines = run('basic-queue')
        for word in ('Producing', 'Consuming'):
            self.assertEqual([line for line in lines if line.startswith(word)],
                             [f'{word} item{i}' for i in (1, 2, 3, 4)])

    def test_joinable_queue(self):
        lines = run('joinable-queue')
        self.assertEqual(sorted(lines[:-1]), [f'Processing task-{i}' for i in range(5)])
        self.assertEqual(lines[-1], 'All tasks completed')

    def test_pool(self):
        count, failure = sorted(run('pool'))
        self.assertEqual(count, '1229 primes below 10000')
        self.assertRegex(failure, r'^One task failed: .*signal 9 \(Killed\)$')

    def test_pipe(self):
        lines = run('pipe')
        self.assertEqual([line.partition(': ')[2] for line in lines if line.startswith('Received')],
                         ['Hello', 'World', 'From', 'Pipe', 'DONE'])

    def test_ping_pong(self):
        lines = run('ping-pong')
        for i in range(3):
            for name in ('ping', 'pong'):
                self.assertIn(f'Sent: {name}-{i}', lines)
                self.assertIn(f'Received: {name}-{i}', lines)

    def test_producers_consumers(self):
        lines = run('producers-consumers')
        consumed = [line.partition('consumed: ')[2] for line in lines if 'consumed' in line]
        self.assertEqual(sorted(consumed),
                         [f'Producer-{p}-Item-{i}' for p in range(2) for i in range(5)])
        self.assertEqual(len([line for line in lines if line.endswith('timed out, exiting')]), 3)

    @unittest.skipUnless(importlib.util.find_spec('dill'), 'dill is not installed')
    def test_objects(self):
        self.assertEqual(run('objects'), [f'Worker result: {[x * x for x in range(1, 6)]}'])

    def test_listener(self):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', 6000)) == 0:
                self.skipTest('somebody else listens at port 6000')
        lines = run('listener')
        for line in ('Connection accepted', 'Client received: Echo: hello',
                     'Client received: Echo: world', 'Server received: quit'):
            self.assertIn(line, lines)
        self.assertTrue(re.search("^Server listening on .'localhost', 6000", '\n'.join(lines), re.M))


if __name__ == '__main__':
    unittest.main()
