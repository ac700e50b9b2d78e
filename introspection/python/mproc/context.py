# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts of multiprocessing whose queues and pipes are those of this package."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import AuthenticationError as AuthenticationError
from multiprocessing.context import BaseContext as BaseContext
from multiprocessing.context import BufferTooShort as BufferTooShort
from multiprocessing.context import Process as Process
from multiprocessing.context import ProcessError as ProcessError
from multiprocessing.context import TimeoutError as TimeoutError
from multiprocessing.context import assert_spawning as assert_spawning
from multiprocessing.context import get_spawning_popen as get_spawning_popen
from multiprocessing.context import set_spawning_popen as set_spawning_popen
from typing import Any

from . import connection, queues

__all__ = ['Context', 'get_context']


class Context(BaseContext):
    """A context of multiprocessing with the queues and pipes of this package.

    Everything else is taken from the context @base, including classes that need private parts of
    queues, such as Pool."""

    def __init__(self, base: BaseContext) -> None:
        self._base = base

    def __getattribute__(self, name: str) -> Any:
        # BaseContext defines all methods, which would use this object as their context.
        own = object.__getattribute__(self, '__class__').__dict__
        if name in own or name.startswith('__'):
            return object.__getattribute__(self, name)
        if name == '_base':
            return object.__getattribute__(self, name)
        return getattr(self._base, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._base)})

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__qualname__} {self._base.get_start_method()!r}>'

    def get_context(self, method: str | None = None) -> Context:  # type: ignore[override]
        """Returns this context, or that of another method to start processes."""
        return self if method is None else get_context(method)

    def Queue(self, maxsize: int = 0) -> queues.Queue[Any]:  # type: ignore[override]
        """Returns a queue."""
        return queues.Queue(maxsize, ctx=self)

    def JoinableQueue(self, maxsize: int = 0) -> queues.JoinableQueue[Any]:  # type: ignore[override]
        """Returns a queue that can be joined."""
        return queues.JoinableQueue(maxsize, ctx=self)

    def SimpleQueue(self) -> queues.SimpleQueue[Any]:  # type: ignore[override]
        """Returns a queue without settings."""
        return queues.SimpleQueue(ctx=self)

    def Pipe(self, duplex: bool = True) -> tuple[connection.Connection, connection.Connection]:  # type: ignore[override]
        """Returns two connected ends."""
        return connection.Pipe(duplex)


_contexts: dict[str, Context] = {}


def get_context(method: str | None = None) -> Context:
    """Returns the context of a method to start processes: 'fork', 'spawn' or 'forkserver'.

    Without @method it is the one that Process uses."""
    base: Any = multiprocessing.get_context(method)
    name = base.get_start_method()
    if name not in _contexts:
        _contexts[name] = Context(multiprocessing.get_context(name))
    return _contexts[name]
