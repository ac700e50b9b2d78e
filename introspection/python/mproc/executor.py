# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pool of processes that survives the death of workers."""

from __future__ import annotations

import atexit
import functools
import itertools
import multiprocessing
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from .crew import Crew, PoolFuture

__all__ = ['ProcessPoolExecutor']

_crews: weakref.WeakSet[Crew] = weakref.WeakSet()


@atexit.register
def _shut_down_all() -> None:
    for crew in list(_crews):
        crew.shutdown()
    for crew in list(_crews):
        crew.join()


def _call_each(function: Callable[..., Any], chunk: list[tuple[Any, ...]]) -> list[Any]:
    return [function(*args) for args in chunk]


def _chunks(iterables: tuple[Iterable[Any], ...], size: int) -> Iterator[list[tuple[Any, ...]]]:
    tuples = zip(*iterables)
    while chunk := list(itertools.islice(tuples, size)):
        yield chunk


def _flatten(chunks: Iterator[list[Any]]) -> Iterator[Any]:
    for chunk in chunks:
        # Drops each result as soon as it is yielded.
        chunk.reverse()
        while chunk:
            yield chunk.pop()


class ProcessPoolExecutor(Executor):
    """An executor like that of concurrent.futures, but the death of a worker does not break it.

    The worker is replaced, and its task is given to another one."""

    def __init__(self, max_workers: int | None = None, mp_context: Any = None,
                 initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = (), *,
                 max_tasks_per_child: int | None = None, max_deliveries: int = 3,
                 task_timeout: float | None = None) -> None:
        """Starts no process yet.

        @max_workers: how many processes at most; by default as many as there are processors
        @mp_context: a context of multiprocessing or mproc, which says how to start them
        @initializer: what each process calls first, with @initargs; if it fails, the pool is broken
        @max_tasks_per_child: after so many tasks a process is replaced; not with fork
        @max_deliveries: how many processes may die of a task before its future fails with WorkerDied
        @task_timeout: in seconds; a process that takes longer is killed, and the future fails with
        TimeoutError"""
        if max_workers is None:
            max_workers = os.cpu_count() or 1
        if max_workers <= 0:
            raise ValueError('max_workers must be greater than 0')
        if max_deliveries <= 0:
            raise ValueError('max_deliveries must be greater than 0')
        if initializer is not None and not callable(initializer):
            raise TypeError('initializer must be a callable')
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError('max_tasks_per_child must be an integer')
            if max_tasks_per_child <= 0:
                raise ValueError('max_tasks_per_child must be >= 1')
        if mp_context is None:
            mp_context = multiprocessing.get_context('spawn' if max_tasks_per_child is not None else None)
        if max_tasks_per_child is not None and mp_context.get_start_method(allow_none=False) == 'fork':
            raise ValueError('max_tasks_per_child is incompatible with the start method fork')
        self._mp_context = mp_context
        self._crew = Crew(max_workers, mp_context, initializer, initargs, max_tasks_per_child, max_deliveries,
                          task_timeout)
        _crews.add(self._crew)
        weakref.finalize(self, self._crew.shutdown).atexit = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PoolFuture:
        """Returns the future of the call of @fn, which a worker makes."""
        return self._crew.submit(fn, args, kwargs)

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None,
            chunksize: int = 1) -> Iterator[Any]:
        """Returns the results of the calls of @fn with items of @iterables, in their order.

        @timeout: seconds from now until which they have to be there, or else TimeoutError is raised
        @chunksize: how many calls a worker gets in one go"""
        if chunksize < 1:
            raise ValueError('chunksize must be >= 1')
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout)
        return _flatten(super().map(functools.partial(_call_each, fn), _chunks(iterables, chunksize),
                                    timeout=timeout))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more tasks.

        @wait: return when all tasks are done and all workers have ended
        @cancel_futures: cancel the tasks that no worker was given yet"""
        self._crew.shutdown(cancel_futures)
        if wait:
            self._crew.join()

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__qualname__}: {self._crew.describe()}>'

    # Private attributes of the standard library's executor that tests and tools use.

    @property
    def _processes(self) -> dict[int, Any]:
        return self._crew.processes

    @property
    def _max_workers(self) -> int:
        return self._crew.max_workers

    @property
    def _broken(self) -> str | bool:
        return self._crew.broken or False

    @property
    def _executor_manager_thread(self) -> Any:
        return self._crew.thread

    @property
    def _call_queue(self) -> Any:
        return self._crew.tasks
