# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library installed below a prefix, and as a subproject."""

import glob
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.environ['MP_SOURCE_ROOT']
USERS = os.path.join(SOURCE, 'tests', 'installed')

# The variables that make programs of the test run use the build directory.
UNWANTED = ('GI_TYPELIB_PATH', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'GJS_PATH', 'PKG_CONFIG_PATH')


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f'{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}')
    return done.stdout


def clean_environment():
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    # Meson reads these when it configures, and the flags of the test run do not apply here.
    environment.pop('MAKEFLAGS', None)
    return environment


class TestInstalled(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='mproc-glib-installed-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = os.path.join(cls.folder, 'prefix')
        build = os.path.join(cls.folder, 'build')
        environment = clean_environment()
        run(['meson', 'setup', build, SOURCE, f'--prefix={cls.prefix}', '--libdir=lib',
             '-Dbuildtype=plain', '-Dtests=false', '-Dexamples=false', '-Dintrospection=enabled'],
            env=environment)
        run(['meson', 'install', '-C', build], env=environment)

        environment['PKG_CONFIG_PATH'] = os.path.join(cls.prefix, 'lib', 'pkgconfig')
        environment['LD_LIBRARY_PATH'] = os.path.join(cls.prefix, 'lib')
        environment['GI_TYPELIB_PATH'] = os.path.join(cls.prefix, 'lib', 'girepository-1.0')
        environment['PYTHONPATH'] = os.path.join(cls.prefix, 'lib', 'python3', 'dist-packages')
        environment['XDG_DATA_DIRS'] = ':'.join([os.path.join(cls.prefix, 'share'),
                                                 '/usr/local/share', '/usr/share'])
        cls.environment = environment

    def user(self, extension):
        return os.path.join(USERS, f'user.{extension}')

    def run_here(self, *command):
        return run(list(command), env=self.environment, cwd=self.folder)

    def test_files(self):
        for pattern in ('lib/libmproc-glib-1.0.so.0', 'lib/pkgconfig/mproc-glib-1.0.pc',
                        'lib/girepository-1.0/Mp-1.0.typelib', 'share/gir-1.0/Mp-1.0.gir',
                        'share/vala/vapi/mproc-glib-1.0.vapi',
                        'share/vala/vapi/mproc-glib-1.0.deps',
                        'include/mproc-glib-1.0/mproc-glib/mproc-glib.h'):
            with self.subTest(pattern=pattern):
                self.assertTrue(os.path.exists(os.path.join(self.prefix, pattern)))

    def test_typescript(self):
        folder = self.run_here('pkg-config', '--variable=datadir', 'mproc-glib-1.0').strip()
        file = os.path.join(folder, 'mproc-glib-1.0', 'mp-1.0-native.d.ts')
        self.assertTrue(os.path.exists(file), file)

    def test_no_private_header(self):
        installed = glob.glob(os.path.join(self.prefix, 'include', '**', '*.h'), recursive=True)
        self.assertEqual([path for path in installed if 'private' in path], [])

    def test_umbrella_header_has_every_header(self):
        folder = os.path.join(self.prefix, 'include', 'mproc-glib-1.0', 'mproc-glib')
        with open(os.path.join(folder, 'mproc-glib.h'), encoding='utf-8') as file:
            umbrella = file.read()
        for name in sorted(set(os.listdir(folder)) - {'mproc-glib.h'}):
            with self.subTest(header=name):
                self.assertIn(f'"{name}"', umbrella)

    def test_c(self):
        flags = self.run_here('pkg-config', '--cflags', '--libs', 'mproc-glib-1.0').split()
        self.run_here('cc', '-Werror', '-Wall', '-o', 'user-c', self.user('c'), *flags)
        self.assertEqual(self.run_here('./user-c'), 'hello\n')

    def test_cplusplus(self):
        if shutil.which('c++') is None:
            self.skipTest('there is no C++ compiler')
        flags = self.run_here('pkg-config', '--cflags', '--libs', 'mproc-glib-1.0').split()
        self.run_here('c++', '-Werror', '-Wall', '-o', 'user-c++', '-x', 'c++', self.user('c'),
                      '-x', 'none', *flags)
        self.assertEqual(self.run_here('./user-c++'), 'hello\n')

    def test_vala(self):
        # The vapi directory is below the prefix, where valac finds it by XDG_DATA_DIRS.
        flags = self.run_here('pkg-config', '--cflags', '--libs', 'mproc-glib-1.0').split()
        options = [option for flag in flags for option in ('-X', flag)]
        self.run_here('valac', '--fatal-warnings', '--pkg', 'mproc-glib-1.0', *options, '-X', '-w',
                      '-o', 'user-vala', self.user('vala'))
        self.assertEqual(self.run_here('./user-vala'), 'hello\n')

    def test_python(self):
        self.assertEqual(self.run_here(sys.executable, self.user('py')), 'hello\n')

    def test_mproc(self):
        program = os.path.join(SOURCE, 'examples', 'python', 'basic-queue.py')
        self.assertIn('Consuming item4', self.run_here(sys.executable, program))

    def test_every_file_of_python_is_installed(self):
        for package in ('mproc', 'gi/overrides/Mp'):
            source = os.path.join(SOURCE, 'introspection', 'python', package)
            installed = os.path.join(self.environment['PYTHONPATH'], package)
            with self.subTest(package=package):
                self.assertEqual(sorted(set(os.listdir(installed)) - {'__pycache__'}),
                                 sorted(set(os.listdir(source)) - {'__pycache__'}))

    def test_installed_tests_need_no_build_folder(self):
        with open(os.path.join(SOURCE, 'tests', 'meson.build'), encoding='utf-8') as file:
            table = re.search(r'^python_tests = \{(.*?)^\}', file.read(), re.MULTILINE | re.DOTALL)[1]
        names = re.findall(r"^  '([\w-]+)': \{'installed': true", table, re.MULTILINE)
        self.assertGreater(len(names), 5)
        program = '; '.join(f'import test_{name.replace("-", "_")}' for name in names)
        environment = {name: value for name, value in self.environment.items() if not name.startswith('MP_')}
        run([sys.executable, '-c', program], env=environment, cwd=os.path.join(SOURCE, 'tests', 'python'))

    def test_javascript(self):
        self.assertEqual(self.run_here('gjs', '-m', self.user('js')), 'hello\n')


class TestEnvironments(unittest.TestCase):
    """A virtual environment that sees the packages of the system, and one that does not."""

    def python(self, *options):
        folder = tempfile.mkdtemp(prefix='mproc-glib-venv-')
        self.addCleanup(shutil.rmtree, folder)
        run([sys.executable, '-m', 'venv', '--without-pip', *options, folder])
        return os.path.join(folder, 'bin', 'python')

    def test_system_site_packages(self):
        program = os.path.join(SOURCE, 'examples', 'python', 'basic-queue.py')
        self.assertIn('Consuming item4', run([self.python('--system-site-packages'), program]))

    def test_what_is_missing_is_said(self):
        done = subprocess.run([self.python(), '-c', 'import mproc'], stderr=subprocess.PIPE, text=True, check=False)
        self.assertIn('ImportError: mproc needs PyGObject', done.stderr)
        environment = {**os.environ, 'GI_TYPELIB_PATH': '/nowhere'}
        done = subprocess.run([sys.executable, '-c', 'import mproc'], stderr=subprocess.PIPE, text=True, check=False,
                              env=environment)
        self.assertIn('ImportError: mproc needs the typelib Mp-1.0', done.stderr)

    def test_own_pygobject(self):
        """A PyGObject in the environment, which does not look for overrides among the packages of the system."""
        python = self.python()
        site_packages = run([python, '-c', 'import site; print(site.getsitepackages()[0])']).strip()
        shutil.copytree(os.path.dirname(importlib.util.find_spec('gi').origin), os.path.join(site_packages, 'gi'),
                        ignore=shutil.ignore_patterns('Mp'))
        with open(os.path.join(site_packages, 'system.pth'), 'w', encoding='utf-8') as file:
            file.write(os.path.join(SOURCE, 'introspection', 'python') + '\n')
        environment = {**os.environ, 'PYTHONPATH': ''}
        program = os.path.join(SOURCE, 'examples', 'python', 'basic-queue.py')
        self.assertIn('Consuming item4', run([python, program], env=environment))
        self.assertIn(site_packages, run([python, '-c', 'import mproc, gi; print(gi.__file__)'], env=environment))

    def test_override_beside_the_package(self):
        with tempfile.TemporaryDirectory() as folder:
            for package in ('mproc', 'gi'):
                shutil.copytree(os.path.join(SOURCE, 'introspection', 'python', package),
                                os.path.join(folder, package))
            # As when PyGObject was imported before the folder was known.
            program = (f'import sys, gi, gi.overrides\nsys.path.append({folder!r})\nimport mproc\n'
                       'queue = mproc.Queue()\nqueue.put(1)\nprint(queue.get())\n')
            environment = {**os.environ, 'PYTHONPATH': ''}
            self.assertEqual(run([sys.executable, '-c', program], env=environment), '1\n')

    def test_meson_devenv(self):
        build = os.environ['MP_BUILD_ROOT']
        program = 'import mproc; print(mproc.Queue())'
        self.assertIn('<mproc.queues.Queue: 0, no maximum>', run(
            ['meson', 'devenv', '-C', build, sys.executable, '-c', program], env=clean_environment()))
        self.assertIn('function', run(
            ['meson', 'devenv', '-C', build, 'gjs', '-c',
             "imports.gi.versions.Mp = '1.0'; print(typeof imports.gi.Mp.Queue.prototype.tryGet, "
             "typeof imports.gi.Mp.Message.new_value)"], env=clean_environment()))


class TestOptions(unittest.TestCase):
    def test_what_is_demanded_is_not_left_out(self):
        for options in ((), ('-Dvapi=enabled',), ('-Ddocumentation=enabled',), ('-Dinstalled_tests=true',)):
            with self.subTest(options=options), tempfile.TemporaryDirectory(prefix='mproc-glib-options-') as folder:
                command = ['meson', 'setup', folder, SOURCE, '-Dintrospection=disabled', '-Dtests=false',
                           '-Dexamples=false', '-Dtools=false', *options]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                      env=clean_environment())
                reason = re.search('needs introspection|Tests that are not built', done.stdout)
                self.assertEqual((done.returncode != 0, reason is not None), (bool(options), bool(options)), done.stdout)


@unittest.skipUnless(importlib.util.find_spec('mesonpy') and importlib.util.find_spec('pip'),
                     'meson-python or pip is not installed')
class TestWheel(unittest.TestCase):
    def test_pip_install(self):
        with tempfile.TemporaryDirectory(prefix='mproc-glib-wheel-') as folder:
            source, environment = os.path.join(folder, 'source'), os.path.join(folder, 'environment')
            shutil.copytree(SOURCE, source, symlinks=True, ignore=shutil.ignore_patterns('_build*', '.git'))
            run([sys.executable, '-m', 'venv', '--system-site-packages', environment])
            python = os.path.join(environment, 'bin', 'python')
            variables = {**clean_environment(), 'PATH': f'/usr/bin:{os.environ["PATH"]}'}
            run([python, '-m', 'pip', 'install', '--no-build-isolation', '--no-deps', '--no-index', source],
                env=variables)
            program = os.path.join(SOURCE, 'examples', 'python', 'basic-queue.py')
            self.assertIn('Consuming item4', run([python, program], env=variables, cwd=folder))
            where = 'import mproc; print(mproc.__file__, open("/proc/self/maps").read())'
            paths = run([python, '-c', where], env=variables, cwd=folder)
            for name in ('__init__.py', 'lib/libmproc-glib-1.0.so.0'):
                self.assertRegex(paths, f'{environment}/lib/python.*/site-packages/mproc/{name}')


def documented_wrap():
    """Returns the wrap file that the manual shows."""
    with open(os.path.join(SOURCE, 'docs', 'compiling.md'), encoding='utf-8') as file:
        return re.search(r'^```ini\n(\[wrap-git\].*?)^```$', file.read(), re.MULTILINE | re.DOTALL)[1]


@unittest.skipUnless(shutil.which('git'), 'git is not installed')
class TestSubproject(unittest.TestCase):
    def make_repository(self, folder):
        shutil.copytree(SOURCE, folder, symlinks=True, ignore=shutil.ignore_patterns('_build*', '.git'))
        git = ['git', '-C', folder, '-c', 'user.name=test', '-c', 'user.email=test@localhost']
        run([*git, 'init', '--quiet'])
        run([*git, 'add', '--all'])
        run([*git, 'commit', '--quiet', '--message', 'all'])
        run([*git, 'tag', '1.0.0'])

    def test_wrap(self):
        with tempfile.TemporaryDirectory(prefix='mproc-glib-subproject-') as folder:
            os.mkdir(os.path.join(folder, 'subprojects'))
            repository = os.path.join(folder, 'repository')
            self.make_repository(repository)
            with open(os.path.join(folder, 'subprojects', 'mproc-glib.wrap'), 'w', encoding='utf-8') as file:
                file.write(re.sub('url = .*', f'url = file://{repository}', documented_wrap()))
            shutil.copy(os.path.join(USERS, 'subproject.meson.build'),
                        os.path.join(folder, 'meson.build'))
            for name in ('user.c', 'user.vala'):
                shutil.copy(os.path.join(USERS, name), folder)
            build = os.path.join(folder, 'build')
            environment = clean_environment()
            run(['meson', 'setup', build, folder, '-Dbuildtype=plain', '--force-fallback-for=mproc-glib'],
                env=environment)
            run(['ninja', '-j2', '-C', build], env=environment)
            for name in ('user', 'user-vala'):
                self.assertEqual(run([os.path.join(build, name)], env=environment), 'hello\n')
            built = run(['ninja', '-C', build, '-t', 'targets', 'all'], env=environment)
            self.assertNotIn('subprojects/mproc-glib/tests/', built)
            self.assertNotIn('subprojects/mproc-glib/examples/', built)


if __name__ == '__main__':
    unittest.main()
