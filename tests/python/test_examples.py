# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples print the expected output, which examples/README.md shows."""

import functools
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

EXAMPLES = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
BUILD = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples')

# What examples/README.md says of one example, and the outputs that it shows.
SECTION = re.compile(r'^\*\*(?P<name>[\w-]+)\*\*: (?P<text>.*?)(?=^\*\*|^## )', re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r'^```\n(.*?)^```$', re.MULTILINE | re.DOTALL)

COMMANDS = {
    'c': lambda name: [os.path.join(BUILD, 'c', name)],
    'python': lambda name: [sys.executable, os.path.join(EXAMPLES, 'python', name + '.py')],
    'js': lambda name: [shutil.which('gjs') or 'gjs', '-m', os.path.join(EXAMPLES, 'js', name + '.js')],
    'vala': lambda name: [os.path.join(BUILD, 'vala', name)],
}

# Unbuffered, the lines of two processes would mix.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}


@functools.lru_cache(maxsize=None)
def run(name, language='python'):
    return subprocess.run(COMMANDS[language](name), check=True, text=True, env=ENVIRONMENT,
                          stdout=subprocess.PIPE, timeout=60).stdout.splitlines()


def port_is_taken():
    """Whether another program listens at the port of the listener in Python."""
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', 6000)) == 0


def is_printed(line, printed):
    """Whether a line of the output that is shown, in which … stands for anything, was printed."""
    pattern = '.*'.join(re.escape(part) for part in line.split('…'))
    return any(re.fullmatch(pattern, each) for each in printed)


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
        if port_is_taken():
            self.skipTest('somebody else listens at port 6000')
        lines = run('listener')
        for line in ('Connection accepted', 'Client received: Echo: hello',
                     'Client received: Echo: world', 'Server received: quit'):
            self.assertIn(line, lines)
        self.assertTrue(re.search("^Server listening on .'localhost', 6000", '\n'.join(lines), re.M))


class TestGallery(unittest.TestCase):
    """What examples/README.md shows is printed by the examples in each language."""

    def outputs(self, language):
        """Returns the lines shown for each example. If there are two outputs, the first is Python's."""
        with open(os.path.join(EXAMPLES, 'README.md'), encoding='utf-8') as file:
            sections = SECTION.findall(file.read())
        self.assertGreater(len(sections), 7)
        for name, text in sections:
            found = OUTPUT.findall(text)
            yield name, found[0 if language == 'python' else -1].splitlines()

    def check(self, language):
        if shutil.which(COMMANDS[language]('pipe')[0]) is None:
            self.skipTest(f'the examples in {language} cannot be run')
        for name, lines in self.outputs(language):
            with self.subTest(example=name):
                if language == 'python' and ((name == 'listener' and port_is_taken()) or
                                             (name == 'objects' and importlib.util.find_spec('dill') is None)):
                    continue
                printed = run(name, language)
                self.assertEqual([line for line in lines if not is_printed(line, printed)], [])

    def test_c(self):
        self.check('c')

    def test_python(self):
        self.check('python')

    def test_js(self):
        self.check('js')

    def test_vala(self):
        self.check('vala')

    def test_what_is_not_printed_is_found(self):
        self.assertTrue(is_printed('one … three', ['0', 'one two three']))
        self.assertFalse(is_printed('one … three', ['one two']))


if __name__ == '__main__':
    unittest.main()
