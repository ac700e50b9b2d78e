# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command mproc shows the actual state of queues."""

import json
import os
import pickle
import re
import select
import signal
import subprocess
import sys
import unittest

import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp

from commands import MPROC, TIMEOUT, Terminal, mproc, objects

# A worker that takes a task, tells of its progress and keeps it until it is killed.
HOLDER = '''
import signal
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
task = Mp.inherit('tasks').get_task()
task.set_progress(0.5, 'half')
signal.pause()
'''


def identifier(queue):
    return str(Mp.QueueMonitor.new_for_queue(queue).props.id)


class TestTools(unittest.TestCase):
    def setUp(self):
        self.queue = Mp.JoinableQueue(20, name='tools-test', max_deliveries=3)
        for number in range(5):
            self.queue.put({'number': number})
        self.number = identifier(self.queue)

    def show(self):
        result = mproc('show', '--json', self.number)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return json.loads(result.stdout)

    def test_ls(self):
        result = mproc('ls', '--json', f'--pid={os.getpid()}')
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        found = next(each for each in objects(result.stdout) if str(each['id']) == self.number)
        self.assertEqual({key: found[key] for key in ('name', 'kind', 'size', 'max_size', 'put', 'got',
                                                      'unfinished', 'held', 'dead', 'shut_down')},
                         {'name': 'tools-test', 'kind': 'JoinableQueue', 'size': 5, 'max_size': 20,
                          'put': 5, 'got': 0, 'unfinished': 5, 'held': 0, 'dead': 0, 'shut_down': False})
        self.assertEqual([(each['pid'], each['put']) for each in found['processes']], [(os.getpid(), 5)])

    def test_ls_table(self):
        lines = mproc('ls', 'tools-test').stdout.splitlines()
        self.assertEqual(lines[0].split()[:5], ['ID', 'NAME', 'KIND', 'SIZE', 'MAX'])
        self.assertIn([self.number, 'tools-test', 'JoinableQueue', '5', '20'],
                      [line.split()[:5] for line in lines])

    def test_ls_names(self):
        self.assertIn('tools-test', mproc('ls', '--names').stdout.splitlines())

    def test_idle_queues_are_left_out(self):
        idle = Mp.Queue(name='idle-test')
        own = f'--pid={os.getpid()}'
        self.assertNotIn(identifier(idle), mproc('ls', own).stdout)
        self.assertIn(identifier(idle), mproc('ls', '-a', own).stdout)

    def test_show(self):
        task = self.queue.get_task()
        task.set_progress(0.4, 'step 2 of 5')
        shown = self.show()
        self.assertEqual((shown['size'], shown['held'], shown['unfinished']), (4, 1, 5))
        [row] = shown['tasks']
        self.assertEqual((row['state'], row['deliveries'], row['progress'], row['text']),
                         ('held', 1, 0.4, 'step 2 of 5'))
        text = mproc('show', self.number).stdout
        self.assertIn('4 of 20', text)
        self.assertRegex(text, rf'made .* ago by .*\[{os.getpid()}\]')
        self.assertRegex(text, r'put +5 +0\.0/s')
        self.assertIn('40%  step 2 of 5', text)
        task.done()

    def test_a_killed_worker_shows(self):
        worker = Mp.Process.new([sys.executable, '-c', HOLDER])
        worker.give('tasks', self.queue)
        worker.start()
        while not self.show()['tasks']:
            pass
        [row] = self.show()['tasks']
        holder = next(each for each in self.show()['processes'] if each['slot'] == row['slot'])
        self.assertEqual(holder['pid'], worker.get_pid())
        worker.kill()
        worker.join()
        task = self.queue.get_task(timeout=TIMEOUT)
        [row] = self.show()['tasks']
        self.assertEqual((row['deliveries'], self.show()['redelivered']), (2, 1))
        task.done()

    def test_peek(self):
        self.queue.get_task().done()
        result = mproc('peek', '--json', '-n2', self.number)
        self.assertEqual([(each['position'], each['value']) for each in objects(result.stdout)],
                         [(1, {'number': 1}), (2, {'number': 2})])
        self.assertEqual(self.show()['size'], 4)

    def test_peek_at_bytes(self):
        queue = Mp.Queue()
        queue.put(b'\xff\x00')
        [shown] = objects(mproc('peek', '--json', identifier(queue)).stdout)
        self.assertEqual((shown['format'], shown['value']), ('bytes', {'base64': '/wA='}))

    def test_peek_in_forms(self):
        queue = Mp.Queue()
        queue.put({'text': '\N{EURO SIGN}' * 4})
        for arguments, output in (
                (['--format=json'], '{"text":"€€€€"}\n'), (['--format=gvariant'], "{'text': <'€€€€'>}\n"),
                (['--format=json', '--max-size=10'], '{"text":"…\n'), (['--format=json', '--max-size=12'], '{"text":"€…\n')):
            with self.subTest(arguments=arguments):
                result = mproc('peek', *arguments, identifier(queue))
                self.assertEqual((result.returncode, result.stderr, result.stdout), (0, '', output))
        [shown] = objects(mproc('peek', '--json', '--max-size', '3', identifier(queue)).stdout)
        self.assertIsNone(shown['value'])
        queue.get()
        queue.put(b'\xff\x00abc')
        self.assertEqual(mproc('peek', '--format=hex', '--max-size=2', identifier(queue)).stdout, 'ff00…\n')
        raw = subprocess.run([MPROC, 'peek', '--format=raw', identifier(queue)], stdout=subprocess.PIPE, check=True)
        self.assertEqual(raw.stdout, b'\xff\x00abc')
        opaque = Mp.Queue(codec=pickle)
        opaque.put(Mp.Queue)
        result = mproc('peek', '--format=gvariant', identifier(opaque))
        self.assertIn(f'mproc: {identifier(opaque)}: ', result.stderr)
        for wrong in (['--format', 'xml'], ['--max-size', 'much']):
            self.assertEqual(mproc('peek', *wrong, identifier(queue)).returncode, 2)

    def test_tail(self):
        tail = subprocess.Popen([MPROC, 'tail', '--format=json', '--max-size=3', '-n', '1', self.number],
                                stdout=subprocess.PIPE, text=True)
        with tail:
            # What it shows is put after it began; until then nothing tells when that is.
            while tail.poll() is None:
                self.queue.put('later', timeout=TIMEOUT)
                self.queue.get()
                self.queue.task_done()
                self.queue.put('later', timeout=TIMEOUT)
                self.queue.get_task().done()
                select.select([tail.stdout], [], [], 0.05)
            self.assertEqual(tail.returncode, 0)
            self.assertEqual(tail.stdout.readline(), '"la…\n')

    def test_nothing_raw_reaches_the_terminal(self):
        queue = Mp.Queue()
        queue.put(b'\x1b[2J\x07\xff\xc2\x9b')
        queue.put('\x1b]0;title\x07\u202e')
        shown = mproc('peek', identifier(queue)).stdout
        for character in shown:
            self.assertTrue(character == '\n' or character.isprintable(), repr(character))
        self.assertIn('\\x1b[2J\\x07\\xff', shown)

    def test_unknown_and_several(self):
        result = mproc('show', 'there-is-none')
        self.assertEqual((result.returncode, result.stderr),
                         (4, 'mproc: there-is-none: there is no such queue\n'))
        other = Mp.Queue(name='tools-test')
        result = mproc('show', 'tools-test')
        self.assertEqual(result.returncode, 4)
        self.assertIn('there are several', result.stderr)
        self.assertIn(identifier(other), result.stderr)
        self.assertEqual(mproc('show', '999999/3').returncode, 4)
        self.assertEqual(mproc('show', f'{os.getpid()}/0').returncode, 1)

    def test_wrong_usage(self):
        for arguments in (['show'], ['nonsense'], ['ls', '--nonsense'], ['top', '-d', '0'],
                          ['top', '-s', 'nonsense'], ['show', 'a', 'b']):
            with self.subTest(arguments=arguments):
                result = mproc(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ''))
                self.assertTrue(result.stderr.startswith('mproc: '))

    def test_top_in_batch(self):
        result = mproc('top', '-b', '-d', '0.05', '-n', '2', self.number)
        self.assertEqual((result.returncode, result.stdout.count('\ntools-test ')), (0, 2))
        result = mproc('top', '--json', '-n1', self.number)
        self.assertEqual(json.loads(result.stdout)['size'], 5)

    def test_top_ends_with_the_queue(self):
        top = subprocess.Popen([MPROC, 'top', '-b', '-d', '0.05', self.number], stdout=subprocess.PIPE, text=True)
        with top:
            top.stdout.readline()
            del self.queue
            self.assertEqual(top.wait(TIMEOUT), 0)

    def test_top_on_a_terminal(self):
        with Terminal(MPROC, 'top', '-d', '0.05', self.number) as top:
            top.frame('tools-test +5')
            top.write(b's')
            top.frame('tools-test +5')
            top.write(b'q')
            top.read_until(rb'\x1b\[\?1049l')
            self.assertEqual(top.finish(), 0)

    def test_top_shows_one_queue(self):
        """Enter shows the selected one alone, and goes back."""
        other = Mp.JoinableQueue(name='other-test')
        other.put(1)
        with Terminal(MPROC, 'top', '-d', '0.05', self.number, identifier(other)) as top:
            lines = top.frame('tools-test +5', 'other-test +1')
            self.assertIn('[Enter] show', lines[0])
            for keys, name in ((b'\n', 'tools-test'), (b'\n', None), (b'\x1b[B\n', 'other-test'), (b'\x1b', None),
                               (b'jjk\r', 'tools-test')):
                top.write(keys)
                if name is None:
                    top.frame('NAME +SIZE', 'tools-test +5')
                else:
                    top.frame(rf'{name} \(\d+\): JoinableQueue', 'PROCESS +PUT', r'\[Enter\] back')
            top.write(b'q')
            self.assertEqual(top.finish(), 0)

    def test_color(self):
        """Only on terminals, unless one wants it otherwise."""
        for name, arguments, environment in (
                ('piped', ['ls', '-a'], {}), ('never', ['ls', '-a', '--color=never'], {})):
            with self.subTest(case=name):
                self.assertNotIn('\x1b', mproc(*arguments, env={**os.environ, **environment}).stdout)
        self.assertIn('\x1b[1mNAME', mproc('ls', '-a', '--color', 'always').stdout)
        self.assertEqual(mproc('ls', '--color', 'perhaps').returncode, 2)
        for environment, wanted in (({}, True), ({'NO_COLOR': '1'}, False), ({'NO_COLOR': ''}, True),
                                    ({'TERM': 'dumb'}, False)):
            with self.subTest(environment=environment), \
                    Terminal(MPROC, 'ls', '-a', **{'NO_COLOR': '', **environment}) as terminal:
                terminal.finish()
                self.assertEqual(b'\x1b[1m' in terminal.output, wanted, terminal.output)

    def test_colors_take_no_room(self):
        plain, colored = (mproc('ls', 'tools-test', f'--color={when}').stdout for when in ('never', 'always'))
        self.assertEqual(plain, re.sub(r'\x1b\[\d+m', '', colored))

    def test_a_pipe_that_closes_ends_quietly(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([MPROC, 'show', self.number], stdout=writer, stderr=subprocess.PIPE, timeout=TIMEOUT,
                                check=False)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (-signal.SIGPIPE, b''))

    def test_looking_wakes_and_changes_nothing(self):
        before = self.show()
        for _ in range(20):
            mproc('ls')
            mproc('peek', self.number)
        after = self.show()
        for key in ('memory', 'handles', 'waiting', 'put', 'got', 'size'):
            self.assertEqual(before[key], after[key])


if __name__ == '__main__':
    unittest.main()
