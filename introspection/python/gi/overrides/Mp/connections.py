# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections with the methods of multiprocessing.connection.Connection."""

import ctypes
from multiprocessing.context import BufferTooShort
from multiprocessing.reduction import ForkingPickler

from gi.repository import GLib

from .buffers import load_received
from .describing import describing_repr
from .calls import answer_of, call_awaited, call_now, run_calls
from .errors import call, exception_of, is_error, is_timeout
from .loops import end_watches, readable, take_turn, writable
from .module import Mp, export
from .refusal import REMEDY, refusal
from .sharing import reduce
from .values import PLAIN, WIRE_PROTOCOL, check_codec, flat, loads, plain_message, special_message, to_pickle
from .waiting import sleep_until_readable, sleep_until_writable, wait_for

_send_pickle = Mp.Connection.send_pickle
_send_data = Mp.Connection.send_data
_send_pieces = Mp.Connection.send_pieces
_send_message = Mp.Connection.send_message
_try_recv_pickle = Mp.Connection.try_recv_pickle
_try_recv_bytes = Mp.Connection.try_recv_bytes
_try_recv_message = Mp.Connection.try_recv_message
_recv_into_address = Mp.Connection.recv_into_address
_send_shareable = Mp.Connection.send_shareable
_recv_shareable = Mp.Connection.recv_shareable
_connection_flush = Mp.Connection.flush


# The largest limit that the library supports, in bytes.
LARGEST_MESSAGE = 2**40

# In microseconds: how long sending a large message may wait in C. If it has to wait longer, the rest is
# copied, so that signal handlers can run.
PATIENCE = 20_000


def check_message_size(size):
    if size is not None and not 1 <= size <= LARGEST_MESSAGE:
        raise ValueError(f'max_message_size is from 1 to {LARGEST_MESSAGE} bytes')


def _send_parts(connection, data, us, cancellable):
    return _send_pieces(connection, data.addresses, data.sizes, us, cancellable)


def _sending_exception(error, obj, remedy):
    return refusal(obj, error.message, remedy=remedy) if is_error(error, Mp.Error.UNSUPPORTED) else exception_of(error)


@export
class Connection(Mp.Connection):
    """One end of a connection that carries whole messages."""

    _calls = {}
    _codec = None

    # What to do if an object is refused since it is not plain.
    _remedy = REMEDY

    @property
    def codec(self):
        """The codec for objects that are not plain values."""
        return self._codec

    @codec.setter
    def codec(self, codec):
        check_codec(codec)
        self._codec = codec

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        # Messages of multiprocessing and of the package mproc may contain it.
        ForkingPickler.register(cls, cls.__reduce__)

    def __new__(cls, handle, readable=True, writable=True):
        if handle < 0:
            raise ValueError('invalid handle')
        if not readable and not writable:
            raise ValueError('at least one of `readable` and `writable` must be True')
        self = call(cls.new_for_fd, handle, readable, writable)
        if type(self) is not cls:
            self.__class__ = cls
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

    def _send(self, send, data, obj=None):
        """Sends, and lets signal handlers run meanwhile; the rest of a message is sent later."""
        try:
            while not self._send_now(send, data, PATIENCE if send is _send_parts else 0):
                wait_for(sleep_until_writable, None, self)
            if not _connection_flush(self, 0, None):
                wait_for(self._flush, None)
        except GLib.Error as error:
            raise _sending_exception(error, obj, self._remedy) from None

    def _send_now(self, send, data, us=0):
        """Returns whether @data was accepted within @us microseconds; a part that the peer does not read
        yet is kept."""
        try:
            return send(self, data, us, None)
        except GLib.Error as error:
            if not is_timeout(error):
                raise
            return False

    def _flush(self, us):
        return _connection_flush(self, us, None)

    def _recv(self, receive, *arguments):
        """Receives; @receive returns None or no bytes as long as there is no message."""
        try:
            while not (received := receive(self, *arguments)):
                wait_for(sleep_until_readable, None, self)
            return received
        except GLib.Error as error:
            raise exception_of(error) from None

    def _recv_patiently(self, receive, *arguments):
        """Receives by a function that raises an error if there is no message yet."""
        try:
            while True:
                wait_for(sleep_until_readable, None, self)
                try:
                    return receive(self, *arguments, 0, None)
                except GLib.Error as error:
                    if not is_timeout(error):
                        raise
        except GLib.Error as error:
            raise exception_of(error) from None

    def _encode(self, obj):
        """Returns the function to send with, and the data to send."""
        if self._codec is not None:
            if not hasattr(self._codec, 'encode'):
                return _send_data, self._codec.dumps(obj)
            data, _ = self._codec.encode(obj, b'', self._codec.connection_pickler)
            return _send_data if type(data) is bytes else _send_parts, data
        if type(obj) not in PLAIN and (message := special_message(obj)) is not None:
            return _send_message, message
        return _send_pickle, to_pickle(obj, WIRE_PROTOCOL, self._remedy)

    def send(self, obj):
        """Sends @obj."""
        self._send(*self._encode(obj), obj)

    def recv(self):
        """Receives an object; raises EOFError when the peer has closed."""
        if self._codec is not None:
            self._check(readable=True)
            return self._load(self._recv(_try_recv_message))
        return loads(self._recv(_try_recv_pickle))

    def _load(self, message):
        if hasattr(self._codec, 'encode'):
            return load_received(message, self._codec.loads)
        return self._codec.loads(message.get_data())

    def send_bytes(self, buffer, offset=0, size=None):
        """Sends bytes of any buffer as one message."""
        self._check(writable=True)
        view = flat(buffer)
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
        # A GLib.Bytes object, so that an empty message differs from no message.
        received = self._recv(_try_recv_bytes, maxlength)
        return received.get_data() or b''

    def recv_bytes_into(self, buffer, offset=0):
        """Receives a message into a writable buffer, and returns its length."""
        self._check(readable=True)
        view = flat(buffer)
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
        """Passes a queue or a connection to the process at the other end."""
        self._send(_send_shareable, shareable)

    def recv_shareable(self):
        """Receives a queue or a connection."""
        made = self._recv_patiently(_recv_shareable)
        if self._codec is not None:
            made.codec = self._codec
        return made

    def poll(self, timeout=0.0):
        """Returns whether there is something to receive within @timeout seconds."""
        self._check(readable=True)
        try:
            return wait_for(sleep_until_readable, timeout, self)
        except GLib.Error as error:
            raise exception_of(error) from None

    def recv_async(self, *arguments):
        """Receives an object asynchronously; with arguments, it is the function of C."""
        return super().recv_async(*arguments) if arguments else self._recv_when_ready()

    async def _recv_when_ready(self):
        # An incomplete message does not block the loop.
        if self._codec is not None:
            return self._load(await self._take_when_ready(_try_recv_message))
        return loads(await self._take_when_ready(_try_recv_pickle))

    async def _take_when_ready(self, receive, *arguments):
        await take_turn()
        while not (received := call(receive, self, *arguments)):
            run_calls(self)
            await readable(self)
        run_calls(self)
        return received

    def send_async(self, obj, *arguments):
        """Sends an object asynchronously; with more arguments, it is the function of C."""
        return super().send_async(obj, *arguments) if arguments else self._send_when_ready(obj)

    async def _send_when_ready(self, obj):
        send, data = self._encode(obj)
        await take_turn()
        try:
            while not self._send_now(send, data):
                await writable(self)
            while not _connection_flush(self, 0, None):
                await writable(self)
                # Messages that were kept are dropped when the connection is closed.
                self._check()
        except GLib.Error as error:
            raise _sending_exception(error, obj, self._remedy) from None

    def call(self, obj, timeout=None):
        """Calls the peer with @obj and returns its answer; raises the exception that the peer
        raised.

        The caller's main context is not iterated meanwhile."""
        return answer_of(call_now(self, self._request(obj), timeout), self)

    def call_async(self, obj, *arguments, timeout=None):
        """Calls the peer asynchronously; with more arguments, it is the function of C."""
        return super().call_async(obj, *arguments) if arguments else self._call_when_answered(obj, timeout)

    async def _call_when_answered(self, obj, timeout):
        return answer_of(await call_awaited(self, self._request(obj), timeout), self)

    def _request(self, obj):
        if self._codec is not None:
            raise TypeError('a connection with a codec makes no calls')
        return plain_message(obj)

    def start(self, io_priority=GLib.PRIORITY_DEFAULT_IDLE):
        """Emits `message` for each message and `called` for each call, in this thread's GLib main
        loop."""
        super().start(io_priority)

    def close(self):
        """Closes this end; closing twice is allowed."""
        fd = -1 if self.get_closed() else self.get_fd()
        call(super().close)
        end_watches(fd)
        run_calls(self)

    def fileno(self):
        self._check()
        fd = self.get_fd()
        if fd < 0:
            raise OSError('no descriptor shows what a connection has that reads ahead')
        return fd

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    __repr__ = describing_repr

    def __reduce__(self):
        return reduce(self, self._codec, [self.fileno()])


ForkingPickler.register(Connection, Connection.__reduce__)


def as_python(connection, codec, max_message_size=None):
    connection.set_format(Mp.Format.PICKLE)
    connection.codec = codec
    if max_message_size is not None:
        connection.set_max_message_size(max_message_size)
    return connection


@export
def Pipe(duplex=True, *, codec=None):
    """Returns two connected ends; unless @duplex, the first receives and the second sends."""
    ends = call(Mp.pipe, duplex)[-2:]
    return as_python(ends[0], codec), as_python(ends[1], codec)
