# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queue of tasks, and its tasks."""

import errno
import functools
from multiprocessing.reduction import ForkingPickler
from queue import Empty

from gi.repository import GLib

from .answers import answered, is_remote
from .describing import describing_repr
from .errors import IO_ERROR, call, is_busy, is_error
from .loops import readable, take_turn, until
from .module import Mp, export
from .queues import QueueClosed, reduce_queue
from .values import value_of
from .waiting import sleep_until_done, sleep_until_readable

_watch_done = Mp.JoinableQueue.watch_done
_join_async = Mp.JoinableQueue.join_async
_join_finish = Mp.JoinableQueue.join_finish
_try_get_task = Mp.JoinableQueue.try_get_task
_get_task = Mp.JoinableQueue.get_task
_get_tasks = Mp.JoinableQueue.get_tasks
_get_task_async = Mp.JoinableQueue.get_task_async
_get_task_finish = Mp.JoinableQueue.get_task_finish
_get_tasks_async = Mp.JoinableQueue.get_tasks_async
_get_tasks_finish = Mp.JoinableQueue.get_tasks_finish
_finish_tasks_async = Mp.JoinableQueue.finish_tasks_async
_finish_tasks_finish = Mp.JoinableQueue.finish_tasks_finish
_task_done_async = Mp.JoinableQueue.task_done_async
_task_done_finish = Mp.JoinableQueue.task_done_finish
_done_async, _done_finish = Mp.Task.done_async, Mp.Task.done_finish
_retry_async, _retry_finish = Mp.Task.retry_async, Mp.Task.retry_finish


@export
class JoinableQueue(Mp.JoinableQueue):
    """A queue of tasks that tracks which are done, and redelivers those that are not."""

    def task_done(self):
        """Marks the oldest task that was got by this object as done."""
        try:
            super().task_done()
        except GLib.Error as error:
            raise self._exception(error) from None

    def join(self, timeout=None):
        """Waits until all tasks are done; raises TimeoutError after @timeout seconds."""
        try:
            if not self._wait_for(sleep_until_done, timeout, self):
                raise TimeoutError(errno.ETIMEDOUT, 'Some tasks are not done')
        except GLib.Error as error:
            raise self._join_exception(error) from None

    def join_async(self, *arguments):
        """Asynchronous form of join; with arguments, it is the function of C."""
        return super().join_async(*arguments) if arguments else self._join_when_done()

    async def _join_when_done(self):
        try:
            if is_remote(self):
                await answered(self, functools.partial(_join_async, self), functools.partial(_join_finish, self))
            elif not sleep_until_done(self, 0):
                await until(self.__dict__.setdefault('_joiners', {}),
                            functools.partial(sleep_until_done, self, 0),
                            functools.partial(_watch_done, self),
                            functools.partial(_join_async, self),
                            functools.partial(_join_finish, self))
        except GLib.Error as error:
            raise self._join_exception(error) from None

    def _join_exception(self, error):
        """A join fails if messages were dropped; the message of the error contains their number."""
        return QueueClosed(error.message) if is_error(error, Mp.Error.CLOSED) else self._exception(error)

    def _try_to_get(self, us, get):
        """Calls @get, which fails if another process holds a lock or if there is no connection to a server
        now. That is no failure if it may wait for @us microseconds."""
        try:
            return get()
        except GLib.Error as error:
            if us == 0 or error.domain != IO_ERROR or not (is_busy(error) or is_remote(self)):
                raise

    def _wait_to_get(self, block, timeout, get):
        """Returns the tasks that @get returns, once there are some."""
        def look(us):
            return self._try_to_get(us, get) or (sleep_until_readable(self, us) and False)

        waits = block and (timeout is None or timeout > 0)
        try:
            tasks = self._wait_for(look, timeout if waits else 0)
            if not tasks and waits and not is_remote(self):
                # Fails with the number of a process that holds a lock, if there is one.
                tasks = [_get_task(self, 0, None)]
        except GLib.Error as error:
            if not waits and is_busy(error):
                raise Empty from None
            raise self._exception(error) from None
        if not tasks:
            raise Empty
        for task in tasks:
            task._queue = self
        return tasks

    def get_task(self, block=True, timeout=None):
        """Gets the next message as a Task."""
        def get():
            task = _try_get_task(self)
            return task and [task]

        return self._wait_to_get(block, timeout, get)[0]

    def get_tasks(self, max=64, block=True, timeout=None):
        """Gets the next message as a Task, and with it those that are queued behind it, at most
        @max. With a queue on a server this takes one round trip for all."""
        def get():
            try:
                return _get_tasks(self, max, 0, None)
            except GLib.Error as error:
                if not is_error(error, Mp.Error.EMPTY):
                    raise

        return self._wait_to_get(block, timeout, get)

    def finish_tasks(self, tasks):
        """Marks many tasks of this object as done in one step."""
        call(super().finish_tasks, tasks)

    async def get_tasks_async(self, max=64):
        """Asynchronous form of get_tasks."""
        while not is_remote(self):
            await take_turn()
            try:
                return self.get_tasks(max, False)
            except Empty:
                await readable(self)
        tasks = await self._later(_get_tasks_async, _get_tasks_finish, max)
        for task in tasks:
            task._queue = self
        return tasks

    async def finish_tasks_async(self, tasks):
        """Asynchronous form of finish_tasks."""
        await self._later(_finish_tasks_async, _finish_tasks_finish, tasks)

    def task_done_async(self, *arguments):
        """Asynchronous form of task_done; with arguments, it is the function of C."""
        return super().task_done_async(*arguments) if arguments else self._later(_task_done_async, _task_done_finish)

    def requeue_dead(self, serial=-1):
        """Puts the oldest dead letter back into the queue, or the one with that serial.  Returns
        whether there was one."""
        try:
            return super().requeue_dead(serial)
        except GLib.Error as error:
            raise self._exception(error) from None

    def get_task_async(self, *arguments):
        return super().get_task_async(*arguments) if arguments else self._get_task_when_ready()

    async def _get_task_when_ready(self):
        if is_remote(self):
            task = await self._later(_get_task_async, _get_task_finish)
            task._queue = self
            return task
        while True:
            await take_turn()
            try:
                return self.get_task(False)
            except Empty:
                await readable(self)


ForkingPickler.register(JoinableQueue, reduce_queue)


@export
class Task(Mp.Task):
    """A delivery of a JoinableQueue. At the end of a `with` block it is marked as done, or, after
    an exception, returned to the queue for another consumer."""

    _queue = None

    @property
    def value(self):
        return value_of(self.get_message(), None if self._queue is None else self._queue.codec)

    def done(self):
        call(super().done)

    def retry(self):
        call(super().retry)

    def done_async(self, *arguments):
        """Asynchronous form of done; with arguments, it is the function of C."""
        return super().done_async(*arguments) if arguments else self._later(self.done, _done_async, _done_finish)

    def retry_async(self, *arguments):
        """Asynchronous form of retry; with arguments, it is the function of C."""
        return super().retry_async(*arguments) if arguments else self._later(self.retry, _retry_async, _retry_finish)

    async def _later(self, finish_now, start, finish):
        if self._queue is None:
            finish_now()
        else:
            await self._queue._later(lambda _, *rest: start(self, *rest), lambda _, result: finish(self, result))

    def set_progress(self, fraction, text=None):
        call(super().set_progress, fraction, text)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        self.done() if kind is None else self.retry()

    __repr__ = describing_repr
