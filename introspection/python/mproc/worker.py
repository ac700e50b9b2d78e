# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main function of the processes of a ProcessPoolExecutor."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures.process import _ExceptionWithTraceback
from multiprocessing import connection, parent_process
from typing import Any

from .objects import objects

# A task consists of the id of its future and a pickle; an answer of that id, a kind and a pickle.
ID_SIZE = 8

(DONE, FAILED, UNREADABLE, STARTED, PROGRESS, NOT_INITIALIZED, INTERRUPTED, DEATH,
 WAKE) = (bytes((kind,)) for kind in range(9))


def is_busy(error: BaseException) -> bool:
    """Whether another process holds a lock of a queue and does not continue."""
    return isinstance(error, OSError) and error.errno == errno.EBUSY


def insist(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls @function again as long as it fails since another process holds a lock of the queue and does
    not continue: a worker that is stopped, for instance."""
    while True:
        try:
            return function(*arguments)
        except OSError as error:
            if not is_busy(error):
                raise


class Task:
    """The task that runs in this worker, as returned by current_task ()."""

    def __init__(self, task_id: bytes, answers: Any) -> None:
        self._id, self._answers = task_id, answers

    def set_progress(self, fraction: float, text: str | None = None) -> None:
        """Sets what future.progress () returns: the fraction that is done, from 0 to 1, and a
        text."""
        if not 0 <= fraction <= 1:
            raise ValueError('a fraction is from 0 to 1')
        self._answers.put(self._id + PROGRESS + objects.dumps((float(fraction), text)))


_current: Task | None = None


def current_task() -> Task | None:
    """Returns the task that runs in this worker of a ProcessPoolExecutor, or None."""
    return _current


def _end_with_parent() -> None:
    """Ends this process when its parent has died, which can no longer tell it to end."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _with_traceback(error: BaseException) -> Any:
    """Returns an object that is unpickled as @error, with the text of its traceback as the
    cause."""
    traceback: Any = error.__traceback__
    return _ExceptionWithTraceback(error, traceback)


def _failure(error: BaseException) -> bytes:
    try:
        return objects.dumps(_with_traceback(error))
    except Exception as unpicklable:
        return objects.dumps(_with_traceback(unpicklable))


def _run(data: bytes) -> tuple[bytes, bytes]:
    try:
        function, args, kwargs = objects.loads(data)
    except BaseException as error:
        return UNREADABLE, _failure(error)
    try:
        return DONE, objects.dumps(function(*args, **kwargs))
    except BaseException as error:
        return FAILED, _failure(error)


def work(tasks: Any, answers: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...],
         max_tasks: int | None, abandoned: Any) -> None:
    """Gets tasks and puts answers until @tasks is shut down or @max_tasks are done.

    @abandoned: the ids of tasks that took too long, and are not to be run again; None if there is
    no task timeout"""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            logging.getLogger('concurrent.futures').critical('Exception in initializer:', exc_info=True)
            answers.put(bytes(ID_SIZE) + NOT_INITIALIZED + os.getpid().to_bytes(ID_SIZE, 'little'))
            return

    try:
        _work_until_the_end(tasks, answers, max_tasks, abandoned)
    except KeyboardInterrupt:
        # Outside of a task, Ctrl-C is to end the pool.
        answers.put(bytes(ID_SIZE) + INTERRUPTED)


def _work_until_the_end(tasks: Any, answers: Any, max_tasks: int | None, abandoned: Any) -> None:
    global _current
    n_done = 0
    while max_tasks is None or n_done < max_tasks:
        try:
            data = tasks.get()
        except ValueError:
            return
        task_id = data[:ID_SIZE]
        if abandoned is not None:
            if int.from_bytes(task_id, 'little') in abandoned[:]:
                insist(tasks.task_done)
                continue
            answers.put(task_id + STARTED + os.getpid().to_bytes(ID_SIZE, 'little'))
        _current = Task(task_id, answers)
        kind, result = _run(data[ID_SIZE:])
        _current = None
        answers.put(task_id + kind + result)
        # If the worker is killed before this, the task is run again.
        insist(tasks.task_done)
        n_done += 1
        del data, result
