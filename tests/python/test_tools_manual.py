# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual page of mproc: each command line in it runs, and it describes what there is.  The
completions know the same."""

import os
import re
import shutil
import subprocess
import sys
import threading
import unittest

import gi
gi.require_version('Mp', '1.0')
from gi.repository import GLib, Mp

from commands import MPROC, TIMEOUT, Program, mproc, own_folder, wait_until

FOLDER = own_folder()
SOURCE = os.environ['MP_SOURCE_ROOT']
COMPLETIONS = os.path.join(SOURCE, 'tools', 'completion')

# Those that go on until they are ended.
LIVE = ('mproc show -w', 'mproc top\n', 'mproc monitor\n', 'mproc tail tasks', 'mproc tail -n', 'mproc work tasks -- ', 'mproc listen',
        'mproc run -n 4', 'mproc run --queue')
# Those that wait for what others do.
WAITING = ('mproc wait', 'mproc drain')

# The options that no command line of the page uses, and those of all commands.
MORE = (
    'mproc ls --pid $PPID --names',
    'mproc show --tasks 1 tasks',
    'mproc monitor --delay 0.01 --time 0.1 tasks',
    'mproc peek --held tasks',
    'mproc tail -n 1 --format json --max-size 10 tasks',
    'mproc put --time 60 tasks 1',
    'mproc shutdown tasks; mproc get --follow tasks',
    'mproc run -n 1 --grace 1 --max-restarts 2 --restart no -- true',
    'mproc wait --done -t 60 tasks',
    'mproc peek --dead tasks | { read serial rest; mproc requeue --serial $serial tasks; }',
    'mproc peek --dead tasks | { read serial rest; mproc purge --serial $serial --yes tasks; }',
    'mproc create pictures --joinable --max-deliveries 3',
    'echo secret > "$XDG_RUNTIME_DIR"/key; '
    'echo 1 | mproc listen unix:"$XDG_RUNTIME_DIR"/both --once --time 60 --format bytes --legacy-digests '
    '--key-file "$XDG_RUNTIME_DIR"/key --json --color never --no-header --quiet & '
    'while ! test -S "$XDG_RUNTIME_DIR"/both; do sleep 0.01; done; '
    'echo 2 | mproc connect unix:"$XDG_RUNTIME_DIR"/both --once --time 60 --format bytes --legacy-digests '
    '--key-file "$XDG_RUNTIME_DIR"/key; wait',
    'mproc bench --joinable -d 0.05',
)
COMMON = '--json=pretty --color=always --no-header --quiet'


def page():
    with open(os.path.join(SOURCE, 'docs', 'mproc.1'), encoding='utf-8') as file:
        return file.read()


def plain(text):
    """Text as a reader sees it."""
    return re.sub(r'\\f.', '', text.replace('\\-', '-').replace('\\&', '').replace('\\e', '\\'))


def command_lines():
    return [line for block in re.findall(r'^\.EX\n(.*?)^\.EE$', page(), re.MULTILINE | re.DOTALL)
            for line in plain(block).splitlines()]


def sections():
    """Returns the part of the page about each command, by its name."""
    parts = re.split(r'^\.SS "?([a-z]+).*$', page(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def commands():
    return mproc('--list-commands').stdout.split()


def short_options(name):
    """Returns the long form of each short option of a command."""
    text = plain(sections()[name] + page().partition('.SH OPTIONS OF ALL COMMANDS')[2].partition('.SH')[0])
    return dict(re.findall(r'(-[a-z])\W{1,6}(--[a-z-]+)', text))


def options_used(line):
    """Returns the options of each command in a command line, as (command, long option)."""
    used = set()
    for name, rest in re.findall(r'mproc ([a-z]+)([^|;&]*)', line):
        short = short_options(name)
        for word in re.findall(r'\S+', rest.partition(' -- ')[0]):
            if word.startswith('--'):
                used.add((name, word.partition('=')[0]))
            elif re.match('-[a-z]', word):
                used.add((name, short[word[:2]]))
    return used


def common_lines():
    """A command line of each command, with the options of all commands; some are in MORE."""
    found = {}
    for line in command_lines():
        name = line.split()[1] if line.startswith('mproc ') else ''
        if name and name not in found and not f'{line}\n'.startswith(LIVE):
            found[name] = line.replace(name, f'{name} {COMMON}', 1)
    found['connect'] = f'echo 1 | mproc connect {COMMON} --once unix:"$XDG_RUNTIME_DIR"/answers'
    return list(found.values())


def children_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return file.read().split()


class TestManual(unittest.TestCase):
    def setUp(self):
        """What the page takes for granted: the queues `tasks`, `results` and `jobs`, with something in the
        first of them and a dead letter."""
        self.remove()
        self.addCleanup(self.remove)
        self.tasks = Mp.JoinableQueue.open('local:tasks?max-deliveries=1', None)
        self.others = [Mp.Queue.open('local:results', None), Mp.JoinableQueue.open('local:jobs', None)]
        self.tasks.put('dead')
        self.tasks.get_task().retry()
        for value in ({'path': '/etc/hosts'}, 2, 'three'):
            self.tasks.put(value)

    @staticmethod
    def remove():
        for name in ('tasks', 'results', 'jobs', 'pictures'):
            try:
                Mp.Queue.remove(f'local:{name}', None)
            except (GLib.Error, OSError):
                pass

    def consume(self):
        """A consumer that takes all there is."""
        try:
            while True:
                self.tasks.get_task(timeout=TIMEOUT).done()
        except Exception:  # it was shut down
            pass

    def run_line(self, line):
        environment = {**os.environ, 'PATH': os.path.dirname(MPROC) + os.pathsep + os.environ['PATH']}
        line_of_many = re.search('[|;]', line)
        with Program(['sh', '-c', line if line_of_many else f'exec {line}'], env=environment, stdin=subprocess.DEVNULL,
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace') as process:
            if any((line + '\n').startswith(each) for each in LIVE):
                self.wait_for_life(line, process)
                process.terminate()
            elif line.startswith(WAITING):
                threading.Thread(target=self.consume, daemon=True).start()
            _, errors = process.communicate(timeout=TIMEOUT)
            self.assertEqual((process.returncode, errors), (0, '' if 'listen' not in line else errors))

    def run_with_peer(self, line):
        """With the listener that a line connects to."""
        if '/answers' not in line:
            self.run_line(line)
            return
        with Program([MPROC, 'listen', f'unix:{FOLDER}/answers', '--once'], stdin=subprocess.PIPE,
                     stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
            listener.stderr.readline()
            listener.stdin.write('"answer"\n')
            listener.stdin.flush()
            self.run_line(line)
            listener.communicate(timeout=TIMEOUT)

    def wait_for_life(self, line, process):
        if 'listen' in line:
            self.assertIn('listening', process.stderr.readline())
        elif 'tail' in line or 'monitor' in line:
            while process.line(0.2) is None:
                self.tasks.put('seen')
        elif 'run' in line:
            wait_until(lambda: Mp.QueueMonitor.new_for_queue(self.tasks).props.n_processes > 1 or
                       children_of(process.pid))
        else:
            self.assertIsNotNone(process.line())

    def test_every_command_line(self):
        lines = command_lines()
        self.assertGreater(len(lines), 35)
        for line in lines:
            with self.subTest(line=line):
                self.setUp()
                self.run_with_peer(line)

    def test_more_command_lines(self):
        for line in (*MORE, *common_lines()):
            with self.subTest(line=line):
                self.setUp()
                held = self.tasks.get_task() if '--held' in line else None
                self.run_with_peer(line)
                del held

    def test_every_option_is_used(self):
        used = set()
        for line in (*command_lines(), *MORE, *common_lines()):
            used |= options_used(line)
        for name in commands():
            there = mproc(name, '--list-options').stdout.split()
            self.assertEqual([option for option in there if (name, option) not in used | {(name, '--help')}], [], name)

    def test_every_command_has_an_example(self):
        used = {match for line in command_lines() for match in re.findall(r'mproc ([a-z]+)', line)}
        self.assertEqual(used, set(commands()))

    def test_it_describes_what_there_is(self):
        """Its sentences are those of the program."""
        self.assertEqual(set(sections()), set(commands()))
        for name, text in sections().items():
            with self.subTest(command=name):
                options = set(re.findall(r'--[a-z-]+', plain(text).partition('.EX')[0])) - {'--'}
                there = set(mproc(name, '--list-options').stdout.split())
                common = {'--color', '--json', '--no-header', '--quiet', '--help'}
                self.assertEqual(options, there - common)
                summary = mproc(name, '--help').stdout.split('\n\n')[1]
                self.assertTrue(plain(text).strip().startswith(summary), summary)

    def test_it_is_sound(self):
        if shutil.which('man') is None and shutil.which('groff') is None:
            self.skipTest('there is no groff')
        result = subprocess.run(['groff', '-man', '-Tutf8', '-ww', '-z', os.path.join(SOURCE, 'docs', 'mproc.1')],
                                stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ''))

    def test_help(self):
        for name in commands():
            with self.subTest(command=name):
                result = mproc(name, '--help')
                self.assertEqual((result.returncode, result.stderr), (0, ''))
                self.assertIn(f'mproc {name}', result.stdout)


def complete_in_bash(*words):
    """Returns what bash offers for the last of the words."""
    script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mproc; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    environment = {**os.environ, 'PATH': os.path.dirname(MPROC) + os.pathsep + os.environ['PATH']}
    result = subprocess.run(['bash', '-c', script, 'bash', os.path.join(COMPLETIONS, 'mproc.bash'), 'mproc', *words],
                            stdout=subprocess.PIPE, text=True, env=environment, timeout=TIMEOUT, check=True)
    return result.stdout.split()


class TestCompletion(unittest.TestCase):
    def setUp(self):
        self.name = f'completed-{os.urandom(4).hex()}'
        self.queue = Mp.Queue.open(f'local:{self.name}', None)
        self.addCleanup(Mp.Queue.remove, f'local:{self.name}', None)

    def test_bash(self):
        self.assertEqual(complete_in_bash('mo'), ['monitor'])
        self.assertEqual(set(complete_in_bash('')), set(commands()))
        self.assertEqual(complete_in_bash('show', self.name[:-1]), [self.name])
        self.assertEqual(complete_in_bash('show', '--wa'), ['--watch'])
        self.assertEqual(complete_in_bash('peek', '--d'), ['--dead'])

    def run_shell(self, shell, script):
        if shutil.which(shell) is None:
            self.skipTest(f'there is no {shell}')
        environment = {**os.environ, 'PATH': os.path.dirname(MPROC) + os.pathsep + os.environ['PATH']}
        result = subprocess.run([shell, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=environment, timeout=TIMEOUT, check=False)
        self.assertEqual(result.stderr, '')
        return result.stdout

    def test_fish(self):
        path = os.path.join(COMPLETIONS, 'mproc.fish')
        offered = self.run_shell('fish', f'source {path}; complete -C "mproc mo"; complete -C "mproc show {self.name}"; '
                                         f'complete -C "mproc peek --de"')
        self.assertEqual([line.split('\t')[0] for line in offered.splitlines()], ['monitor', self.name, '--dead'])

    def test_zsh(self):
        """What the functions of zsh are called with."""
        path = os.path.join(COMPLETIONS, '_mproc')
        offered = self.run_shell('zsh', f'compadd () {{ print -r -- $@ }}; words=(mproc ""); CURRENT=2; . {path}; '
                                        f'words=(mproc show ""); CURRENT=3; . {path}; '
                                        f'words=(mproc show --); CURRENT=3; . {path}')
        self.assertIn('monitor', offered)
        self.assertIn(self.name, offered)
        self.assertIn('--watch', offered)


if __name__ == '__main__':
    unittest.main()
