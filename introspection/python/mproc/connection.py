# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections with the methods of those of multiprocessing.connection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from multiprocessing.connection import answer_challenge as answer_challenge
from multiprocessing.connection import deliver_challenge as deliver_challenge
from multiprocessing.context import AuthenticationError as AuthenticationError
from multiprocessing.context import BufferTooShort as BufferTooShort
from typing import Any, TypeVar

from .library import Mp, describe
from .objects import objects, pipe_objects, remote_objects

__all__ = ['Client', 'Connection', 'Listener', 'Pipe', 'wait']

# The largest limit that the library supports, in bytes.
_NO_LIMIT = 2**40

_NEEDS_KEY = 'without authkey= at both ends, a connection accepts only plain values'

C = TypeVar('C', bound='Connection')
L = TypeVar('L', bound='Listener')


class Connection:
    """One end of a connection that carries whole objects or whole blocks of bytes."""

    def __init__(self, handle: int, readable: bool = True, writable: bool = True) -> None:
        """Takes ownership of the descriptor @handle of a socket or a pipe."""
        self._connection = Mp.Connection(handle, readable, writable)
        self._connection.codec = objects

    @property
    def closed(self) -> bool:
        """Whether this end is closed."""
        return self._connection.closed

    @property
    def readable(self) -> bool:
        """Whether this end can receive."""
        return self._connection.readable

    @property
    def writable(self) -> bool:
        """Whether this end can send."""
        return self._connection.writable

    def fileno(self) -> int:
        """Returns the descriptor."""
        return self._connection.fileno()

    def close(self) -> None:
        """Closes this end; closing twice is allowed."""
        self._connection.close()

    def send(self, obj: Any) -> None:
        """Sends @obj; raises TypeError if it cannot be pickled, and OSError if the other end is
        closed."""
        self._connection.send(obj)

    def recv(self) -> Any:
        """Waits for an object and returns it; raises EOFError when the other end is closed."""
        return self._connection.recv()

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Sends bytes of any buffer as one message."""
        self._connection.send_bytes(buf, offset, size)

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Receives a message as bytes; a longer one than @maxlength raises OSError."""
        return self._connection.recv_bytes(maxlength)

    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        """Receives a message into a writable buffer, and returns how many bytes it has.

        A buffer that is too small raises BufferTooShort, which holds the message."""
        return self._connection.recv_bytes_into(buf, offset)

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Returns whether there is something to receive, within @timeout seconds; None: for ever."""
        return self._connection.poll(timeout)

    async def send_async(self, obj: Any) -> None:
        """Sends @obj, under asyncio."""
        await self._connection.send_async(obj)

    async def recv_async(self) -> Any:
        """Waits for an object and returns it, under asyncio."""
        return await self._connection.recv_async()

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __getstate__(self) -> Any:
        return self.__dict__

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)
        if self._connection.codec is None:
            self._connection._remedy = _NEEDS_KEY

    def __repr__(self) -> str:
        return describe(type(self), self._connection)


def _wrap(made: Any, codec: Any) -> Connection:
    connection = Connection.__new__(Connection)
    made.codec = codec
    connection.__setstate__({'_connection': made})
    return connection


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Returns two connected ends; unless @duplex, the first receives and the second sends."""
    first, second = Mp.Pipe(duplex)
    # Both ends are trusted, so only memory is the limit.
    first.set_max_message_size(_NO_LIMIT)
    second.set_max_message_size(_NO_LIMIT)
    return _wrap(first, pipe_objects), _wrap(second, pipe_objects)


def _codec_for(made: Any, authkey: bytes | None) -> Any:
    """Returns a codec for any objects if the peer has proved to have the key, or runs as the same
    user, else None: only plain values."""
    credentials = made.get_peer_credentials()
    if credentials is None:
        return None if authkey is None else remote_objects
    return None if authkey is None and credentials.get_unix_user() != os.getuid() else objects


class Listener:
    """A socket that accepts connections, also from programs that use multiprocessing.

    Any objects are received from a peer that has proved to have @authkey, or, over a Unix socket,
    from a process of the same user. With other peers, only plain values can be exchanged."""

    def __init__(self, address: Any = None, family: str | None = None, backlog: int = 1,
                 authkey: bytes | None = None, *, max_message_size: int | None = None) -> None:
        """Binds to @address: a path, a tuple of host and port, or None for a fresh one.

        @family: 'AF_INET' or 'AF_UNIX'; by default what @address is
        @backlog: how many connections wait at most
        @authkey: what both ends have to have
        @max_message_size: the largest message that is sent or received, in bytes; by default 64 MiB"""
        self._listener = Mp.Listener(address, family, backlog, authkey, max_message_size=max_message_size)
        self._authkey = authkey

    def accept(self, timeout: float | None = None) -> Connection:
        """Waits for a peer, and returns the connection; raises AuthenticationError for a peer that
        does not have the key, and TimeoutError if there was none within @timeout seconds."""
        made = self._listener.accept(timeout)
        return _wrap(made, _codec_for(made, self._authkey))

    async def accept_async(self) -> Connection:
        """Waits for a peer, under asyncio."""
        made = await self._listener.accept_async()
        return _wrap(made, _codec_for(made, self._authkey))

    def close(self) -> None:
        """Stops listening; accepted connections stay open."""
        self._listener.close()

    @property
    def address(self) -> Any:
        """The address for clients."""
        return self._listener.address

    @property
    def last_accepted(self) -> Any:
        """The address of the peer that was accepted last, or None."""
        return self._listener.last_accepted

    def fileno(self) -> int:
        """Returns a descriptor that is readable when there may be a peer."""
        return self._listener.fileno()

    def __enter__(self: L) -> L:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return describe(type(self), self._listener)


def Client(address: Any, family: str | None = None, authkey: bytes | None = None, *,
           max_message_size: int | None = None) -> Connection:
    """Returns a connection to the Listener at @address; see there which objects can be exchanged, and
    how large messages may be."""
    made = Mp.Client(address, family, authkey, max_message_size=max_message_size)
    return _wrap(made, _codec_for(made, authkey))


def wait(object_list: Iterable[Any], timeout: float | None = None) -> list[Any]:
    """Returns those of @object_list that are ready, as soon as one is, or [] after @timeout seconds.

    They may be connections, queues, listeners, sentinels of processes, sockets, descriptors, or
    anything with a fileno ()."""
    object_of = {}
    for obj in object_list:
        inner = _unwrap(obj)
        if inner in object_of:
            raise KeyError('an object is in the list twice')
        object_of[inner] = obj
    return [object_of[ready] for ready in Mp.wait(list(object_of), timeout)]


def _unwrap(obj: Any) -> Any:
    for name in ('_connection', '_queue', '_listener'):
        inner = getattr(obj, name, None)
        if isinstance(inner, Mp.Waitable):
            return inner
    return obj
