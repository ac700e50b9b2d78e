# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example that checksums a tree, with workers that may be started elsewhere."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import servers

SOURCE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
BUILD = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples')
ENVIRONMENT = {**os.environ, 'MP_EXAMPLES_SOURCE': SOURCE, 'MP_EXAMPLES_BUILD': BUILD}
TIMEOUT = 120
N_FILES = 300


def command(language, role):
    return {
        'c': [os.path.join(BUILD, 'c', f'checksum-{role}')],
        'python': [sys.executable, os.path.join(SOURCE, 'python', f'checksum-{role}.py')],
        'js': ['gjs', '-m', os.path.join(SOURCE, 'js', f'checksum-{role}.js')],
        'vala': [os.path.join(BUILD, 'vala', f'checksum-{role}')],
    }[language]


LANGUAGES = [language for language in ('c', 'python', 'js', 'vala')
             if shutil.which(command(language, 'worker')[0])]


def make_tree(folder, n_files=N_FILES):
    for i in range(n_files):
        with open(os.path.join(folder, str(i)), 'w', encoding='ascii') as file:
            file.write(str(i) * i)


def start(language, role, uri, *words):
    return subprocess.Popen([*command(language, role), '--queue', uri, *words], env=ENVIRONMENT,
                            stdout=subprocess.PIPE, text=True)


class TestChecksumQueue(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='mproc-glib-checksum-')
        self.addCleanup(shutil.rmtree, self.folder)
        make_tree(self.folder)

    def start(self, *words):
        process = start(*words)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def assertAgrees(self, coordinator):
        output, _ = coordinator.communicate(timeout=TIMEOUT)
        self.assertEqual(coordinator.returncode, 0, output)
        self.assertTrue(output.endswith('all digests agree\n'), output)
        return output

    def run_languages(self, uri):
        """Each language coordinates a worker of the next one, which it did not start."""
        for i, language in enumerate(LANGUAGES):
            with self.subTest(coordinator=language):
                worker = self.start(LANGUAGES[i - 1], 'worker', uri, 'elsewhere')
                output = self.assertAgrees(
                    self.start(language, 'coordinator', uri, '--n', '0', self.folder))
                self.assertRegex(output, f'\nelsewhere +{N_FILES} ')
                self.assertEqual(worker.wait(TIMEOUT), 0)

    def test_local(self):
        self.run_languages(f'local:checksums-{os.getpid()}')

    def test_redis(self):
        servers.skip_without_server()
        server = servers.Server()
        self.addCleanup(server.stop)
        self.run_languages(f'redis+unix://{server.path}?name=checksums')

    def test_own_workers(self):
        servers.skip_without_server()
        server = servers.Server()
        self.addCleanup(server.stop)
        uri = f'redis+unix://{server.path}?name=checksums'
        for language in LANGUAGES:
            with self.subTest(coordinator=language):
                self.assertAgrees(self.start(language, 'coordinator', uri, '--workers', 'c,python',
                                             self.folder))


if __name__ == '__main__':
    unittest.main()
