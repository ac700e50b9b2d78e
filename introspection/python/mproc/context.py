# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts of multiprocessing whose queues and pipes are those of this package."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import BaseContext
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
