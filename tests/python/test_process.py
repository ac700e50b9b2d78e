# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mp.Process and Mp.inherit."""

import os
import signal
import subprocess
import sys
import tempfile
import unittest

from helping import DEADLINE, TestCase

from gi.repository import Gio, GLib, Mp

WORKER = '''
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp

tasks, results, pipe = Mp.inherit('tasks'), Mp.inherit('results'), Mp.inherit('pipe')
pipe.send({'hello': pipe.recv()})
for task in tasks:
    results.put((task, task * 2))
    tasks.task_done()
'''


class TestProcess(TestCase):
    def process(self, *argv):
        process = Mp.Process(argv)
        self.addCleanup(process.kill)
        return process

    def test_exit_codes(self):
        for code, expected in (('raise SystemExit(0)', 0), ('raise SystemExit(7)', 7)):
            process = self.process(sys.executable, '-c', code)
            self.assertIsNone(process.exitcode)
            process.start()
            process.join(DEADLINE)
            self.assertEqual(process.exitcode, expected)
            self.assertFalse(process.is_alive())

    def test_kill(self):
        process = self.process('sleep', '100')
        process.start()
        process.join(0)
        process.join(0.01)
        self.assertTrue(process.is_alive())
        self.assertInterrupted(process.join)
        process.kill()
        process.join(DEADLINE)
        self.assertEqual(process.exitcode, -signal.SIGKILL)

    def test_no_such_program(self):
        with self.assertRaises(FileNotFoundError):
            self.process('/no/such/program').start()

    def test_wait_check(self):
        process = self.process('sh', '-c', 'read line')
        process.set_flags(Gio.SubprocessFlags.STDIN_PIPE)
        process.start()
        with self.assertRaises(TimeoutError):
            process.wait_check(0)
        process.get_stdin_pipe().write_all(b'go on\n', None)
        process.wait_check(DEADLINE)

        process = self.process('sh', '-c', 'exit 4')
        process.start()
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            process.wait_check(DEADLINE)
        self.assertEqual(caught.exception.returncode, 4)
        self.assertEqual(caught.exception.cmd, ['sh', '-c', 'exit 4'])

    def test_streams(self):
        with tempfile.NamedTemporaryFile() as file:
            process = self.process('sh', '-c', 'echo out $VARIABLE; echo error >&2')
            process.props.flags = Gio.SubprocessFlags.STDOUT_PIPE
            process.props.stderr_file_path = file.name
            process.set_environment(['PATH=/usr/bin:/bin', 'VARIABLE=value'])
            process.start()
            self.assertEqual(process.get_stdout_pipe().read_bytes(100).get_data(), b'out value\n')
            process.wait_check(DEADLINE)
            self.assertEqual(file.read(), b'error\n')

    def test_take_fd(self):
        ours, theirs = os.pipe()
        process = self.process('sh', '-c', 'echo seven >&7')
        process.take_fd(theirs, 7)
        process.start()
        with open(ours, encoding='ascii') as file:
            self.assertEqual(file.read(), 'seven\n')
        process.wait_check(DEADLINE)

    def test_notify(self):
        loop = GLib.MainLoop()
        process = self.process('sh', '-c', 'exit 5')
        seen = []

        def ended(process, _pspec):
            seen.append((process.props.alive, process.props.exit_code))
            if not process.props.alive:
                loop.quit()

        process.connect('notify::alive', ended)
        process.start()
        loop.run()
        self.assertEqual(seen[-1], (False, 5))

    def test_bequest(self):
        tasks, results, (ours, theirs) = Mp.JoinableQueue(), Mp.Queue(), Mp.Pipe()
        process = self.process(sys.executable, '-c', WORKER)
        for name, shareable in (('tasks', tasks), ('results', results), ('pipe', theirs)):
            process.give(name, shareable)
        process.start()
        theirs.close()
        ours.send((1, 'two'))
        self.assertEqual(ours.recv(), {'hello': (1, 'two')})
        for number in range(5):
            tasks.put(number)
        tasks.join(DEADLINE)
        self.assertEqual([results.get(timeout=DEADLINE) for _ in range(5)],
                         [(number, 2 * number) for number in range(5)])
        tasks.shutdown()
        process.join(DEADLINE)
        self.assertEqual(process.exitcode, 0)

    def test_nothing_inherited(self):
        with self.assertRaises(Exception) as caught:
            Mp.inherit('nothing')
        self.assertIn('nothing', str(caught.exception))


if __name__ == '__main__':
    unittest.main()
