# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example of a service that sends requests to a Python worker, while workers are killed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from helping import DEADLINE, Program, state_of, wait_until

SOURCE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
BUILD = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples')
WORKER = os.path.join(SOURCE, 'python', 'service-worker.py')
SERVICES = {
    'c': [os.path.join(BUILD, 'c', 'service'), WORKER],
    'python': [sys.executable, os.path.join(SOURCE, 'python', 'service.py')],
    'js': [shutil.which('gjs') or 'gjs', '-m', os.path.join(SOURCE, 'js', 'service.js')],
    'vala': [os.path.join(BUILD, 'vala', 'service'), WORKER],
}


class Service(Program):
    def ask(self, text):
        self.process.stdin.write(text + '\n')
        self.process.stdin.flush()

    def read(self):
        return self.process.stdout.readline().rstrip('\n')

    def read_pid(self):
        """Returns the pid of the worker in the next line."""
        return int(re.fullmatch(r'The worker is process (\d+)', self.read())[1])


class TestService(unittest.TestCase):
    def start(self, language, environment=None):
        argv = SERVICES[language]
        if shutil.which(argv[0]) is None:
            self.skipTest(f'the service in {language} is not built')
        service = Service(argv, env=environment, stdin=subprocess.PIPE)
        self.addCleanup(service.close)
        return service

    def check(self, language):
        service = self.start(language)
        service.ask('Wörter sind wunderbar')
        first = service.read_pid()
        self.assertEqual(service.read(), 'words: 3, letters: 19, longest: wunderbar')
        service.ask('')
        self.assertEqual(service.read(), 'words: 0, letters: 0, longest: ')

        # The worker is killed while there is no request.
        os.kill(first, signal.SIGKILL)
        service.ask('a b 12')
        self.assertRegex(service.read(), '^The worker is gone: ')
        second = service.read_pid()
        self.assertNotEqual(second, first)
        self.assertEqual(service.read(), 'words: 3, letters: 2, longest: 12')

        # The worker is killed while it has a request, which is sent to the next one.
        os.kill(second, signal.SIGSTOP)
        wait_until(lambda: state_of(second) == 'T')
        service.ask('again')
        os.kill(second, signal.SIGKILL)
        self.assertRegex(service.read(), '^The worker is gone: ')
        third = service.read_pid()
        self.assertEqual(service.read(), 'words: 1, letters: 5, longest: again')

        output, _ = service.process.communicate(timeout=DEADLINE)
        self.assertEqual((service.process.returncode, output), (0, 'Closed\n'))
        wait_until(lambda: state_of(third) in ('', 'Z'))

    def check_without_worker(self, language):
        """A worker that ends instead of connecting is started again a limited number of times."""
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(shutil.which('false'), os.path.join(folder, 'python3'))
            path = f'{folder}:{os.environ["PATH"]}'
            service = self.start(language, {**os.environ, 'PATH': path})
            output, _ = service.process.communicate('anybody there?\n', timeout=DEADLINE)
        self.assertEqual(service.process.returncode, 1)
        self.assertEqual(len(re.findall('^The worker is process ', output, re.M)), 3)

    def test_c(self):
        self.check('c')

    def test_python(self):
        self.check('python')

    def test_js(self):
        self.check('js')

    def test_vala(self):
        self.check('vala')

    def test_c_without_worker(self):
        self.check_without_worker('c')

    def test_python_without_worker(self):
        self.check_without_worker('python')

    def test_js_without_worker(self):
        self.check_without_worker('js')

    def test_vala_without_worker(self):
        self.check_without_worker('vala')


if __name__ == '__main__':
    unittest.main()
