# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues and connections under the names and with the manners of multiprocessing.

A value crosses the bridge as a pickle: Python's own pickler is several times as fast as
building a GLib.Variant, and the library reads, checks and converts pickles itself. It never
executes one, and what pickle.loads () is given here has passed its check.
"""

import collections
import concurrent.futures
import ctypes
import errno
import functools
import importlib
import math
import os
import pickle
import sys
import time
import types
import weakref
from multiprocessing import context as _context
from multiprocessing import reduction as _reduction
from multiprocessing.context import AuthenticationError, BufferTooShort
from queue import Empty, Full

from gi.module import get_introspection_module
from gi.overrides import override
from gi.repository import Gio, GLib, GObject

Mp = get_introspection_module('Mp')

__all__ = ['AuthenticationError', 'BufferTooShort', 'Empty', 'Full']

# A blocking call comes back this often, in microseconds, to let a handler run whose signal
# came just before the call slept. Signals that come later end the sleep themselves.
_SLICE = 1_000_000

_BYTES = int(Mp.Format.BYTES)
_PICKLE = int(Mp.Format.PICKLE)
_OPAQUE = int(Mp.Format.OPAQUE)

# Both ends are of this library and read every protocol; the peer of a connection may be an
# older Python.
_QUEUE_PROTOCOL = 5
_WIRE_PROTOCOL = 4

# Types of which the pickler makes plain values, or refuses an item by itself.
_PLAIN = frozenset({dict, list, tuple, str, int, float, bool, type(None), set, frozenset, bytearray})

_dumps = pickle.dumps
_loads = pickle.loads
_monotonic = time.monotonic


# --- Errors ------------------------------------------------------------------------------

_ERRNO = {
    Gio.IOErrorEnum.NOT_FOUND: errno.ENOENT,
    Gio.IOErrorEnum.EXISTS: errno.EEXIST,
    Gio.IOErrorEnum.PERMISSION_DENIED: errno.EACCES,
    Gio.IOErrorEnum.ADDRESS_IN_USE: errno.EADDRINUSE,
    Gio.IOErrorEnum.CONNECTION_REFUSED: errno.ECONNREFUSED,
    Gio.IOErrorEnum.CONNECTION_CLOSED: errno.ECONNRESET,
    Gio.IOErrorEnum.HOST_NOT_FOUND: errno.EHOSTUNREACH,
    Gio.IOErrorEnum.HOST_UNREACHABLE: errno.EHOSTUNREACH,
    Gio.IOErrorEnum.NETWORK_UNREACHABLE: errno.ENETUNREACH,
    Gio.IOErrorEnum.NO_SPACE: errno.ENOSPC,
    Gio.IOErrorEnum.TOO_MANY_OPEN_FILES: errno.EMFILE,
    Gio.IOErrorEnum.INVALID_ARGUMENT: errno.EINVAL,
    Gio.IOErrorEnum.FILENAME_TOO_LONG: errno.ENAMETOOLONG,
}

# The exception for each error of the library, and multiprocessing's own words where it has some.
_EXCEPTIONS = {
    Mp.Error.EMPTY: (Empty, ''),
    Mp.Error.FULL: (Full, ''),
    Mp.Error.CLOSED: (OSError, 'handle is closed'),
    Mp.Error.END_OF_STREAM: (EOFError, ''),
    Mp.Error.TRUNCATED: (OSError, 'got end of file during message'),
    Mp.Error.TOO_LARGE: (OSError, None),
    Mp.Error.BUFFER_TOO_SHORT: (BufferTooShort, None),
    Mp.Error.NOT_READABLE: (OSError, 'connection is write-only'),
    Mp.Error.NOT_WRITABLE: (OSError, 'connection is read-only'),
    Mp.Error.AUTHENTICATION_FAILED: (AuthenticationError, None),
    Mp.Error.INVALID_MESSAGE: (ValueError, None),
    Mp.Error.UNSUPPORTED: (TypeError, None),
    Mp.Error.TOO_MANY_DONE: (ValueError, None),
    Mp.Error.STALE: (ValueError, None),
    Mp.Error.DAMAGED: (OSError, None),
}

_EXCEPTIONS = {int(code): exception for code, exception in _EXCEPTIONS.items()}
_ERRNO = {int(code): number for code, number in _ERRNO.items()}
_MP_ERROR = GLib.quark_to_string(Mp.Error.quark())
_IO_ERROR = GLib.quark_to_string(Gio.io_error_quark())


def _is(error, code):
    return error.code == code and error.domain == _MP_ERROR


def _is_timeout(error):
    return error.code == Gio.IOErrorEnum.TIMED_OUT and error.domain == _IO_ERROR


def _exception(error):
    """Returns what Python programs expect in the place of a GLib.Error."""
    if error.domain == _MP_ERROR:
        kind, words = _EXCEPTIONS[error.code]
        words = error.message if words is None else words
        return kind(words) if words else kind()
    if error.domain == _IO_ERROR:
        if error.code == Gio.IOErrorEnum.TIMED_OUT:
            return TimeoutError(errno.ETIMEDOUT, error.message)
        if error.code != Gio.IOErrorEnum.CANCELLED:
            number = _ERRNO.get(error.code)
            return OSError(number, error.message) if number else OSError(error.message)
    return error


def _call(function, *arguments):
    try:
        return function(*arguments)
    except GLib.Error as error:
        raise _exception(error) from None


# --- Waiting -------------------------------------------------------------------------------

def _microseconds(timeout):
    """Returns how long to sleep at most, in one go, of @timeout seconds."""
    if timeout is None or timeout * 1_000_000 >= _SLICE:
        return _SLICE
    return math.ceil(timeout * 1_000_000) if timeout > 0 else 0


def _wait(sleep, timeout):
    """Calls @sleep with microseconds until it says True or the time is over.

    Between two calls Python runs the handlers of the signals that came."""
    if timeout is None:
        while not sleep(_SLICE):
            pass
        return True

    end = _monotonic() + timeout
    while not sleep(_microseconds(timeout)):
        timeout = end - _monotonic()
        if timeout <= 0:
            return sleep(0)
    return True


def _end_of(timeout):
    return None if timeout is None else _monotonic() + timeout


def _left(end):
    return _SLICE if end is None else _microseconds(end - _monotonic())


# --- Values --------------------------------------------------------------------------------

def _unpicklable(obj, error):
    return TypeError(f'{type(obj).__name__!r} object cannot be sent: {error}')


def _check_codec(codec):
    if codec is not None and not (hasattr(codec, 'dumps') and hasattr(codec, 'loads')):
        raise TypeError('a codec has to have dumps and loads')


def _codec_name(codec):
    return None if codec is None else getattr(codec, '__name__', type(codec).__name__)


def _pickle(obj, protocol):
    try:
        return _dumps(obj, protocol)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _unpicklable(obj, error) from None


def _is_plain(obj):
    """Whether a pickle of @obj holds plain values and nothing else."""
    try:
        Mp.Message.new_pickle(_dumps(obj, _QUEUE_PROTOCOL)).get_pickle()
    except (GLib.Error, pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def _special_message(obj):
    """Returns the message of what does not travel as a pickle, or None."""
    if isinstance(obj, Mp.Message):
        return obj
    if isinstance(obj, GLib.Variant):
        return Mp.Message.new_variant(obj)
    if isinstance(obj, memoryview):
        return Mp.Message.new_bytes(GLib.Bytes.new(bytes(obj)))
    if isinstance(obj, Mp.Shareable):
        _context.assert_spawning(obj)
    if isinstance(obj, GObject.Object):
        return Mp.Message.new_object(obj)
    return None


def _message(data, kind):
    """Returns what Queue._encode () has made as a message."""
    if kind is None:
        return data
    return Mp.Message.new_pickle(data) if kind == _PICKLE else Mp.Message.new_bytes(GLib.Bytes.new(data))


def _opaque_message(obj, codec):
    data = codec.dumps(obj)
    return Mp.Message.new_opaque(GLib.Bytes.new(data), _codec_name(codec))


def _value(message, codec=None):
    """Returns what @message holds as a Python value."""
    kind = message.get_format()
    if kind == Mp.Format.BYTES:
        return message.get_bytes().get_data()
    if kind == Mp.Format.OPAQUE:
        name = message.get_codec()
        if name != _codec_name(codec):
            raise TypeError(f'the message is opaque: it takes the codec {name!r} to read it')
        return codec.loads(message.get_bytes().get_data())
    return _loads(message.get_pickle())


def _flat(buffer):
    """Returns a view of the bytes of any buffer, without a copy."""
    view = memoryview(buffer)
    return view if view.itemsize == 1 and view.ndim == 1 and view.contiguous else _cast(view)


def _cast(view):
    return view.cast('B') if view.contiguous else memoryview(view.tobytes())


# --- Being handed to another process ---------------------------------------------------------

def _reduce(shareable, codec, own_fds=None):
    """Describes @shareable, by its own descriptors or else by duplicates of them, which have to
    stay open until the child is started."""
    descriptors = Gio.UnixFDList.new()
    description = _call(shareable.describe, descriptors)
    if own_fds is None:
        own_fds = descriptors.peek_fds()
        popen = _context.get_spawning_popen()
        popen.kept_for_mp = getattr(popen, 'kept_for_mp', []) + [descriptors]
    return _rebuild, (description.print_(True), [_reduction.DupFd(fd) for fd in own_fds], codec)


def _rebuild(description, fds, codec):
    descriptors = Gio.UnixFDList.new()
    for fd in fds:
        fd = fd.detach()
        descriptors.append(fd)
        os.close(fd)
    made = Mp.shareable_open(GLib.Variant.parse(None, description, None, None), descriptors)
    if codec is not None:
        made.codec = importlib.import_module(codec)
    return made


# Pickles find it where the classes are.
_rebuild.__module__ = 'gi.repository.Mp'
__all__.append('_rebuild')


# --- Main loops ------------------------------------------------------------------------------

def _running_loop():
    """Returns the loop of asyncio that runs in this thread, if any."""
    asyncio = sys.modules.get('asyncio')
    return None if asyncio is None else asyncio._get_running_loop()


class _Pause:
    """What a coroutine awaits that run_coroutine () runs: @start is given what goes on, which
    it calls, with whatever arguments, in the main context."""

    def __init__(self, start):
        self.start = start

    def __await__(self):
        return (yield self)


def _dispatch(source, go_on):
    source.set_callback(go_on)
    source.attach(GLib.MainContext.get_thread_default())


async def _readable(waited):
    """Waits until @waited, which has a descriptor and a source, may have something."""
    loop = _running_loop()
    if loop is None:
        await _Pause(lambda go_on: _dispatch(waited.create_source(None), go_on))
    else:
        await _watch(loop, waited.fileno(), loop.add_reader, loop.remove_reader)


async def _writable(waited):
    """Waits until @waited, which has a descriptor, may take something."""
    loop = _running_loop()
    if loop is None:
        await _Pause(lambda go_on: _dispatch(
            GLib.unix_fd_source_new(waited.fileno(), GLib.IOCondition.OUT), go_on))
    else:
        await _watch(loop, waited.fileno(), loop.add_writer, loop.remove_writer)


async def _until(lines, attempt, watch, start, finish):
    """Waits until @attempt says True, under asyncio by what @watch makes, or lets @start and
    @finish of the library do the whole on a GLib main loop."""
    loop = _running_loop()
    if loop is None:
        _, result = await _Pause(lambda go_on: start(GLib.PRIORITY_DEFAULT, None, go_on))
        finish(result)
    else:
        await _in_line(loop, lines, attempt, watch)


class _Line:
    """Those in one loop of asyncio who wait for the same: one watches, the others stand behind,
    so that nobody is overtaken and a thousand need no more descriptors than one."""

    def __init__(self, watch):
        self.watch, self.turn, self.n_members = watch, sys.modules['asyncio'].Lock(), 0


async def _in_line(loop, lines, attempt, watch):
    line = lines.get(loop)
    if line is None:
        line = lines[loop] = _Line(watch())
    line.n_members += 1
    try:
        async with line.turn:
            # After it was asked the descriptor tells of what comes, also between the two.
            line.watch.is_ready()
            while not attempt():
                await _watch(loop, line.watch.get_fd(), loop.add_reader, loop.remove_reader)
                line.watch.is_ready()
    finally:
        line.n_members -= 1
        if line.n_members == 0:
            del lines[loop]


# Who waits for a descriptor in a loop of asyncio, which knows one callback for each.
_watchers = weakref.WeakKeyDictionary()


async def _watch(loop, fd, add, remove):
    watchers = _watchers.setdefault(loop, {}).setdefault((add.__name__, fd), collections.deque())
    future = loop.create_future()
    if not watchers:
        add(fd, _wake_watcher, watchers)
    watchers.append(future)
    try:
        await future
    finally:
        if future in watchers:
            watchers.remove(future)
        if not watchers:
            remove(fd)


def _wake_watcher(watchers):
    """Wakes the first, who takes what is there; if there is more this is called again."""
    for future in watchers:
        if not future.done():
            future.set_result(None)
            return


def run_coroutine(coroutine):
    """Runs @coroutine on the GLib main loop of this thread, and returns its Future.

    It may await what this module gives. Under asyncio no such thing is needed."""
    result = concurrent.futures.Future()

    def go_on(*answer):
        try:
            pause = coroutine.send(answer or None)
        except StopIteration as end:
            result.set_result(end.value)
        except BaseException as error:
            result.set_exception(error)
        else:
            pause.start(go_on)
        return GLib.SOURCE_REMOVE

    go_on()
    return result


__all__.append('run_coroutine')


# --- Queues ----------------------------------------------------------------------------------

_put_loadable = Mp.Queue.put_loadable
_get_loadable = Mp.Queue.get_loadable
_try_put_message = Mp.Queue.try_put_message
_queue_wait = Mp.Queue.wait
_watch_room = Mp.Queue.watch_room
_put_message_async = Mp.Queue.put_message_async
_put_message_finish = Mp.Queue.put_message_finish


class _QueueClosed(ValueError):
    """A queue was shut down and is drained, or this object puts no more."""


class Queue(Mp.Queue):
    """A queue of any number of producers and consumers, in any process that holds it."""

    _closed = False
    _codec = None
    _codec_name = None
    _putters = None

    def __init__(self, maxsize=0, *, codec=None, **properties):
        if maxsize > GLib.MAXUINT32:
            raise OverflowError('maxsize is too large')
        properties.setdefault('max_size', max(0, maxsize))
        super().__init__(**properties)
        if codec is not None:
            self.codec = codec

    @property
    def codec(self):
        """What writes and reads objects that have no place in the table of values."""
        return self._codec

    @codec.setter
    def codec(self, codec):
        _check_codec(codec)
        self._codec, self._codec_name = codec, _codec_name(codec)

    def put(self, obj, block=True, timeout=None):
        """Puts @obj; raises Full if there is no room at once, or within @timeout seconds."""
        kind = type(obj)
        if kind is bytes:
            data, kind = obj, _BYTES
        elif kind in _PLAIN and self._codec is None:
            data, kind = _pickle(obj, _QUEUE_PROTOCOL), _PICKLE
        else:
            data, kind = self._encode(obj)
        try:
            if kind is None:
                self._put_message(data, block, timeout)
            elif not _put_loadable(self, data, kind, 0):
                self._put_patiently(data, kind, block, timeout)
        except GLib.Error as error:
            raise self._exception(error) from None

    def _encode(self, obj):
        """Returns the data and the form of @obj, or a message and None."""
        if isinstance(obj, (bytes, memoryview)):
            return bytes(obj), _BYTES
        message = _special_message(obj)
        if message is None and self._codec is not None and not _is_plain(obj):
            message = _opaque_message(obj, self._codec)
        if message is not None:
            return message, None
        return _pickle(obj, _QUEUE_PROTOCOL), _PICKLE

    def _put_patiently(self, data, kind, block, timeout):
        end = _end_of(timeout)
        us = _left(end) if block else 0
        while us > 0:
            if _put_loadable(self, data, kind, us):
                return
            us = _left(end)
        raise Full

    def _put_message(self, message, block, timeout):
        end = _end_of(timeout)
        room = None
        while not _try_put_message(self, message):
            us = _left(end) if block else 0
            if us == 0:
                raise Full
            room = room or _watch_room(self)
            _wait_interruptible([room], us, None)

    def get(self, block=True, timeout=None):
        """Gets what is next; raises Empty if there is nothing at once, or within @timeout
        seconds."""
        if self._closed:
            raise ValueError(f'Queue {self!r} is closed')
        if not block:
            end, us = None, 0
        elif timeout is None:
            end, us = None, _SLICE
        else:
            end = _monotonic() + timeout
            us = _left(end)
        try:
            while True:
                data, kind = _get_loadable(self, self._codec_name, us)
                if kind == _PICKLE:
                    return _loads(data)
                if kind == _BYTES:
                    return data
                if kind == _OPAQUE:
                    return self._codec.loads(data)
                if us == 0:
                    raise Empty
                us = _left(end)
        except GLib.Error as error:
            raise self._exception(error) from None

    def put_nowait(self, obj):
        self.put(obj, False)

    def get_nowait(self):
        return self.get(False)

    async def _get_when_ready(self):
        while True:
            try:
                return self.get(False)
            except Empty:
                await _readable(self)

    async def _put_when_ready(self, obj):
        data, kind = self._encode(obj)
        try:
            if self._putters or not self._put_now(data, kind):
                await _until(self.__dict__.setdefault('_putters', {}),
                             functools.partial(self._put_now, data, kind),
                             functools.partial(_watch_room, self),
                             functools.partial(_put_message_async, self, _message(data, kind)),
                             functools.partial(_put_message_finish, self))
        except GLib.Error as error:
            raise self._exception(error) from None

    def _put_now(self, data, kind):
        return _try_put_message(self, data) if kind is None else _put_loadable(self, data, kind, 0)

    def get_async(self, *arguments):
        """Returns what is next, to be awaited; with arguments it is the function of C."""
        return super().get_async(*arguments) if arguments else self._get_when_ready()

    def put_async(self, obj, *arguments):
        """Puts @obj, to be awaited; with more arguments it is the function of C."""
        return super().put_async(obj, *arguments) if arguments else self._put_when_ready(obj)

    def qsize(self):
        return self.get_size()

    def empty(self):
        size = self.get_size()
        if size and self._closed:
            raise OSError('handle is closed')
        return size == 0

    def full(self):
        return self.is_full()

    def close(self):
        """Puts and gets no more here; nobody else is affected."""
        self._closed = True
        super().close()

    def shutdown(self, immediate=False):
        """Ends the queue for everybody: puts fail, gets drain what is left and then fail."""
        try:
            super().shutdown(immediate)
        except GLib.Error as error:
            raise self._exception(error) from None

    def join_thread(self):
        """Does nothing: what was put is in the queue when put returns, without a thread."""
        assert self._closed, f'Queue {self!r} not closed'

    def cancel_join_thread(self):
        """Does nothing: there is no thread."""

    def fileno(self):
        return self.get_fd()

    def _exception(self, error):
        if _is(error, Mp.Error.CLOSED):
            return _QueueClosed(f'Queue {self!r} is closed')
        return _exception(error)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __iter__(self):
        """Gets until the queue is shut down."""
        while True:
            try:
                yield self.get()
            except _QueueClosed:
                return

    async def __aiter__(self):
        while True:
            try:
                yield await self._get_when_ready()
            except _QueueClosed:
                return

    def __reduce__(self):
        _context.assert_spawning(self)
        return _reduce(self, self._codec_name)

    __class_getitem__ = classmethod(types.GenericAlias)


Queue = override(Queue)
__all__.append('Queue')


class JoinableQueue(Mp.JoinableQueue):
    """A queue of tasks that knows when all are done, and delivers again what was not."""

    def task_done(self):
        """Says that the oldest task that was got by this object is done."""
        try:
            super().task_done()
        except GLib.Error as error:
            raise self._exception(error) from None

    def join(self, timeout=None):
        """Waits until all that was put is done; raises TimeoutError after @timeout seconds."""
        try:
            if not _wait(lambda us: _wait_done(self, us, None), timeout):
                raise TimeoutError(errno.ETIMEDOUT, 'Some tasks are not done')
        except GLib.Error as error:
            raise self._exception(error) from None

    def join_async(self, *arguments):
        """Waits as join does, to be awaited; with arguments it is the function of C."""
        return super().join_async(*arguments) if arguments else self._join_when_done()

    async def _join_when_done(self):
        try:
            if not _wait_done(self, 0, None):
                await _until(self.__dict__.setdefault('_joiners', {}),
                             functools.partial(_wait_done, self, 0, None),
                             functools.partial(_watch_done, self),
                             functools.partial(_join_async, self),
                             functools.partial(_join_finish, self))
        except GLib.Error as error:
            raise self._exception(error) from None

    def get_task(self, block=True, timeout=None):
        """Gets what is next as a Task, which knows which delivery it is."""
        task = None
        end = _end_of(timeout)
        try:
            while (task := _try_get_task(self)) is None:
                us = _left(end) if block else 0
                if us == 0:
                    raise Empty
                _queue_wait(self, GLib.IOCondition.IN, us, None)
        except GLib.Error as error:
            raise self._exception(error) from None
        task._queue = self
        return task

    def get_task_async(self, *arguments):
        return super().get_task_async(*arguments) if arguments else self._get_task_when_ready()

    async def _get_task_when_ready(self):
        while True:
            try:
                return self.get_task(False)
            except Empty:
                await _readable(self)


_wait_done = Mp.JoinableQueue.wait_done
_watch_done = Mp.JoinableQueue.watch_done
_join_async = Mp.JoinableQueue.join_async
_join_finish = Mp.JoinableQueue.join_finish
_try_get_task = Mp.JoinableQueue.try_get_task
JoinableQueue = override(JoinableQueue)
__all__.append('JoinableQueue')


class Task(Mp.Task):
    """A delivery of a JoinableQueue. Leaving its `with` says that it is done, or, after an
    exception, that somebody else shall try."""

    _queue = None

    @property
    def value(self):
        return _value(self.get_message(), None if self._queue is None else self._queue.codec)

    def done(self):
        _call(super().done)

    def retry(self):
        _call(super().retry)

    def set_progress(self, fraction, text=None):
        _call(super().set_progress, fraction, text)

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        self.done() if kind is None else self.retry()


Task = override(Task)
__all__.append('Task')


class SimpleQueue(Mp.SimpleQueue):
    """A queue with nothing to configure."""

    def __init__(self, *, codec=None, **properties):
        super().__init__(0, codec=codec, **properties)

    def put(self, obj):
        Queue.put(self, obj)

    def get(self):
        return Queue.get(self)

    def get_nowait(self):
        return Queue.get(self, False)

    def put_nowait(self, obj):
        Queue.put(self, obj, False)

    def empty(self):
        if self._closed:
            raise OSError('handle is closed')
        return self.is_empty()


SimpleQueue = override(SimpleQueue)
__all__.append('SimpleQueue')


# --- Connections -------------------------------------------------------------------------------

_send_pickle = Mp.Connection.send_pickle
_send_data = Mp.Connection.send_data
_send_message = Mp.Connection.send_message
_try_recv_pickle = Mp.Connection.try_recv_pickle
_try_recv_bytes = Mp.Connection.try_recv_bytes
_recv_into_address = Mp.Connection.recv_into_address
_send_shareable = Mp.Connection.send_shareable
_recv_shareable = Mp.Connection.recv_shareable
_connection_wait = Mp.Connection.wait
_connection_flush = Mp.Connection.flush


def _sending_exception(error):
    # GLib has one code for it and for a connection that was reset.
    if error.domain == _IO_ERROR and error.code == Gio.IOErrorEnum.BROKEN_PIPE:
        return BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    return _exception(error)


class Connection(Mp.Connection):
    """One end of a connection that carries whole messages."""

    _codec = None
    _codec_name = None
    codec = Queue.codec

    def __new__(cls, handle, readable=True, writable=True):
        if handle < 0:
            raise ValueError('invalid handle')
        if not readable and not writable:
            raise ValueError('at least one of `readable` and `writable` must be True')
        self = _call(cls.new_for_fd, handle, readable, writable)
        self.set_format(Mp.Format.PICKLE)
        return self

    def __init__(self, *arguments, **options):
        pass

    @property
    def closed(self):
        return self.get_closed()

    @property
    def readable(self):
        return self.get_readable()

    @property
    def writable(self):
        return self.get_writable()

    def _check(self, *, readable=False, writable=False):
        if self.get_closed():
            raise OSError('handle is closed')
        if readable and not self.get_readable():
            raise OSError('connection is write-only')
        if writable and not self.get_writable():
            raise OSError('connection is read-only')

    def _send(self, send, data):
        """Sends and lets handlers of signals run meanwhile; what is left follows."""
        try:
            while not self._send_now(send, data):
                _connection_wait(self, GLib.IOCondition.OUT, _SLICE, None)
            while not _connection_flush(self, _SLICE, None):
                pass
        except GLib.Error as error:
            raise _sending_exception(error) from None

    def _send_now(self, send, data):
        """Whether @data was taken; what the peer does not read yet is kept."""
        try:
            return send(self, data, 0, None)
        except GLib.Error as error:
            if not _is_timeout(error):
                raise
            return False

    def _recv(self, receive, *arguments):
        """Receives; @receive gives None or no bytes while nothing is there."""
        try:
            while not (received := receive(self, *arguments)):
                _connection_wait(self, GLib.IOCondition.IN, _SLICE, None)
            return received
        except GLib.Error as error:
            raise _exception(error) from None

    def _recv_patiently(self, receive, *arguments):
        """Receives by a call that has to tell by an error that nothing is there yet."""
        try:
            while True:
                _connection_wait(self, GLib.IOCondition.IN, _SLICE, None)
                try:
                    return receive(self, *arguments, 0, None)
                except GLib.Error as error:
                    if not _is_timeout(error):
                        raise
        except GLib.Error as error:
            raise _exception(error) from None

    def _encode(self, obj):
        """Returns the function that sends what it also returns."""
        if self._codec is not None:
            return _send_data, self._codec.dumps(obj)
        if type(obj) not in _PLAIN and (message := _special_message(obj)) is not None:
            return _send_message, message
        return _send_pickle, _pickle(obj, _WIRE_PROTOCOL)

    def send(self, obj):
        """Sends @obj."""
        self._send(*self._encode(obj))

    def recv(self):
        """Receives an object; raises EOFError when the peer has closed."""
        if self._codec is not None:
            return self._codec.loads(self.recv_bytes())
        return _loads(self._recv(_try_recv_pickle))

    def send_bytes(self, buffer, offset=0, size=None):
        """Sends bytes of any buffer as one message."""
        self._check(writable=True)
        view = _flat(buffer)
        if offset < 0:
            raise ValueError('offset is negative')
        if len(view) < offset:
            raise ValueError('buffer length < offset')
        if size is None:
            size = len(view) - offset
        elif size < 0:
            raise ValueError('size is negative')
        elif offset + size > len(view):
            raise ValueError('buffer length < offset + size')
        whole = type(buffer) is bytes and size == len(buffer)
        self._send(_send_data, buffer if whole else bytes(view[offset:offset + size]))

    def recv_bytes(self, maxlength=None):
        """Receives a message as bytes; a longer one than @maxlength raises OSError."""
        self._check(readable=True)
        if maxlength is not None and maxlength < 0:
            raise ValueError('negative maxlength')
        maxlength = -1 if maxlength is None else maxlength
        # An object, so that an empty message is not taken for none.
        received = self._recv(_try_recv_bytes, maxlength)
        return received.get_data() or b''

    def recv_bytes_into(self, buffer, offset=0):
        """Receives a message into a writable buffer, and returns its length."""
        self._check(readable=True)
        view = _flat(buffer)
        if offset < 0:
            raise ValueError('negative offset')
        if offset > len(view):
            raise ValueError('offset too large')
        memory = (ctypes.c_char * len(view)).from_buffer(view) if len(view) else b''
        address = ctypes.addressof(memory) + offset if len(view) else 0
        try:
            return self._recv_patiently(_recv_into_address, address, len(view) - offset)
        except BufferTooShort:
            raise BufferTooShort(self.recv_bytes()) from None

    def send_shareable(self, shareable):
        """Hands a queue or a connection to the process at the other end."""
        self._send(_send_shareable, shareable)

    def recv_shareable(self):
        """Receives a queue or a connection."""
        return self._recv_patiently(_recv_shareable)

    def poll(self, timeout=0.0):
        """Whether there is something to receive, within @timeout seconds."""
        self._check(readable=True)
        try:
            return _wait(lambda us: _connection_wait(self, GLib.IOCondition.IN, us, None), timeout)
        except GLib.Error as error:
            raise _exception(error) from None

    def recv_async(self, *arguments):
        """Receives an object, to be awaited; with arguments it is the function of C."""
        return super().recv_async(*arguments) if arguments else self._recv_when_ready()

    async def _recv_when_ready(self):
        # A part of a message does not hold up the loop.
        if self._codec is not None:
            received = await self._take_when_ready(_try_recv_bytes, -1)
            return self._codec.loads(received.get_data())
        return _loads(await self._take_when_ready(_try_recv_pickle))

    async def _take_when_ready(self, receive, *arguments):
        while not (received := _call(receive, self, *arguments)):
            await _readable(self)
        return received

    def send_async(self, obj, *arguments):
        """Sends an object, to be awaited; with more arguments it is the function of C."""
        return super().send_async(obj, *arguments) if arguments else self._send_when_ready(obj)

    async def _send_when_ready(self, obj):
        send, data = self._encode(obj)
        try:
            while not self._send_now(send, data):
                await _writable(self)
            while not _connection_flush(self, 0, None):
                await _writable(self)
        except GLib.Error as error:
            raise _sending_exception(error) from None

    def close(self):
        """Closes this end; closing twice is fine."""
        _call(super().close)

    def fileno(self):
        self._check()
        return self.get_fd()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __reduce__(self):
        return _reduce(self, self._codec_name, [self.fileno()])


Connection = override(Connection)
__all__.append('Connection')


def Pipe(duplex=True, *, codec=None):
    """Returns two connected ends; when not @duplex, the first receives and the second sends."""
    ends = _call(Mp.pipe, duplex)[-2:]
    return _as_python(ends[0], codec), _as_python(ends[1], codec)


__all__.append('Pipe')


# --- Listeners -----------------------------------------------------------------------------------

# What the library's own addresses begin with; they are taken as they are.
_SCHEMES = ('unix:', 'unix-abstract:', 'tcp:', 'tls:')


def _library_address(address, family):
    """Returns the library's form of an address of multiprocessing."""
    if family not in (None, 'AF_INET', 'AF_UNIX'):
        raise ValueError(f'Family {family} is not recognized.')
    if isinstance(address, bytes) and address.startswith(b'\0'):
        address = os.fsdecode(address)
    if not address:
        return 'tcp:localhost:0' if family == 'AF_INET' else 'unix:'
    if type(address) is tuple:
        host, port = address[:2]
        return f'tcp:[{host}]:{port}' if ':' in host else f'tcp:{host}:{port}'
    if not isinstance(address, str):
        raise ValueError(f'address type of {address!r} unrecognized')
    if address.startswith('\\\\'):
        raise ValueError('Family AF_PIPE is not recognized.')
    if address.startswith(_SCHEMES):
        return address
    return f'unix-abstract:{address[1:]}' if address[0] == '\0' else f'unix:{address}'


def _python_address(address):
    """Returns what multiprocessing would call an address of the library."""
    scheme, _, rest = address.partition(':')
    if scheme == 'unix-abstract':
        return b'\0' + os.fsencode(rest)
    if scheme == 'unix':
        return rest
    host, _, port = rest.rpartition(':')
    return host.strip('[]'), int(port)


def _library_key(authkey):
    if authkey is None:
        return None
    if not isinstance(authkey, bytes):
        raise TypeError('authkey should be a byte string')
    return GLib.Bytes.new(bytes(authkey))


class Listener(Mp.Listener):
    """A bound socket that accepts connections, also from multiprocessing.connection."""

    _codec = None

    def __init__(self, address=None, family=None, backlog=1, authkey=None, *, codec=None, **properties):
        _check_codec(codec)
        properties.setdefault('legacy_digests', True)
        super().__init__(address=_library_address(address, family), backlog=max(1, backlog),
                         auth_key=_library_key(authkey), **properties)
        self._codec = codec
        _call(self.listen)

    def accept(self, timeout=None):
        """Waits for a peer that has the key; raises AuthenticationError for one that has not,
        and TimeoutError when there was none within @timeout seconds."""
        failures = []
        handler = self.connect('handshake-failed', lambda self, address, error: failures.append(error))
        accepted = None

        def look(us):
            nonlocal accepted
            accepted = _try_accept(self)
            return accepted or failures or (_listener_wait(self, us, None) and False)

        try:
            if not _wait(look, timeout):
                raise TimeoutError(errno.ETIMEDOUT, 'Nobody connected in time')
        except GLib.Error as error:
            raise self._exception(error) from None
        finally:
            self.disconnect(handler)
        if accepted is None:
            raise self._exception(failures[0])
        return _as_python(accepted, self._codec)

    def accept_async(self, *arguments):
        """Accepts a peer, to be awaited; with arguments it is the function of C."""
        return super().accept_async(*arguments) if arguments else self._accept_when_ready()

    async def _accept_when_ready(self):
        while True:
            try:
                accepted = _try_accept(self)
            except GLib.Error as error:
                raise self._exception(error) from None
            if accepted is not None:
                return _as_python(accepted, self._codec)
            await _readable(self)

    def create_source(self, cancellable):
        return GLib.unix_fd_source_new(self.get_fd(), GLib.IOCondition.IN)

    def fileno(self):
        return self.get_fd()

    @property
    def address(self):
        return _python_address(self.get_address())

    @property
    def last_accepted(self):
        address = self.get_last_accepted()
        return None if address is None else _python_address(address)

    def _exception(self, error):
        if _is(error, Mp.Error.CLOSED):
            return OSError('listener is closed')
        return _exception(error)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _as_python(connection, codec):
    connection.set_format(Mp.Format.PICKLE)
    connection.codec = codec
    return connection


_try_accept = Mp.Listener.try_accept
_listener_wait = Mp.Listener.wait
Listener = override(Listener)
__all__.append('Listener')


def Client(address, family=None, authkey=None, *, codec=None, **properties):
    """Returns a connection to the Listener at @address."""
    _check_codec(codec)
    properties.setdefault('legacy_digests', True)
    connector = Mp.Connector(address=_library_address(address, family),
                             auth_key=_library_key(authkey), **properties)
    results, cancellable = [], Gio.Cancellable()
    # A context of its own: it runs nobody else's sources, and signals end its sleep.
    context = GLib.MainContext.new()
    context.push_thread_default()
    try:
        connector.open_async(GLib.PRIORITY_DEFAULT, cancellable, lambda *result: results.append(result[1]))
        while not results:
            context.iteration(True)
        return _as_python(connector.open_finish(results[0]), codec)
    except GLib.Error as error:
        raise _exception(error) from None
    finally:
        cancellable.cancel()
        context.pop_thread_default()


__all__.append('Client')


# --- Waiting for many, and processes -----------------------------------------------------------

def _as_waitable(obj):
    if isinstance(obj, Mp.Waitable):
        if isinstance(obj, Mp.Connection):
            obj._check()
        return obj
    return Mp.Waitable.new_for_fd(obj if isinstance(obj, int) else obj.fileno())


def wait(object_list, timeout=None):
    """Returns those of @object_list that are ready, as soon as one is, or [] when the time is
    over. They may be connections, queues, processes, descriptors, or have a fileno ()."""
    objects = list(object_list)
    waitables = [_as_waitable(obj) for obj in objects]
    of = dict(zip(waitables, objects))
    if len(of) < len(objects) or len(set(map(id, objects))) < len(objects):
        raise KeyError('an object is in the list twice')
    ready = []

    def look(us):
        ready[:] = _wait_interruptible(waitables, us, None)
        return bool(ready)

    try:
        _wait(look, timeout)
    except GLib.Error as error:
        raise _exception(error) from None
    return [of[waitable] for waitable in ready]


_wait_interruptible = Mp.wait_interruptible
__all__.append('wait')


class Process(Mp.Process):
    """A child process that is a program of any language."""

    def __init__(self, argv, **properties):
        super().__init__(argv=[os.fsdecode(argument) for argument in argv], **properties)

    def start(self):
        _call(super().start)

    def join(self, timeout=None):
        """Waits until the process has ended, for at most @timeout seconds."""
        wait([self], timeout)

    def is_alive(self):
        return self.get_alive()

    @property
    def exitcode(self):
        """The exit code, the negative number of the signal that ended it, or None."""
        code = self.get_exit_code()
        return None if code == Mp.PROCESS_STILL_ALIVE else code


Process = override(Process)
__all__.append('Process')


def inherit(name):
    """Returns what the parent process gave to this one as @name."""
    return _call(Mp.inherit, name)


__all__.append('inherit')
