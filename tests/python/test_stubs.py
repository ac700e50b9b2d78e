# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the type stubs against the typelib and the override, and with mypy."""

import ast
import glob
import inspect
import os
import shutil
import subprocess
import tempfile
import types
import unittest

import gi
import helping  # noqa: F401: it asks for the right version of Mp

from gi.repository import GObject, Mp

TYPINGS = os.path.join(os.environ['MP_BUILD_ROOT'], 'introspection', 'python', 'typings')
PACKAGES = os.path.join(os.environ['MP_SOURCE_ROOT'], 'introspection', 'python')
STUBS = os.path.join(TYPINGS, 'gi', 'repository', 'Mp.pyi')

OVERRIDDEN = ('Queue', 'JoinableQueue', 'SimpleQueue', 'Task', 'Connection', 'Invocation', 'Listener', 'Process',
              'Pool', 'PoolWorker', 'PoolTask')

PROGRAM = '''\
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp

queue = Mp.Queue(3, codec=None)
queue.put({'a': 1}, timeout=0.5)
first, second = Mp.Pipe()
length: int = len(first.recv_bytes())
ready: list[Mp.Connection] = Mp.wait([first, second], 0.5)
with Mp.JoinableQueue().get_task() as task:
    print(task.value)
names: list[str | None] = [monitor.get_name() for monitor in Mp.QueueMonitor.find()]
third: Mp.Connection = Mp.connect('unix:/nowhere', None, 1000000)

async def main() -> None:
    async for value in queue:
        await first.send_async(value)

coroutine = queue.get_async()
coroutine.close()
queue.put(1, timeout='soon')
wrong: str = first.recv_bytes()
'''


MPROC_PROGRAM = '''\
import asyncio
import mproc

queue: mproc.Queue[int] = mproc.Queue()
queue.put(1)
number: int = queue.get() + asyncio.run(queue.get_async())
first, second = mproc.Pipe()
first.send_bytes(second.recv_bytes(10))

queue.putt(1)
queue.put('text')
text: str = queue.get()
first.sent(1)
'''


def functions_of(body):
    return {node.name: [argument.arg for argument in
                        (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            for node in body if isinstance(node, ast.FunctionDef)}


def parameters_of(function):
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in inspect.signature(function).parameters.values()
            if parameter.kind not in kinds]


def is_written_in_python(function):
    """Whether it is of the override, and no function of C that raises other exceptions."""
    return inspect.isfunction(function) and not hasattr(function, '__wrapped__')


class TestStubs(unittest.TestCase):
    def test_they_have_all_that_is_in_the_typelib(self):
        with open(STUBS, encoding='utf-8') as file:
            stubs = {node.name: node for node in ast.parse(file.read()).body if hasattr(node, 'name')}
        for name in dir(gi.repository.Mp):
            kind = getattr(Mp, name)
            if name.startswith('_') or isinstance(kind, types.ModuleType):
                continue
            with self.subTest(name=name):
                if inspect.isclass(kind) and issubclass(kind, GObject.Object):
                    if name.endswith('Class') or kind.__gtype__.name == 'GObject':
                        continue
                    self.assertIn(name, stubs)
                    members = functions_of(stubs[name].body)
                    for info in kind.__info__.get_methods():
                        self.assertIn(info.get_name(), members)

    def test_they_are_those_of_the_override(self):
        with open(STUBS, encoding='utf-8') as file:
            stubs = ast.parse(file.read()).body
        checked = 0
        for name, parameters in functions_of(stubs).items():
            if is_written_in_python(getattr(Mp, name)):
                self.assertEqual(parameters, parameters_of(getattr(Mp, name)), name)
                checked += 1
        self.assertEqual(checked, 8)

        for stub in stubs:
            if not isinstance(stub, ast.ClassDef) or stub.name not in OVERRIDDEN:
                continue
            members = functions_of(stub.body)
            members.update((node.target.id, None) for node in stub.body if isinstance(node, ast.AnnAssign))
            for name, member in vars(getattr(Mp, stub.name)).items():
                if name in ('__reduce__', '__repr__') or name.startswith('_') and not name.endswith('__'):
                    continue
                if is_written_in_python(member) or isinstance(member, property):
                    with self.subTest(stub=stub.name, name=name):
                        self.assertIn(name, members)
                if is_written_in_python(member):
                    self.assertEqual(members[name], parameters_of(member), name)

    @unittest.skipUnless(shutil.which('mypy'), 'mypy is not installed')
    def test_mypy(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'program.py'), 'w', encoding='utf-8') as file:
                file.write(PROGRAM)
            result = subprocess.run(['mypy', '--cache-dir', os.path.join(folder, 'cache'), 'program.py'],
                                    cwd=folder, text=True, stdout=subprocess.PIPE, check=False,
                                    env={**os.environ, 'MYPYPATH': TYPINGS, 'PYTHONPATH': ''})
        errors = [line.split(':')[1] for line in result.stdout.splitlines() if ': error: ' in line]
        lines = PROGRAM.splitlines()
        self.assertEqual([lines[int(number) - 1] for number in errors], lines[-2:], result.stdout)


    @unittest.skipUnless(shutil.which('mypy'), 'mypy is not installed')
    def test_package_and_stubs_are_strictly_typed(self):
        with tempfile.TemporaryDirectory() as cache:
            result = subprocess.run(['mypy', '--strict', '--cache-dir', cache, '-p', 'mproc'], text=True, check=False,
                                    cwd=os.path.join(os.environ['MP_SOURCE_ROOT'], 'introspection', 'python'),
                                    env={**os.environ, 'MYPYPATH': TYPINGS, 'PYTHONPATH': ''}, stdout=subprocess.PIPE)
        self.assertRegex(result.stdout, '^Success', result.stdout)


    @unittest.skipUnless(shutil.which('mypy'), 'mypy is not installed')
    def test_package_in_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'program.py'), 'w', encoding='utf-8') as file:
                file.write(MPROC_PROGRAM)
            result = subprocess.run(['mypy', '--strict', '--cache-dir', os.path.join(folder, 'cache'), 'program.py'],
                                    cwd=folder, text=True, stdout=subprocess.PIPE, check=False,
                                    env={**os.environ, 'MYPYPATH': f'{TYPINGS}:{PACKAGES}', 'PYTHONPATH': ''})
        errors = [line.split(':')[1] for line in result.stdout.splitlines() if ': error: ' in line]
        lines = MPROC_PROGRAM.splitlines()
        self.assertEqual([lines[int(number) - 1] for number in errors], lines[-4:], result.stdout)

    @unittest.skipUnless(shutil.which('mypy'), 'mypy is not installed')
    def test_examples(self):
        # They are those of another documentation, and so have no annotations.
        examples = glob.glob(os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples', 'python', '*.py'))
        self.assertGreater(len(examples), 7)
        with tempfile.TemporaryDirectory() as cache:
            for example in examples:
                result = subprocess.run(
                    ['mypy', '--strict', '--allow-untyped-defs', '--allow-untyped-calls', '--allow-incomplete-defs',
                     '--disable-error-code=var-annotated', '--cache-dir', cache, example],
                    text=True, stdout=subprocess.PIPE, check=False,
                    env={**os.environ, 'MYPYPATH': f'{TYPINGS}:{PACKAGES}', 'PYTHONPATH': ''})
                with self.subTest(example=example):
                    self.assertRegex(result.stdout, '^Success')


if __name__ == '__main__':
    unittest.main()
