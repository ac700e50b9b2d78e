# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools of workers in any language, and the workers."""

import errno
import inspect
import math
import weakref

from gi.repository import Gio, GLib

from .calls import default, described, exception_of_answer, run
from .describing import describing_repr
from .errors import call, exception_of
from .loops import Pause, is_upon_glib, readable, running_loop, take_turn
from .module import Mp, export
from .values import as_path, plain_message, value_of
from .waiting import end_of, left, sleep_until_readable, wait_on

_give = Mp.Pool.give
_submit = Mp.Pool.submit_async
_submit_finish = Mp.Pool.submit_finish
_stop = Mp.Pool.stop_async
_stop_finish = Mp.Pool.stop_finish
_iterate = Mp.Pool.iterate
_is_ready = Mp.Waitable.is_ready
_new_worker = Mp.PoolWorker.new
_get_queue = Mp.PoolWorker.get_queue
_try_get_task = Mp.PoolWorker.try_get_task
_return_value = Mp.PoolTask.return_value
_return_error_literal = Mp.PoolTask.return_error_literal

# The properties that are times.
_TIMES = {'task_timeout', 'grace', 'restart_delay'}


def _microseconds(seconds):
    return -1 if seconds is None else math.ceil(seconds * 1_000_000)


def _variant(value):
    return call(plain_message(value).get_variant)


def _value(variant):
    return value_of(Mp.Message.new_variant(variant))


def _result(pool, result):
    try:
        return _value(_submit_finish(pool, result))
    except GLib.Error as error:
        raise exception_of_answer(error) from None


def _stopped(pool, result):
    call(_stop_finish, pool, result)


def _context_of(pool):
    """Returns the main context for the operations of @pool, so that waiting for them dispatches no
    other sources. All operations share it, since each main context needs descriptors."""
    if pool._context is None:
        pool._context = GLib.MainContext.new()
    return pool._context


class _Operation:
    """An asynchronous function of the library."""

    def __init__(self, pool, start, *arguments, future=None):
        self.pool, self.future, self.cancellable, self.result = pool, future, Gio.Cancellable(), None
        with default(_context_of(pool)):
            start(pool, *arguments, GLib.PRIORITY_DEFAULT, self.cancellable, self._end)

    def _end(self, _, result):
        self.result = result
        if self.future is not None and not self.future.done():
            self.future.set_result(result)

    def cancel(self):
        self.cancellable.cancel()
        _look(self.pool)

    def wait(self, end):
        """Does the work of the pool until the operation is over."""
        try:
            run(_context_of(self.pool))
            while self.result is None:
                if left(end) == 0:
                    raise TimeoutError(errno.ETIMEDOUT, 'The pool was not done in time')
                wait_on(end, _look, self.pool)
        except BaseException:
            self.cancel()
            raise
        return self.result


def _look(pool, us=0):
    """Does the work of the pool, and hands out what it has done."""
    _iterate(pool, us)
    run(_context_of(pool))


class _Driver:
    """Does the work of a pool in an asyncio loop, as long as coroutines wait for it."""

    def __init__(self):
        self.n_waiting, self.task = 0, None

    async def wait(self, loop, operation):
        self.n_waiting += 1
        try:
            if self.task is None:
                self.task = loop.create_task(self._drive(operation.pool))
            return await operation.future
        finally:
            self.n_waiting -= 1
            if operation.result is None:
                operation.cancel()
            if self.n_waiting == 0 and self.task is not None:
                self.task.cancel()
                self.task = None

    async def _drive(self, pool):
        while True:
            _look(pool)
            if not _is_ready(pool):
                await readable(pool)
            else:
                await take_turn()


def _function_of(functions, name):
    try:
        return functions[name]
    except KeyError:
        raise LookupError(f'the worker has no function {name!r}') from None


@export
def pool_work(functions):
    """Does the tasks of a pool until this worker is to end, with the functions by name."""
    for task in call(_new_worker):
        try:
            task.return_value(_function_of(functions, task.get_function())(task.value))
        except Exception as error:
            task.return_error(error)


@export
async def pool_work_async(functions):
    """The same, with functions that may be coroutines."""
    async for task in call(_new_worker):
        try:
            result = _function_of(functions, task.get_function())(task.value)
            task.return_value(await result if inspect.isawaitable(result) else result)
        except Exception as error:
            task.return_error(error)


@export
class Pool(Mp.Pool):
    """Workers, which do tasks in any language; one that dies is replaced, and its task given to
    another one."""

    _context = _drivers = None

    def __init__(self, argv, n_workers=0, **properties):
        """Starts no worker yet.

        @argv: the program of the workers and its arguments
        @n_workers: how many workers; 0 for one for each processor
        @properties: those of Mp.Pool; task_timeout, grace and restart_delay in seconds"""
        for name in _TIMES & properties.keys():
            properties[name] = _microseconds(properties[name])
        argv = [as_path(argument, 'an argument') for argument in argv]
        super().__init__(n_workers=n_workers, **properties)
        self.set_argv(argv)

    def give(self, name, shareable):
        _give(self, name, shareable)

    def submit(self, function, value=None, timeout=None):
        """Has a worker call @function with @value, and returns the result. Raises what the worker
        has raised."""
        end = end_of(timeout)
        return _result(self, _Operation(self, _submit, function, _variant(value)).wait(end))

    def map(self, function, iterable, timeout=None):
        """Has the workers call @function with each item, and yields the results in their order."""
        end = end_of(timeout)
        return self._results([_Operation(self, _submit, function, _variant(value)) for value in iterable], end)

    def _results(self, operations, end):
        operations.reverse()
        try:
            while operations:
                yield _result(self, operations[-1].wait(end))
                operations.pop()
        finally:
            for operation in operations:
                operation.cancel()

    def submit_async(self, function, value=None, *arguments):
        """Asynchronous form of submit; with more arguments, it is the function of C."""
        if arguments:
            return super().submit_async(function, value, *arguments)
        return self._wait(_result, _submit, function, _variant(value))

    def stop(self, finish_tasks=True, timeout=None):
        """Stops the pool, and waits until all workers have ended."""
        _stopped(self, _Operation(self, _stop, finish_tasks).wait(end_of(timeout)))

    def stop_async(self, finish_tasks=True, *arguments):
        if arguments:
            return super().stop_async(finish_tasks, *arguments)
        return self._wait(_stopped, _stop, finish_tasks)

    async def _wait(self, finish, start, *arguments):
        loop = running_loop()
        if loop is None:
            _, result = await Pause(lambda go_on: start(self, *arguments, GLib.PRIORITY_DEFAULT, None, go_on))
            return finish(self, result)
        if is_upon_glib(loop):
            # The main context does the work of the pool.
            future = loop.create_future()
            cancellable = Gio.Cancellable()
            start(self, *arguments, GLib.PRIORITY_DEFAULT, cancellable,
                  lambda _, result: future.done() or future.set_result(result))
            try:
                return finish(self, await future)
            finally:
                cancellable.cancel()
        if self._drivers is None:
            self._drivers = weakref.WeakKeyDictionary()
        driver = self._drivers.setdefault(loop, _Driver())
        operation = _Operation(self, start, *arguments, future=loop.create_future())
        return finish(self, await driver.wait(loop, operation))

    def iterate(self, timeout=None):
        """Does the work of the pool, as a main loop does, and waits for at most @timeout seconds for
        something to do."""
        wait_on(end_of(timeout), _iterate, self)

    def fileno(self):
        return Mp.Waitable.get_fd(self)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *exception):
        self.stop(kind is None)

    __repr__ = describing_repr


@export
class PoolWorker(Mp.PoolWorker):
    """The side of a worker, with the tasks that the pool has for it."""

    def get_task(self, block=True, timeout=None):
        """Returns the next task, or None if there is none in time. Raises OSError when the worker is
        to end."""
        end = end_of(timeout)
        while (task := call(_try_get_task, self)) is None:
            if not block or left(end) == 0:
                return None
            call(wait_on, end, sleep_until_readable, _get_queue(self))
        return task

    def get_task_async(self, *arguments):
        return super().get_task_async(*arguments) if arguments else self._get_task_when_ready()

    async def _get_task_when_ready(self):
        while True:
            await take_turn()
            if (task := call(_try_get_task, self)) is not None:
                return task
            await readable(_get_queue(self))

    def __iter__(self):
        """Yields tasks until the worker is to end."""
        while True:
            try:
                task = _next(self)
            except GLib.Error as error:
                if error.matches(Mp.Error.quark(), Mp.Error.CLOSED):
                    return
                raise exception_of(error) from None
            yield task

    async def __aiter__(self):
        while True:
            await take_turn()
            try:
                task = _try_get_task(self)
            except GLib.Error as error:
                if error.matches(Mp.Error.quark(), Mp.Error.CLOSED):
                    return
                raise exception_of(error) from None
            if task is not None:
                yield task
            else:
                await readable(_get_queue(self))


def _next(worker):
    while (task := _try_get_task(worker)) is None:
        wait_on(None, sleep_until_readable, _get_queue(worker))
    return task


@export
class PoolTask(Mp.PoolTask):
    """A task that is to be answered; one that is dropped is given to another worker."""

    @property
    def value(self):
        """The argument that was submitted."""
        return _value(self.get_argument())

    def return_value(self, obj):
        call(_return_value, self, _variant(obj))

    def return_error(self, error):
        """Makes the task raise @error, an exception."""
        call(_return_error_literal, self, *described(error))

    __repr__ = describing_repr
