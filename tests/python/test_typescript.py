# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program in TypeScript, with definitions that ts-for-gir generates and our own on top."""

import os
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']
TOOLS = os.path.join(BUILD, 'typescript')
PACKAGES = ('@ts-for-gir/cli@5', 'typescript@6')
MIN_NODE = 20
TIMEOUT = 120


def run(*command, cwd=None):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              stdin=subprocess.DEVNULL, cwd=cwd, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return -1, f'{command[0]} took too long'
    return done.returncode, done.stdout


def tool(name):
    return os.path.join(TOOLS, 'node_modules', '.bin', name)


def works(name):
    return os.path.exists(tool(name)) and run(tool(name), '--version')[0] == 0


def install():
    """Installs the tools into the build directory unless they exist; returns what is missing."""
    if shutil.which('npm') is None:
        return 'npm is not installed'
    if int(run('node', '--version')[1].lstrip('v').split('.')[0]) < MIN_NODE:
        return f'node is older than {MIN_NODE}'
    if not (works('tsc') and works('ts-for-gir')):
        run('npm', 'install', '--prefix', TOOLS, '--no-audit', '--no-fund', '--ignore-scripts',
            '--prefer-offline', '--fetch-retries=0', '--fetch-timeout=20000', *PACKAGES)
    return '' if works('tsc') and works('ts-for-gir') else 'ts-for-gir cannot be installed'


class TestTypeScript(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def generate(self):
        status, output = run(
            tool('ts-for-gir'), 'generate', 'Mp-1.0', '--outdir', os.path.join(self.folder, 'types'),
            '--girDirectories', os.path.join(BUILD, 'mproc-glib'), '--girDirectories', '/usr/share/gir-1.0',
            cwd=self.folder)
        self.assertEqual(status, 0, output)

    def compile(self, *options):
        return run(tool('tsc'), '--project', self.folder, *options, cwd=self.folder)

    def test_program(self):
        missing = install()
        if missing:
            self.skipTest(missing)

        self.generate()
        native = os.path.join(SOURCE, 'introspection', 'js', 'mp-1.0-native.d.ts')
        for file in (native, *(os.path.join(SOURCE, 'tests', 'typescript', name)
                               for name in ('program.ts', 'tsconfig.json'))):
            shutil.copy(file, self.folder)
        self.assertEqual(self.compile(), (0, ''))

        # Proves that the compiler checks the program; the definitions have been checked.
        with open(os.path.join(self.folder, 'program.ts'), 'a', encoding='utf-8') as program:
            program.write('new Mp.Queue().put(Symbol());\n')
        status, output = self.compile('--skipLibCheck')
        self.assertNotEqual(status, 0)
        self.assertIn('program.ts', output)


if __name__ == '__main__':
    unittest.main()
