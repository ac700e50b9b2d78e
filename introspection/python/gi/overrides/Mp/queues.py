# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queue with the methods of multiprocessing.Queue."""

import errno
import functools
import types
from multiprocessing import context
from multiprocessing.reduction import ForkingPickler
from queue import Empty, Full

from gi.repository import GLib

from .answers import answered, first_of, is_remote
from .buffers import as_array
from .describing import describing_repr
from .errors import check_texts, exception_of, is_error
from .loops import end_watches, readable, running_loop, take_turn, until, watchers_are_there
from .many import chunks_of, pack_plain, unpack
from .module import Mp, export
from .pickling import encoder_of
from .refusal import UNPICKLABLE, refusal
from .sharing import reduce
from .values import (BYTES, GVARIANT, NONE, OPAQUE, PICKLE, PLAIN, QUEUE_PROTOCOL, check_codec, codec_name, dumps, loads, message_of,
                     special_message, to_pickle, value_of)
from .waiting import (
    SLICE, end_of, is_early, left, microseconds, monotonic, sleep_until_readable, wait_for, wait_on, wait_until,
)

_put_payload = Mp.Queue.put_payload
_put_packed = Mp.Queue.put_packed
_get_packed = Mp.Queue.get_packed
_try_get_message = Mp.Queue.try_get_message
_get_payload = Mp.Queue.get_payload
_set_codec = Mp.Queue.set_codec
_try_put_message = Mp.Queue.try_put_message
_watch_room = Mp.Queue.watch_room
_put_message = Mp.Queue.put_message
_put_message_async = Mp.Queue.put_message_async
_put_message_finish = Mp.Queue.put_message_finish
_get_message_async = Mp.Queue.get_message_async
_get_message_finish = Mp.Queue.get_message_finish
_put_many_async = Mp.Queue.put_many_async
_put_many_finish = Mp.Queue.put_many_finish
_shutdown_async = Mp.Queue.shutdown_async
_shutdown_finish = Mp.Queue.shutdown_finish
_clear_async = Mp.Queue.clear_async
_clear_finish = Mp.Queue.clear_finish

# The formats that can be read without conversion.
_ACCEPTED = int(Mp.Formats.BYTES | Mp.Formats.PICKLE | Mp.Formats.OPAQUE)
_ARRAYS = int(Mp.Formats.ARRAYS)

# How long calls without a timeout of their own wait for a lock, in seconds.
_LOCK_TIMEOUT = 1


def with_count(error, n_put):
    error.n_put = n_put
    return error


class QueueClosed(ValueError):
    """The queue was shut down and is drained."""


class HandleClosed(OSError, ValueError):
    """This object was closed: ValueError as in multiprocessing, and OSError as for connections."""


@export
class Queue(Mp.Queue):
    """A queue for any number of producers and consumers, in any processes that have it open."""

    _accepted = _ACCEPTED
    _closed = False
    _codec = None
    _codec_name = None
    _encoder = None
    _prefix = None
    _putters = None
    _remote = None
    _left = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        # Messages of multiprocessing and of the package mproc may contain it.
        ForkingPickler.register(cls, reduce_queue)

    def __init__(self, maxsize=0, *, codec=None, **properties):
        if maxsize > GLib.MAXUINT32:
            raise OverflowError('maxsize is too large')
        check_texts(*properties.values())
        properties.setdefault('max_size', max(0, maxsize))
        super().__init__(**properties)
        # A constructor of GObject cannot fail, so a queue without memory tells it when it is used.
        try:
            sleep_until_readable(self, 0)
        except GLib.Error as error:
            raise self._exception(error) from None
        if codec is not None:
            self.codec = codec

    @property
    def codec(self):
        """The codec for objects that are not plain values."""
        return self._codec

    @codec.setter
    def codec(self, codec):
        check_codec(codec)
        self._codec, self._codec_name = codec, codec_name(codec)
        _set_codec(self, self._codec_name)
        # Only pickles can contain references to arrays.
        self._accepted = _ACCEPTED | _ARRAYS if self._codec_name == 'pickle' else _ACCEPTED
        if codec is not None:
            self._encoder = encoder_of(codec)
            # An opaque message begins with the name of its codec.
            self._prefix = self._codec_name.encode() + b'\0'

    def _wait_for(self, function, timeout, *arguments):
        if is_remote(self):
            return wait_until(end_of(timeout), function, *arguments)
        return wait_for(function, timeout, *arguments)

    def put(self, obj, block=True, timeout=None):
        """Puts @obj; raises Full if there is no room now, or within @timeout seconds."""
        kind = type(obj)
        if kind is bytes:
            data, kind = obj, BYTES
        elif kind in PLAIN and self._codec is None:
            try:
                data, kind = dumps(obj, QUEUE_PROTOCOL), PICKLE
            except UNPICKLABLE as error:
                raise refusal(obj, error) from None
        else:
            data, kind = self._encode(obj)
            if type(data) is not bytes:
                self._put_parts(obj, data, kind, block, timeout)
                return
        try:
            # After the first call, a queue in memory costs one comparison.
            if self._remote is not False and is_remote(self) or not _put_payload(self, kind, data, 0):
                self._put_patiently(data, kind, block, timeout)
        except GLib.Error as error:
            if not self._puts_as_opaque(error, data, kind, block, timeout):
                raise self._exception(error, obj) from None

    def _put_parts(self, obj, data, kind, block, timeout):
        """Puts a message, or the pieces of one."""
        try:
            if kind is None:
                self._put_message(data, block, timeout)
            else:
                self._put_patiently(data, kind, block, timeout)
        except GLib.Error as error:
            raise self._exception(error, obj) from None

    def _encode(self, obj):
        """Returns the data and the format of @obj, or a message and None."""
        if type(obj) not in PLAIN:
            if self._accepted & _ARRAYS and (array := as_array(obj)) is not None:
                return array, GVARIANT
            if isinstance(obj, memoryview) or self._codec is None and isinstance(obj, bytes):
                return bytes(obj), BYTES
            if (message := special_message(obj)) is not None:
                return message, None
        if self._codec is None:
            return to_pickle(obj, QUEUE_PROTOCOL), PICKLE
        try:
            data, is_plain = self._encoder(obj, self._prefix)
        except UNPICKLABLE as error:
            raise refusal(obj, error, self._codec) from None
        return data, PICKLE if is_plain else OPAQUE

    def _puts_as_opaque(self, error, data, kind, block, timeout):
        """Puts, readable only in Python, an object that the library does not accept as a plain
        value, such as one that is nested too deeply for other languages."""
        if kind != PICKLE or self._codec is None or not is_error(error, Mp.Error.UNSUPPORTED):
            return False
        try:
            self._put_patiently(self._prefix + data, OPAQUE, block, timeout)
        except GLib.Error as error:
            raise self._exception(error) from None
        return True

    def _put_patiently(self, data, kind, block, timeout):
        self._put_or_raise(block, timeout, self._put_within, data, kind)

    def _put_or_raise(self, block, timeout, function, *arguments):
        if self._wait_for(function, timeout if block else 0, *arguments):
            return
        # Programs expect that a queue for any number of objects is never full. What a call that does not
        # wait has found may be a process that holds a lock and does not get to run.
        if block or self.get_max_size() > 0 or self.full() or \
                not self._wait_for(function, _LOCK_TIMEOUT, *arguments):
            raise Full

    def _put_within(self, data, kind, us):
        return _put_payload(self, kind, data, us) if type(data) is bytes else data.put(self, us)

    def _put_message(self, message, block, timeout):
        room = None

        def put(us):
            nonlocal room
            if _try_put_message(self, message):
                return True
            if us != 0:
                room = room or _watch_room(self)
                sleep_until_readable(room, us)
            return False

        try:
            self._put_or_raise(block, timeout, put)
        except Full:
            if self.get_max_size() > 0 and (not block or timeout is not None and timeout <= 0):
                raise
            # Fails with the number of a process that holds a lock, if there is one.
            _put_message(self, message, 0, None)

    def get(self, block=True, timeout=None):
        """Gets the next message; raises Empty if there is none now, or within @timeout seconds."""
        if not block:
            end, us = None, 0
        elif timeout is None:
            end, us = None, SLICE
        else:
            end, us = monotonic() + timeout, microseconds(timeout)
        try:
            if us and self._remote is not False and is_remote(self):
                us, (data, kind) = wait_on(end, _get_payload, self, self._accepted)
            else:
                try:
                    data, kind = _get_payload(self, self._accepted, us)
                except GLib.Error as error:
                    if not is_early(error, us):
                        raise
                    data, kind = None, NONE
            while True:
                if kind == PICKLE:
                    return loads(data)
                if kind == BYTES:
                    return data
                if kind == OPAQUE and (data or not self._accepted & _ARRAYS):
                    return self._codec.loads(data)
                if kind != NONE:
                    break
                if us == 0:
                    raise Empty
                us, (data, kind) = wait_on(end, _get_payload, self, self._accepted)
        except GLib.Error as error:
            raise self._exception(error) from None
        return self._get_arrays(block, end)

    def _get_arrays(self, block, end):
        """Gets a message with arrays, which are not copied again."""
        try:
            message = _try_get_message(self)
        except GLib.Error as error:
            raise self._exception(error) from None
        if message is None:
            # Another consumer was faster.
            return self.get(block, left(end))
        return value_of(message, self._codec)

    def put_many(self, iterable, timeout=None):
        """Puts all objects of @iterable in few steps; raises Full if there is no room for one
        within @timeout seconds. The attribute `n_put` of this and of other exceptions of the queue is
        the number of objects that were put.

        If iterating raises an exception, the objects before it are put."""
        end = end_of(timeout)
        n_put = 0
        for chunk in chunks_of(iterable):
            try:
                self._put_chunk(chunk, end)
            except Exception as error:
                error.n_put = n_put + getattr(error, 'n_put', 0)
                raise
            n_put += len(chunk)

    def _put_chunk(self, chunk, end):
        packed = pack_plain(chunk)
        if packed is None:
            self._put_one_by_one(chunk, end)
            return
        first = 0

        def put(us):
            nonlocal first
            done, n = _put_packed(self, packed, first, us)
            first += n
            return done

        try:
            if not self._wait_for(put, left(end)):
                raise with_count(Full(), first)
        except GLib.Error as error:
            raise with_count(self._exception(error), first) from None

    def _put_one_by_one(self, chunk, end):
        for i, obj in enumerate(chunk):
            try:
                self.put(obj, True, left(end))
            except Exception as error:
                error.n_put = i
                raise

    def get_many(self, max=None, timeout=None):
        """Waits for the first object, and returns a list of it and further available ones, at most
        @max; raises Empty if there is none within @timeout seconds."""
        if max is not None and max < 1:
            raise ValueError('max has to be at least 1')
        end = end_of(timeout)
        try:
            packed = self._wait_for(_get_packed, timeout, self, self._accepted, max or 0)
        except GLib.Error as error:
            raise self._exception(error) from None
        if not packed:
            raise Empty
        return unpack(packed, self._codec and self._codec.loads) or [self._get_arrays(True, end)]

    def put_nowait(self, obj):
        self.put(obj, False)

    def get_nowait(self):
        return self.get(False)

    async def _later(self, start, finish, *arguments, give_up=None):
        """Awaits an asynchronous function of the library."""
        try:
            return await answered(self, functools.partial(start, self, *arguments), functools.partial(finish, self), give_up)
        except GLib.Error as error:
            raise self._exception(error) from None

    async def _get_from_server(self):
        """What a cancelled call has got is for the next one."""
        if self._left:
            return value_of(self._left.pop(0), self._codec)
        message = await self._later(_get_message_async, _get_message_finish, give_up=self._keep)
        return value_of(message, self._codec)

    def _keep(self, message):
        self._left = [*self._left, message]

    async def _get_when_ready(self):
        if is_remote(self):
            return await self._get_from_server()
        while True:
            await take_turn()
            try:
                return self.get(False)
            except Empty:
                await readable(self)

    async def _put_when_ready(self, obj):
        data, kind = self._encode(obj)
        if is_remote(self):
            message = data if kind is None else message_of(data, kind)
            await self._later(_put_message_async, _put_message_finish, message)
            return
        await take_turn()
        try:
            if self._putters or not self._put_now(data, kind):
                await until(self.__dict__.setdefault('_putters', {}),
                            functools.partial(self._put_now, data, kind),
                            functools.partial(_watch_room, self),
                            functools.partial(_put_message_async, self, message_of(data, kind)),
                            functools.partial(_put_message_finish, self))
        except GLib.Error as error:
            raise self._exception(error) from None

    def _put_now(self, data, kind):
        return _try_put_message(self, data) if kind is None else self._put_within(data, kind, 0)

    def get_async(self, *arguments):
        """Gets the next object asynchronously; with arguments, it is the function of C."""
        return super().get_async(*arguments) if arguments else self._get_when_ready()

    def put_async(self, obj, *arguments):
        """Puts @obj asynchronously; with more arguments, it is the function of C."""
        return super().put_async(obj, *arguments) if arguments else self._put_when_ready(obj)

    async def put_many_async(self, iterable):
        """Puts all objects of @iterable in their order."""
        if not is_remote(self):
            for obj in iterable:
                await self._put_when_ready(obj)
            return
        messages = [data if kind is None else message_of(data, kind) for data, kind in map(self._encode, iterable)]
        await self._later(_put_many_async, _put_many_finish, messages)

    async def get_many_async(self, max=64):
        """Waits for the first object, and returns a list of it and further available ones, at most
        @max."""
        if not is_remote(self):
            first = await self._get_when_ready()
            try:
                return [first, *self.get_many(max - 1, 0)] if max > 1 else [first]
            except (Empty, QueueClosed, OSError):
                # The first is not to be lost because there are no more.
                return [first]
        if running_loop() is None:
            return [await self._get_from_server()]
        return await first_of([self._get_from_server() for _ in range(max)])

    def clear_async(self, *arguments):
        """Asynchronous form of clear; with arguments, it is the function of C."""
        return super().clear_async(*arguments) if arguments else self._later(_clear_async, _clear_finish)

    def shutdown_async(self, immediate=False, *arguments):
        """Asynchronous form of shutdown; with more arguments, it is the function of C."""
        return super().shutdown_async(immediate, *arguments) if arguments else \
            self._later(_shutdown_async, _shutdown_finish, immediate)

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
        """Closes this object only; other objects and processes are not affected."""
        self._closed = True
        super().close()
        if watchers_are_there():
            end_watches(self.get_fd())
            for line in (self._putters or {}).values():
                end_watches(line.watch.get_fd())

    def start(self, io_priority=GLib.PRIORITY_DEFAULT_IDLE):
        """Emits `message` for each message, in this thread's GLib main loop."""
        super().start(io_priority)

    def shutdown(self, immediate=False):
        """Ends the queue for all processes: puts fail, and gets fail once no messages are left."""
        try:
            super().shutdown(immediate)
        except GLib.Error as error:
            raise self._exception(error) from None

    def join_thread(self):
        """Does nothing: put does not return before the object is in the queue, and there is no
        thread."""
        assert self._closed, f'Queue {self!r} not closed'

    def cancel_join_thread(self):
        """Does nothing: there is no thread."""

    def fileno(self):
        fd = self.get_fd()
        if fd < 0:
            raise OSError(errno.EMFILE, 'No descriptor shows whether the queue has messages')
        return fd

    def _exception(self, error, obj=None):
        if is_error(error, Mp.Error.CLOSED):
            kind = HandleClosed if self._closed else QueueClosed
            return kind(f'Queue {self!r} is closed')
        if obj is not None and is_error(error, Mp.Error.UNSUPPORTED):
            return refusal(obj, error.message)
        return exception_of(error)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __iter__(self):
        """Gets until the queue is shut down."""
        while True:
            try:
                yield self.get()
            except QueueClosed:
                return

    async def __aiter__(self):
        while True:
            try:
                yield await self._get_when_ready()
            except QueueClosed:
                return

    __repr__ = describing_repr

    def __reduce__(self):
        context.assert_spawning(self)
        return reduce_queue(self)

    __class_getitem__ = classmethod(types.GenericAlias)


def reduce_queue(queue):
    return reduce(queue, queue.codec)


# Messages of multiprocessing and of the package mproc may contain queues.
ForkingPickler.register(Queue, reduce_queue)
