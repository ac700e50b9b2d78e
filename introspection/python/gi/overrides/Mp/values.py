# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conversion between Python values and messages."""

import os
from multiprocessing import context
from pickle import dumps, loads

from gi.repository import GLib, GObject

from .buffers import CODEC, load_array, load_pieces, opaque_message
from .module import Mp
from .refusal import REMEDY, UNPICKLABLE, refusal

NONE = int(Mp.Format.NONE)
GVARIANT = int(Mp.Format.GVARIANT)
BYTES = int(Mp.Format.BYTES)
PICKLE = int(Mp.Format.PICKLE)
OPAQUE = int(Mp.Format.OPAQUE)

# Both ends of a queue use this library, which reads every protocol; the peer of a connection may be
# an older Python.
QUEUE_PROTOCOL = 5
WIRE_PROTOCOL = 4

# Types that the pickler writes as plain values, or of which it refuses items itself.
PLAIN = frozenset({dict, list, tuple, str, int, float, bool, type(None), set, frozenset, bytearray})


def as_path(path, what):
    """Returns what C gets as a file name, which may be any bytes; @what says what it is."""
    path = os.fsdecode(path)
    if '\0' in path:
        raise ValueError(f'embedded null character in {what}')
    return path


def check_codec(codec):
    if codec is not None and not (hasattr(codec, 'dumps') and hasattr(codec, 'loads')):
        raise TypeError('a codec has to have dumps and loads')


def codec_name(codec):
    return None if codec is None else getattr(codec, '__name__', type(codec).__name__)


def to_pickle(obj, protocol, remedy=REMEDY):
    try:
        return dumps(obj, protocol)
    except UNPICKLABLE as error:
        raise refusal(obj, error, remedy=remedy) from None


def special_message(obj):
    """Returns a message for an object that is not sent as a pickle, or None."""
    if isinstance(obj, Mp.Message):
        return obj
    if isinstance(obj, GLib.Variant):
        return Mp.Message.new_variant(obj)
    if isinstance(obj, memoryview):
        return Mp.Message.new_data(bytes(obj))
    if isinstance(obj, Mp.Shareable):
        context.assert_spawning(obj)
    if isinstance(obj, GObject.Object):
        return Mp.Message.new_object(obj)
    return None


def plain_message(obj):
    """Returns a message with @obj for a connection, whose peer may be an older Python."""
    message = None if type(obj) in PLAIN else special_message(obj)
    return Mp.Message.new_pickle(to_pickle(obj, WIRE_PROTOCOL)) if message is None else message


def message_of(data, kind):
    """Returns the result of Queue._encode () as a message."""
    if kind is None:
        return data
    if kind == PICKLE:
        return Mp.Message.new_pickle(data)
    if kind == BYTES:
        return Mp.Message.new_data(data)
    return opaque_message(data) if type(data) is bytes else data.as_message()


def value_of(message, codec=None):
    """Returns the content of @message as a Python value."""
    kind = message.get_format()
    if kind == Mp.Format.BYTES:
        return message.get_bytes().get_data()
    if kind == Mp.Format.OPAQUE:
        name = message.get_codec()
        if name == CODEC and codec_name(codec) == 'pickle':
            return load_pieces(message)
        if name != codec_name(codec):
            raise TypeError(f'the message is opaque: reading it needs the codec {name!r}')
        return codec.loads(message.get_bytes().get_data())
    if kind == Mp.Format.GVARIANT and codec_name(codec) == 'pickle' and (array := load_array(message)) is not None:
        return array
    return loads(message.get_pickle())


def flat(buffer):
    """Returns a view of the bytes of any buffer, without a copy."""
    view = memoryview(buffer)
    return view if view.itemsize == 1 and view.ndim == 1 and view.contiguous else _cast(view)


def _cast(view):
    return view.cast('B') if view.contiguous else memoryview(view.tobytes())
