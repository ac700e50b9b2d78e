#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the type stubs of the Python side from the GIR.

stubs.py GIR   prints Mp.pyi

What the override defines is written down here; everything else comes from the GIR.
"""

import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

HEAD = '''# Written by introspection/python/stubs.py from the GIR.
# mypy: disable-error-code="override", allow-subclassing-any

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from multiprocessing import AuthenticationError as AuthenticationError
from multiprocessing import BufferTooShort as BufferTooShort
from queue import Empty as Empty
from queue import Full as Full
from typing import Any

from typing_extensions import Self

from gi.repository import Gio, GLib, GObject

_Address = tuple[str, int] | str | bytes

def Pipe(duplex: bool = True, *, codec: Any = None) -> tuple[Connection, Connection]: ...
def Client(address: _Address, family: str | None = None, authkey: bytes | None = None, *, codec: Any = None, **properties: Any) -> Connection: ...
def wait(object_list: Iterable[Any], timeout: float | None = None) -> list[Any]: ...
def inherit(name: str) -> Any: ...
def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]: ...'''

# The members that the override gives to a class, in the place of those of the GIR.
OVERRIDES = {
    'Queue': '''
        codec: Any
        def __init__(self, maxsize: int = 0, *, codec: Any = None, **properties: Any) -> None: ...
        def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None: ...
        def get(self, block: bool = True, timeout: float | None = None) -> Any: ...
        def put_nowait(self, obj: Any) -> None: ...
        def get_nowait(self) -> Any: ...
        def put_many(self, iterable: Iterable[Any], timeout: float | None = None) -> None: ...
        def get_many(self, max: int | None = None, timeout: float | None = None) -> list[Any]: ...
        def get_async(self, *arguments: Any) -> Awaitable[Any]: ...
        def put_async(self, obj: Any, *arguments: Any) -> Awaitable[None]: ...
        def qsize(self) -> int: ...
        def empty(self) -> bool: ...
        def full(self) -> bool: ...
        def close(self) -> None: ...
        def shutdown(self, immediate: bool = False) -> None: ...
        def join_thread(self) -> None: ...
        def cancel_join_thread(self) -> None: ...
        def fileno(self) -> int: ...
        def __enter__(self) -> Self: ...
        def __exit__(self, *exception: Any) -> None: ...
        def __iter__(self) -> Iterator[Any]: ...
        def __aiter__(self) -> AsyncIterator[Any]: ...
        def __class_getitem__(cls, item: Any) -> Any: ...
        ''',
    'JoinableQueue': '''
        def task_done(self) -> None: ...
        def join(self, timeout: float | None = None) -> None: ...
        def join_async(self, *arguments: Any) -> Awaitable[None]: ...
        def get_task(self, block: bool = True, timeout: float | None = None) -> Task: ...
        def get_task_async(self, *arguments: Any) -> Awaitable[Task]: ...
        ''',
    'SimpleQueue': '''
        def __init__(self, *, codec: Any = None, **properties: Any) -> None: ...
        def put(self, obj: Any) -> None: ...
        def get(self) -> Any: ...
        def get_nowait(self) -> Any: ...
        def put_nowait(self, obj: Any) -> None: ...
        def empty(self) -> bool: ...
        ''',
    'Task': '''
        @property
        def value(self) -> Any: ...
        def done(self) -> None: ...
        def retry(self) -> None: ...
        def set_progress(self, fraction: float, text: str | None = None) -> None: ...
        def __enter__(self) -> Self: ...
        def __exit__(self, kind: Any, *exception: Any) -> None: ...
        ''',
    'Invocation': '''
        @property
        def value(self) -> Any: ...
        def return_value(self, obj: Any) -> None: ...
        def return_error(self, error: BaseException) -> None: ...
        ''',
    'Connection': '''
        codec: Any
        def __new__(cls, handle: int, readable: bool = True, writable: bool = True) -> Self: ...
        def __init__(self, *arguments: Any, **options: Any) -> None: ...
        @property
        def closed(self) -> bool: ...
        @property
        def readable(self) -> bool: ...
        @property
        def writable(self) -> bool: ...
        def send(self, obj: Any) -> None: ...
        def recv(self) -> Any: ...
        def send_bytes(self, buffer: Any, offset: int = 0, size: int | None = None) -> None: ...
        def recv_bytes(self, maxlength: int | None = None) -> bytes: ...
        def recv_bytes_into(self, buffer: Any, offset: int = 0) -> int: ...
        def send_shareable(self, shareable: Shareable) -> None: ...
        def recv_shareable(self) -> Any: ...
        def poll(self, timeout: float | None = 0.0) -> bool: ...
        def recv_async(self, *arguments: Any) -> Awaitable[Any]: ...
        def send_async(self, obj: Any, *arguments: Any) -> Awaitable[None]: ...
        def call(self, obj: Any, timeout: float | None = None) -> Any: ...
        def call_async(self, obj: Any, *arguments: Any, timeout: float | None = None) -> Awaitable[Any]: ...
        def close(self) -> None: ...
        def fileno(self) -> int: ...
        def __enter__(self) -> Self: ...
        def __exit__(self, *exception: Any) -> None: ...
        ''',
    'Listener': '''
        def __init__(self, address: _Address | None = None, family: str | None = None, backlog: int = 1, authkey: bytes | None = None, *, codec: Any = None, **properties: Any) -> None: ...
        def accept(self, timeout: float | None = None) -> Connection: ...
        def accept_async(self, *arguments: Any) -> Awaitable[Connection]: ...
        def create_source(self, cancellable: Gio.Cancellable | None) -> GLib.Source: ...
        def fileno(self) -> int: ...
        @property
        def address(self) -> _Address: ...
        @property
        def last_accepted(self) -> _Address | None: ...
        def __enter__(self) -> Self: ...
        def __exit__(self, *exception: Any) -> None: ...
        ''',
    'Process': '''
        def __init__(self, argv: Sequence[str | bytes], **properties: Any) -> None: ...
        def start(self) -> None: ...
        def join(self, timeout: float | None = None) -> None: ...
        def wait_check(self, timeout: float | None = None) -> None: ...
        def is_alive(self) -> bool: ...
        @property
        def exitcode(self) -> int | None: ...
        ''',
}

OVERRIDDEN_FUNCTIONS = ('wait', 'inherit')

NUMBERS = ('gint', 'guint', 'gint8', 'guint8', 'gint16', 'guint16', 'gint32', 'guint32', 'gint64', 'guint64',
           'gsize', 'gssize', 'glong', 'gulong', 'guintptr', 'gintptr')
TYPES = {'gboolean': 'bool', 'gdouble': 'float', 'gfloat': 'float', 'utf8': 'str', 'filename': 'str',
         'none': 'None', 'gpointer': 'Any', 'GType': 'Any', **dict.fromkeys(NUMBERS, 'int')}


def python_type(value, incoming):
    array = value.find(f'{CORE}array')
    if array is not None:
        name = array.find(f'{CORE}type').get('name')
        if name == 'guint8':
            return 'bytes'
        return f'{"Sequence" if incoming else "list"}[{TYPES.get(name, name)}]'
    element = value.find(f'{CORE}type')
    name = element.get('name')
    if name == 'GLib.PtrArray':
        return f'list[{element.find(f"{CORE}type").get("name")}]'
    if name in ('Gio.AsyncReadyCallback', 'GLib.SourceFunc'):
        return 'Callable[..., Any]'
    return TYPES.get(name, name)


def with_none(name, value):
    return f'{name} | None' if value.get('nullable') == '1' or value.get('allow-none') == '1' else name


def signature(function):
    """Returns the parameters and the result of a callable as Python sees them."""
    parameters = function.findall(f'{CORE}parameters/{CORE}parameter')
    hidden = set()
    for value in [*parameters, function.find(f'{CORE}return-value')]:
        array = value.find(f'{CORE}array')
        if array is not None and array.get('length') is not None:
            hidden.add(int(array.get('length')))
    arguments, results = [], []
    value = function.find(f'{CORE}return-value')
    kind = python_type(value, False)
    if kind != 'None':
        results.append(with_none(kind, value))
    for index, parameter in enumerate(parameters):
        if index in hidden:
            continue
        outgoing = parameter.get('direction') == 'out'
        kind = with_none(python_type(parameter, not outgoing), parameter)
        if outgoing:
            results.append(kind)
        elif parameter.get('name') == 'user_data':
            arguments.append('*user_data: Any')
        else:
            arguments.append(f'{parameter.get("name")}: {kind}')
    result = results[0] if len(results) == 1 else f'tuple[{", ".join(results)}]' if results else 'None'
    return arguments, result


def write_callable(function, indent, first=()):
    arguments, result = signature(function)
    return (f'{indent}def {function.get("name")}({", ".join([*first, *arguments])}) -> {result}: ...'
            .replace('Mp.', ''))


def overridden(name):
    lines = OVERRIDES.get(name, '').strip('\n').splitlines()
    return [line[4:] for line in lines if line.strip()]


def write_class(element):
    name = element.get('name')
    bases = [element.get('parent', 'GObject.GInterface')]
    bases += [each.get('name') for each in element.findall(f'{CORE}implements')]
    yield f'class {name}({", ".join(bases)}):'
    own = overridden(name)
    yield from own
    taken = {line.split('(')[0].split()[-1] for line in own if ' def ' in line}
    for kind in ('constructor', 'function', 'method'):
        for function in element.findall(CORE + kind):
            if function.get('name') in taken:
                continue
            if kind == 'constructor':
                yield '    @classmethod'
            elif kind == 'function':
                yield '    @staticmethod'
            first = {'constructor': ['cls'], 'function': [], 'method': ['self']}[kind]
            yield write_callable(function, '    ', first)
    yield '    props: Any'


def write_record(element):
    yield f'class {element.get("name")}(GObject.GBoxed):'
    for kind in ('constructor', 'method'):
        for function in element.findall(CORE + kind):
            if kind == 'constructor':
                yield '    @classmethod'
            yield write_callable(function, '    ', ['cls' if kind == 'constructor' else 'self'])


def write_enum(element):
    kind = 'IntFlag' if element.tag == f'{CORE}bitfield' else 'IntEnum'
    yield f'class {element.get("name")}(enum.{kind}):'
    for member in element.findall(f'{CORE}member'):
        yield f'    {member.get("name").upper()} = {member.get("value")}'
    for function in element.findall(f'{CORE}function'):
        yield '    @staticmethod'
        yield write_callable(function, '    ')


def write(root):
    namespace = root.find(f'{CORE}namespace')
    blocks = [HEAD]
    for constant in namespace.findall(f'{CORE}constant'):
        blocks.append(f'{constant.get("name")}: {python_type(constant, False)}')
    for element in [*namespace.findall(f'{CORE}enumeration'), *namespace.findall(f'{CORE}bitfield')]:
        blocks.append('\n'.join(write_enum(element)))
    for element in namespace.findall(f'{CORE}record'):
        if element.get(GLIB + 'get-type'):
            blocks.append('\n'.join(write_record(element)))
    for kind in ('interface', 'class'):
        for element in namespace.findall(CORE + kind):
            blocks.append('\n'.join(write_class(element)))
    functions = [write_callable(function, '') for function in namespace.findall(f'{CORE}function')
                 if function.get('name') not in OVERRIDDEN_FUNCTIONS and function.get('moved-to') is None]
    return '\n\n'.join(blocks + ['\n'.join(functions)]) + '\n'


if __name__ == '__main__':
    sys.stdout.write(write(ElementTree.parse(sys.argv[1]).getroot()))
