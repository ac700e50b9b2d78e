# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in the documentation print the output shown there.

A fenced block in a language that is followed by a block of text is a whole program and what
it prints. On the page of classes, comments behind the lines are what they print; the workers
there are run by the pools.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']
TIMEOUT = 120

PROGRAM = re.compile(r'^```(?P<language>c|python|js|vala)\n(?P<code>(?:(?!^```).)*)^```\n+'
                     r'^```text\n(?P<output>.*?)^```$', re.MULTILINE | re.DOTALL)

FRAGMENT = re.compile(r'^```(?P<language>python|js|vala)\n(?P<code>(?:(?!^```).)*)^```$', re.MULTILINE | re.DOTALL)
SECTION = re.compile(r'^## (?P<name>\w+)\n(?P<text>.*?)(?=^## |\Z)', re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r'.*[;)]\s+(?:#|//) (.*)$', re.MULTILINE)

BEGINNING = {
    'python': "import threading\nimport gi\ngi.require_version('Mp', '1.0')\nfrom gi.repository import GLib, Mp\n\n",
    'js': "import Mp from 'gi://Mp?version=1.0';\n\n",
}

# All fragments in Vala are compiled as one program.
VALA_MAIN = """
int main (string[] args)
{
  try {
    switch (int.parse (args[1] ?? "0")) {
%s    }
  } catch (Error e) {
    printerr ("%%s\\n", e.message);
    return 1;
  }
  return 0;
}
"""


def programs(page):
    with open(os.path.join(SOURCE, page), encoding='utf-8') as file:
        return [match.group('language', 'code', 'output') for match in PROGRAM.finditer(file.read())]


def command_for(language, path, folder):
    """Returns the command that runs the program at @path, which it compiles if need be."""
    if language == 'python':
        return [sys.executable, path]
    if language == 'js':
        return ['gjs', '-m', path]

    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'gio-unix-2.0'], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    # Uninstalled headers are in the directories of their rooms.
    flags += [f'-I{room}' for room in glob.glob(f'{SOURCE}/mproc-glib/*/')]
    flags += [f'-I{SOURCE}', f'-I{BUILD}', f'-I{BUILD}/mproc-glib', f'-L{BUILD}/mproc-glib', '-lmproc-glib-1.0']
    program = os.path.join(folder, 'program')
    if language == 'c':
        compiler = ['cc', '-Werror', '-Wall', '-o', program, path, *flags]
    else:
        options = [option for flag in flags for option in ('-X', flag)]
        compiler = ['valac', '--fatal-warnings', '--vapidir', os.path.join(BUILD, 'introspection'),
                    '--pkg', 'gio-unix-2.0', '--pkg', 'mproc-glib-1.0', '-X', '-Werror=incompatible-pointer-types', *options, '-o', program,
                    path]
    done = subprocess.run(compiler, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f'{shlex.join(compiler)}\n{done.stdout}')
    return [program]


class TestPrograms(unittest.TestCase):
    def run_page(self, page, languages):
        found = programs(page)
        self.assertEqual([language for language, _, _ in found], languages)
        for language, code, output in found:
            with self.subTest(page=page, language=language), tempfile.TemporaryDirectory() as folder:
                if language == 'vala' and shutil.which('valac') is None:
                    continue
                suffix = {'python': 'py'}.get(language, language)
                path = os.path.join(folder, f'program.{suffix}')
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(code)
                done = subprocess.run(command_for(language, path, folder), timeout=TIMEOUT,
                                      stdout=subprocess.PIPE, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, output))

    def test_readme(self):
        self.run_page('README.md', ['python', 'c'])

    def test_first_program(self):
        self.run_page('docs/first-program.md', ['c', 'python', 'js', 'vala'])

    def test_from_multiprocessing(self):
        self.run_page('docs/from-multiprocessing.md', ['python'])

    def test_connections(self):
        self.run_page('docs/connections.md', ['c'])

    def test_main_loops(self):
        self.run_page('docs/main-loops.md', ['c'])

    def test_javascript(self):
        self.run_page('docs/javascript.md', ['js', 'js', 'js'])

    def test_vala(self):
        self.run_page('docs/vala.md', ['vala', 'vala'])

    def test_wrong_output_is_found(self):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            path = os.path.join(folder, 'page.md')
            with open(path, 'w', encoding='utf-8') as file:
                file.write('```python\nprint(1)\n```\n\n```text\n2\n```\n')
            case = TestPrograms()
            with self.assertRaisesRegex(AssertionError, '2'):
                case.run_page(path, ['python'])


class TestClasses(unittest.TestCase):
    """The page of classes."""

    WORKER = 'MpPoolWorker'

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(os.path.join(SOURCE, 'docs', 'classes.md'), encoding='utf-8') as file:
            self.sections = SECTION.findall(file.read())

    def fragments(self, language):
        """Returns the fragments in a language, and the one that is the program of a worker."""
        found = {name: match['code'] for name, text in self.sections for match in FRAGMENT.finditer(text)
                 if match['language'] == language}
        worker = found.pop(self.WORKER)
        self.assertGreater(len(found), 10)
        return list(found.values()), worker

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def assert_prints_its_comments(self, code, command):
        # As in a program, python3 is the one that has the library.
        path = f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}'
        done = subprocess.run(command, timeout=TIMEOUT, stdout=subprocess.PIPE, text=True, check=False,
                              cwd=self.folder, env={**os.environ, 'PATH': path})
        self.assertEqual((done.returncode, done.stdout.splitlines()), (0, COMMENT.findall(code)))

    def run_script(self, language, suffix):
        fragments, worker = self.fragments(language)
        self.write(f'worker.{suffix}', BEGINNING[language] + worker)
        for code in fragments:
            with self.subTest(code=code):
                path = self.write(f'fragment.{suffix}', BEGINNING[language] + code)
                self.assert_prints_its_comments(code, command_for(language, path, self.folder))

    def test_python(self):
        self.run_script('python', 'py')

    def test_javascript(self):
        self.run_script('js', 'js')

    def compile_vala(self, name, fragments):
        methods = ''.join(f'void run_{number} () throws Error\n{{\n{code}}}\n\n'
                          for number, code in enumerate(fragments))
        cases = ''.join(f'    case {number}: run_{number} (); break;\n' for number in range(len(fragments)))
        program, = command_for('vala', self.write(f'{name}.vala', methods + VALA_MAIN % cases), self.folder)
        return shutil.move(program, os.path.join(self.folder, name))

    @unittest.skipUnless(shutil.which('valac'), 'there is no Vala compiler')
    def test_vala(self):
        fragments, worker = self.fragments('vala')
        self.compile_vala('worker', [worker])
        program = self.compile_vala('fragments', fragments)
        for number, code in enumerate(fragments):
            with self.subTest(code=code):
                self.assert_prints_its_comments(code, [program, str(number)])


if __name__ == '__main__':
    unittest.main()
