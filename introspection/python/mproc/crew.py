# SPDX-License-Identifier: LGPL-2.1-or-later
"""The workers of a ProcessPoolExecutor and the thread that supervises them."""

from __future__ import annotations

import collections
import itertools
import multiprocessing
import os
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from queue import Empty, Full
from typing import Any

from .library import Mp
from .objects import objects
from .worker import (DEATH, DONE, ID_SIZE, INTERRUPTED, NOT_INITIALIZED, PROGRESS, STARTED, UNREADABLE, WAKE,
                     insist, is_busy, work)

# Deaths in a row, with nothing finished in between, that end the pool.
MAX_DEATHS = 5

# In seconds: the first and the longest delay before a dead worker is replaced, and the lifetime of
# a worker after which the delay begins at the first one again.
MIN_DELAY, MAX_DELAY, LONG_LIFE = 0.1, 10.0, 10.0

# The number of tasks in the queue for each worker, where they cannot be cancelled: one, or many if
# they take less than this time.
MAX_AHEAD, SHORT_TASK = 32, 0.005

# How often, and for how long, to check for dead letters after a death, in seconds; also how often to try
# again what a stopped process prevents that holds a lock.
_LOOK_INTERVAL, _LOOK_TIME = 0.05, 5.0

_N_ABANDONED = 64


class PoolFuture(Future):  # type: ignore[type-arg]
    """A future with the progress of its task."""

    _progress: tuple[float, str | None] | None = None

    def progress(self) -> tuple[float, str | None] | None:
        """Returns the fraction and the text that the task has last reported, or None."""
        return self._progress


class WorkerDied(BrokenProcessPool):
    """All workers that ran the task have died."""


class _Running:
    """A task that is in the queue or held by a worker."""

    __slots__ = ('future', 'since', 'deadline', 'pid')

    def __init__(self, future: PoolFuture) -> None:
        self.future, self.since = future, time.monotonic()
        self.deadline: float | None = None
        self.pid = 0


def _tell_future(future: PoolFuture, kind: bytes | None, data: Any) -> None:
    value = data
    if kind is not None:
        try:
            value = objects.loads(data)
        except BaseException as error:
            value, kind = error, UNREADABLE
    if kind == DONE:
        future.set_result(value)
        return
    if kind == UNREADABLE:
        broken = BrokenProcessPool('The task or its result could not be unpickled')
        broken.__cause__ = value
        value = broken
    future.set_exception(value)


class Crew:
    """Processes that get tasks from one queue and put results into another.

    It does not refer to the executor, which may be freed while tasks are still running."""

    def __init__(self, max_workers: int, context: Any, initializer: Any, initargs: tuple[Any, ...],
                 max_tasks_per_child: int | None, max_deliveries: int, task_timeout: float | None) -> None:
        self.max_workers, self.context = max_workers, context
        self.task_timeout = task_timeout
        self.tasks = Mp.JoinableQueue(max_deliveries=max_deliveries)
        self.answers = Mp.Queue()
        self.processes: dict[int, Any] = {}
        self.broken: str | None = None
        self.thread: threading.Thread | None = None

        abandoned = multiprocessing.RawArray('Q', _N_ABANDONED) if task_timeout is not None else None
        self._arguments = (self.tasks, self.answers, initializer, initargs, max_tasks_per_child, abandoned)
        self._abandoned, self._n_abandoned = abandoned, 0
        self._is_shut_down = False
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self._pending: collections.deque[tuple[bytes, PoolFuture, bytes]] = collections.deque()
        self._running: dict[bytes, _Running] = {}
        # What futures are to be told: a kind with a pickle, or None with an exception. The thread that
        # manages does so without the lock, since it runs foreign code: callbacks, and methods that unpickle.
        self._outcomes: list[tuple[PoolFuture, bytes | None, Any]] = []
        self._pid = os.getpid()
        self._ahead = 1
        self._births: dict[int, float] = {}
        self._not_initialized: set[int] = set()
        self._n_deaths, self._delay = 0, MIN_DELAY
        self._due: list[float] = []
        self._look_until = 0.0
        # Whether a task could not be put since a stopped process holds a lock.
        self._due_feed = False
        self._changes = os.pipe()
        self._watcher = threading.Thread(target=self._watch, name='mproc-sentinels', daemon=True)

    # Called by the executor, in any thread.

    def submit(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PoolFuture:
        """Submits a call to be made by a worker, and returns its future."""
        future = PoolFuture()
        task_id = next(self._ids).to_bytes(ID_SIZE, 'little')
        try:
            data = task_id + objects.dumps((function, args, kwargs))
        except Exception as error:
            data = None
            failure = error
        self._check_process()
        with self._lock:
            self._check()
            if self.thread is None:
                self._start()
            if data is None:
                future.set_exception(failure)
                return future
            self._pending.append((task_id, future, data))
            try:
                self._hire()
            except BaseException:
                self._pending.pop()
                raise
            self._feed()
        return future

    def shutdown(self, cancel_futures: bool = False) -> None:
        """Accepts no more tasks; the workers end when all tasks are done."""
        if self._is_elsewhere():
            return
        cancelled = []
        with self._lock:
            self._is_shut_down = True
            if cancel_futures:
                cancelled = [future for _, future, _ in self._pending]
                self._pending.clear()
            if self.thread is not None:
                self._tell(WAKE)
        # Without the lock, since callbacks run.
        for future in cancelled:
            future.cancel()
            future.set_running_or_notify_cancel()

    def join(self) -> None:
        """Waits until all workers have ended; returns at once if none was ever started."""
        if not self._is_elsewhere() and self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join()

    def describe(self) -> str:
        """Returns the state as text."""
        # Without the lock, which a thread may hold while it is being debugged.
        if self.broken is not None:
            return 'broken'
        if self._is_shut_down:
            return 'shut down'
        return f'{len(self.processes)} of {self.max_workers} workers, {len(self._running) + len(self._pending)} tasks'

    def _is_elsewhere(self) -> bool:
        """Whether this is a process that was forked from the one with the threads."""
        return os.getpid() != self._pid

    def _check_process(self) -> None:
        if self._is_elsewhere():
            raise BrokenProcessPool('The process pool belongs to the process that has created it')

    def _check(self) -> None:
        if self.broken is not None:
            raise BrokenProcessPool(self.broken)
        if self._is_shut_down:
            raise RuntimeError('cannot schedule new futures after shutdown')

    # With the lock held.

    def _start(self) -> None:
        # Fork before any threads exist.
        if self.context.get_start_method() == 'fork':
            self._start_all()
        self.thread = threading.Thread(target=self._manage, name='mproc-executor', daemon=True)
        self.thread.start()
        self._watcher.start()

    def _start_all(self) -> None:
        while len(self.processes) < self.max_workers:
            try:
                self._start_worker()
            except OSError:
                if not self.processes:
                    raise
                return

    def _hire(self) -> None:
        """Starts another worker if all may be busy."""
        n_workers = len(self.processes) + len(self._due)
        if n_workers < self.max_workers and n_workers < len(self._running) + len(self._pending):
            try:
                self._start_worker()
            except OSError as error:
                self._try_later(error)
                self._tell(WAKE)

    def _replace(self) -> None:
        """Starts a worker in the thread that manages, which has to go on whatever happens."""
        try:
            self._start_worker()
        except Exception as error:
            self._try_later(error)

    def _try_later(self, error: Exception) -> None:
        self._count_death(f'{MAX_DEATHS} processes of the process pool in a row have died or could not be '
                          f'started, the last for this reason: {error}')

    def _count_death(self, why: str) -> None:
        """Has another worker started after a delay, or ends the pool, for the reason @why."""
        self._n_deaths += 1
        if self._n_deaths >= MAX_DEATHS:
            self._break(why)
            return
        self._due.append(time.monotonic() + self._delay)
        self._delay = min(2 * self._delay, MAX_DELAY)

    def _start_worker(self) -> None:
        process = self.context.Process(target=work, args=self._arguments)
        process.start()
        self.processes[process.pid] = process
        self._births[process.pid] = time.monotonic()
        os.write(self._changes[1], b'+')

    def _feed(self) -> None:
        self._due_feed = False
        most = self.max_workers * self._ahead + 1
        while self._pending and len(self._running) < most:
            task_id, future, data = self._pending[0]
            if future.cancelled():
                self._pending.popleft()
                future.set_running_or_notify_cancel()
                continue
            try:
                self.tasks.put(data, False)
            except Full:
                return
            except Exception as error:
                if is_busy(error):
                    self._due_feed = True
                    if threading.current_thread() is not self.thread:
                        self._tell(WAKE)
                    return
                self._pending.popleft()
                if future.set_running_or_notify_cancel():
                    self._outcomes.append((future, None, error))
                    self._tell(WAKE)
                continue
            self._pending.popleft()
            # If it was cancelled just now, a worker runs it all the same, and the result is
            # ignored.
            if future.set_running_or_notify_cancel():
                self._running[task_id] = _Running(future)

    def _tell(self, kind: bytes, data: bytes = b'') -> None:
        # With the lock, since a process that is forked meanwhile would inherit locks of GLib.
        try:
            self.answers.put(bytes(ID_SIZE) + kind + data)
        except ValueError:
            # The queue is closed: the crew has ended.
            pass

    # The thread that watches for deaths, and the one that does the rest.

    def _watch(self) -> None:
        told: set[int] = set()
        while True:
            with self._lock:
                waiting = {process.sentinel: pid for pid, process in self.processes.items() if pid not in told}
            ready = connection.wait([self._changes[0], *waiting])
            if self._changes[0] in ready and b'.' in os.read(self._changes[0], 4096):
                return
            with self._lock:
                for sentinel in ready:
                    if sentinel in waiting:
                        told.add(waiting[sentinel])
                        self._tell(DEATH, waiting[sentinel].to_bytes(ID_SIZE, 'little'))

    def _manage(self) -> None:
        while not self._is_over():
            answer = self._await_answer()
            with self._lock:
                while answer is not None:
                    self._handle(answer[:ID_SIZE], answer[ID_SIZE:ID_SIZE + 1], answer[ID_SIZE + 1:])
                    try:
                        answer = self.answers.get(False)
                    except Empty:
                        answer = None
                self._look()
                self._feed()
            self._tell_futures()
        self._tell_futures()
        self._end()

    def _await_answer(self) -> bytes | None:
        try:
            return self.answers.get(timeout=self._time_to_wait())  # type: ignore[no-any-return]
        except Empty:
            return None
        except OSError as error:
            if not is_busy(error):
                raise
            return None

    def _is_over(self) -> bool:
        with self._lock:
            return self.broken is not None or self._is_shut_down and not self._pending and not self._running

    def _time_to_wait(self) -> float | None:
        with self._lock:
            times = list(self._due)
            if self._due_feed or self._running and time.monotonic() < self._look_until:
                times.append(time.monotonic() + _LOOK_INTERVAL)
            if self.task_timeout is not None:
                times += [each.deadline for each in self._running.values() if each.deadline is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _handle(self, task_id: bytes, kind: bytes, data: bytes) -> None:
        if kind == WAKE:
            return
        if kind == DEATH:
            self._bury(int.from_bytes(data, 'little'))
        elif kind == INTERRUPTED:
            self._break('The processes of the pool were interrupted')
        elif kind == NOT_INITIALIZED:
            self._not_initialized.add(int.from_bytes(data, 'little'))
        elif (running := self._running.get(task_id)) is not None:
            if kind == PROGRESS:
                running.future._progress = objects.loads(data)
            elif kind == STARTED:
                running.pid = int.from_bytes(data, 'little')
                running.deadline = time.monotonic() + (self.task_timeout or 0)
            else:
                del self._running[task_id]
                self._outcomes.append((running.future, kind, data))
                self._note_end(running)

    def _note_end(self, running: _Running) -> None:
        self._n_deaths = 0
        if time.monotonic() - running.since < SHORT_TASK:
            self._ahead = min(2 * self._ahead, MAX_AHEAD)
        else:
            self._ahead = max(self._ahead // 2, 1)

    def _tell_futures(self) -> None:
        with self._lock:
            outcomes, self._outcomes = self._outcomes, []
        outcomes.reverse()
        while outcomes:
            # A result is to be freed as soon as the program lets go of the future.
            _tell_future(*outcomes.pop())

    def _bury(self, pid: int) -> None:
        process = self.processes.pop(pid, None)
        if process is None:
            return
        process.join()
        if pid in self._not_initialized:
            # Only now, since it may have had something to write to a log.
            self._break('A process in the process pool was not initialized, since its initializer has failed')
            return
        lived = time.monotonic() - self._births.pop(pid)
        if process.exitcode == 0:
            # The worker has reached max_tasks_per_child.
            if not self._is_shut_down or self._pending or self._running:
                self._replace()
            return
        self._delay = MIN_DELAY if lived >= LONG_LIFE else self._delay
        self._count_death(f'{MAX_DEATHS} processes in the process pool have died in a row, the last with the exit '
                          f'code {process.exitcode}')
        self._look_until = time.monotonic() + _LOOK_TIME

    def _look(self) -> None:
        """Handles timeouts: workers to be started, tasks that take too long or became dead
        letters."""
        now = time.monotonic()
        for due in [due for due in self._due if due <= now]:
            self._due.remove(due)
            self._replace()
        if self.task_timeout is not None:
            for task_id, running in list(self._running.items()):
                if running.deadline is not None and running.deadline <= now:
                    self._abandon(task_id, running)
        if now < self._look_until:
            while (message := self._get_dead()) is not None:
                running_or_none = self._running.pop(message.get_bytes().get_data()[:ID_SIZE], None)
                if running_or_none is not None:
                    self._outcomes.append((running_or_none.future, None, WorkerDied(
                        'Each process that was given the task has died, until it was given up')))

    def _get_dead(self) -> Any:
        try:
            return self.tasks.get_dead()
        except OSError as error:
            if not is_busy(error):
                raise
            self._look_until = time.monotonic() + _LOOK_TIME
            return None

    def _abandon(self, task_id: bytes, running: _Running) -> None:
        self._abandoned[self._n_abandoned % _N_ABANDONED] = int.from_bytes(task_id, 'little')
        self._n_abandoned += 1
        del self._running[task_id]
        self._outcomes.append((running.future, None,
                               TimeoutError(f'The task took longer than {self.task_timeout} seconds')))
        if running.pid in self.processes:
            self.processes[running.pid].kill()

    def _break(self, why: str) -> None:
        self.broken = why
        broken = [running.future for running in self._running.values()]
        broken += [future for _, future, _ in self._pending if future.set_running_or_notify_cancel()]
        self._outcomes += [(future, None, BrokenProcessPool(why)) for future in broken]
        self._running.clear()
        self._pending.clear()
        for process in self.processes.values():
            process.terminate()

    def _end(self) -> None:
        os.write(self._changes[1], b'.')
        self._watcher.join()
        for fd in self._changes:
            os.close(fd)
        insist(self.tasks.shutdown, True)
        for process in list(self.processes.values()):
            process.join()
        self.tasks.close()
        self.answers.close()
