# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calling the peer of a connection, and answering its calls."""

import builtins
import contextlib
import weakref

from gi.repository import Gio, GLib

from .errors import call, exception_of, is_error
from .loops import Pause, readable, running_loop, writable
from .module import Mp, export
from .values import plain_message, value_of
from .waiting import iterate_until

_start = Mp.Connection.call_message_async
_finish = Mp.Connection.call_message_finish
_flush = Mp.Connection.flush
_return_message = Mp.Invocation.return_message
_return_error_literal = Mp.Invocation.return_error_literal

# The domain of an exception of Python is this and the name of its class.
_PYTHON = 'python.'


def _microseconds(timeout):
    return -1 if timeout is None else max(0, round(timeout * 1_000_000))


def exception_of_answer(error):
    """Returns the exception that the peer raised, if it is a built-in one."""
    if not is_error(error, Mp.Error.REMOTE) and not error.domain.startswith(_PYTHON):
        return exception_of(error)
    domain, message = (error.domain, error.message) if error.domain.startswith(_PYTHON) \
        else error.message.split(': ', 1)
    kind = getattr(builtins, domain[len(_PYTHON):], None) if domain.startswith(_PYTHON) else None
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError):
            return kind(message)
    return RuntimeError(f'{domain}: {message}')


def described(error):
    """Returns domain, code and message of an exception, for another process."""
    if isinstance(error, GLib.Error):
        return error.domain, error.code, error.message
    return _PYTHON + type(error).__name__, 0, str(error)


def answer_of(result, connection):
    try:
        return value_of(_finish(connection, result))
    except GLib.Error as error:
        raise exception_of_answer(error) from None


@contextlib.contextmanager
def default(context):
    context.push_thread_default()
    try:
        yield
    finally:
        context.pop_thread_default()


def call_now(connection, message, timeout):
    # In a private main context, so that no other sources are dispatched and signals end the sleep.
    results, cancellable, context = [], Gio.Cancellable(), GLib.MainContext.new()
    with default(context):
        _start(connection, message, _microseconds(timeout), GLib.PRIORITY_DEFAULT, cancellable,
               lambda *result: results.append(result[1]))
        try:
            iterate_until(context, results)
        except BaseException:
            cancellable.cancel()
            run(context)
            raise
    return results[0]


async def call_awaited(connection, message, timeout):
    cancellable, us = Gio.Cancellable(), _microseconds(timeout)
    loop = running_loop()
    if loop is None:
        _, result = await Pause(lambda go_on: _start(
            connection, message, us, GLib.PRIORITY_DEFAULT, cancellable, go_on))
        return result
    return await _calls_of(connection, loop).make(loop, connection, message, us, cancellable)


def run_calls(connection):
    """Delivers answers that another thread has read to the calls that wait for them."""
    for calls in connection._calls.values():
        run(calls.context)


def run(context):
    while context.iteration(False):
        pass


def _calls_of(connection, loop):
    if not connection._calls:
        connection._calls = weakref.WeakKeyDictionary()
    return connection._calls.setdefault(loop, _Calls())


class _Calls:
    """The calls of one connection for which coroutines of one asyncio loop wait.

    They share a main context, which a task iterates when the connection is readable."""

    def __init__(self):
        self.context, self.n_calls, self.reader = GLib.MainContext.new(), 0, None

    async def make(self, loop, connection, message, us, cancellable):
        future = loop.create_future()
        with default(self.context):
            _start(connection, message, us, GLib.PRIORITY_DEFAULT, cancellable,
                   lambda _, result: future.done() or future.set_result(result))
        timer = None if us < 0 else loop.call_later(us / 1_000_000 + 0.001, run, self.context)
        self.n_calls += 1
        try:
            await self._send(connection, future)
            if self.reader is None:
                self.reader = loop.create_task(self._read(connection))
            return await future
        finally:
            self.n_calls -= 1
            if timer is not None:
                timer.cancel()
            cancellable.cancel()
            run(self.context)
            if self.n_calls == 0 and self.reader is not None:
                self.reader.cancel()
                self.reader = None

    async def _send(self, connection, future):
        run(self.context)
        # If the request cannot be sent, the answer is that error.
        with contextlib.suppress(GLib.Error, OSError):
            while not future.done() and not _flush(connection, 0, None):
                await writable(connection)
                run(self.context)

    async def _read(self, connection):
        with contextlib.suppress(OSError):
            while True:
                run(self.context)
                await readable(connection)
        run(self.context)


@export
class Invocation(Mp.Invocation):
    """A call of the peer, to be answered once, now or later."""

    @property
    def value(self):
        """The argument of the call."""
        return value_of(call(self.get_message))

    def return_value(self, obj):
        """Answers the call with @obj."""
        _return_message(self, plain_message(obj))

    def return_error(self, error):
        """Makes the call raise @error, an exception."""
        _return_error_literal(self, *described(error))
