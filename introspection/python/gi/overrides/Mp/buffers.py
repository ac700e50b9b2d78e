# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects with large buffers are sent as a pickle followed by the buffers, and contiguous arrays of
numbers as a description that other languages can read, followed by the numbers.

The former message consists of the name of the codec, the sizes of the pickle and of each buffer, the
pickle, and the buffers, each at a multiple of ALIGNMENT from the beginning.
"""

import ctypes
import itertools
import struct
import sys
from pickle import PickleBuffer, loads

from gi.repository import GLib

from .module import Mp

# The name of the codec of such messages.
CODEC = 'pickle+buffers'

# In bytes; smaller buffers stay in the pickle.
MIN_SIZE = 16384

ALIGNMENT = 64

# The types of numbers that the library knows.
_NUMBERS = frozenset(('|b1', '|i1', '|u1', *map(''.join, itertools.product(
    '<>', ('i2', 'i4', 'i8', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16')))))

_put_pieces = Mp.Queue.put_pieces
_put_array = Mp.Queue.put_array

_PREFIX = CODEC.encode() + b'\0'
_HEAD = struct.Struct('<QQ')


class _PyBuffer(ctypes.Structure):
    _fields_ = [('buf', ctypes.c_void_p), ('obj', ctypes.c_void_p), ('len', ctypes.c_ssize_t),
                ('itemsize', ctypes.c_ssize_t), ('readonly', ctypes.c_int), ('ndim', ctypes.c_int),
                ('format', ctypes.c_char_p), ('shape', ctypes.c_void_p), ('strides', ctypes.c_void_p),
                ('suboffsets', ctypes.c_void_p), ('internal', ctypes.c_void_p)]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = (ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int)
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = (ctypes.POINTER(_PyBuffer),)


def _address_of(view):
    buffer = _PyBuffer()
    _get_buffer(view, buffer, 0)
    try:
        return buffer.buf or 0
    finally:
        _release_buffer(buffer)


def _padding(offset):
    return -offset % ALIGNMENT


class Parts:
    """A message in several buffers, which are not copied into one."""

    def __init__(self, parts):
        self.parts = [part.raw() if type(part) is PickleBuffer else part for part in parts]
        self.addresses = [_address_of(part) for part in self.parts]
        self.sizes = [len(part) for part in self.parts]

    def join(self):
        return b''.join(self.parts)


class Pieces(Parts):
    """A pickle with buffers beside it."""

    def __init__(self, pickle, buffers):
        views = [buffer.raw() for buffer in buffers]
        head = _PREFIX + _HEAD.pack(len(pickle), len(views)) + struct.pack(f'<{len(views)}Q', *map(len, views)) + pickle
        parts = [head + bytes(_padding(len(head)))]
        for view in views:
            parts += [view, bytes(_padding(len(view)))]
        super().__init__(parts)

    def put(self, queue, us):
        """Puts it within @us microseconds; returns whether there was room."""
        return _put_pieces(queue, Mp.Format.OPAQUE, self.addresses, self.sizes, us)

    def as_message(self):
        """Returns the message for functions that cannot put several buffers."""
        return opaque_message(self.join())


class Array:
    """An array of numbers that is put as such."""

    def __init__(self, array, fortran_order):
        self.array = array
        self.description = array.dtype.str, array.shape, fortran_order

    def put(self, queue, us):
        return _put_array(queue, *self.description, self.array.ctypes.data, self.array.nbytes, us)

    def as_message(self):
        return Mp.Message.new_array(*self.description, self.array.tobytes('A'))


def as_array(obj):
    """Returns @obj as an Array if it is a contiguous array of numbers, else None."""
    numpy = sys.modules.get('numpy')
    if numpy is None or type(obj) is not numpy.ndarray or obj.dtype.str not in _NUMBERS or obj.nbytes == 0:
        return None
    flags = obj.flags
    return Array(obj, not flags.c_contiguous) if flags.forc else None


def opaque_message(data):
    """Returns a message of bytes that begin with the name of the codec."""
    codec, _, data = data.partition(b'\0')
    return Mp.Message.new_opaque(GLib.Bytes.new(data), codec.decode())


def _memory_at(address, length, message):
    """Returns a view of memory of @message, which exists as long as the view."""
    # One type for many lengths, since ctypes never frees a type. Only the existing bytes are
    # accessed.
    memory = (ctypes.c_ubyte * (1 << length.bit_length())).from_address(address)
    memory.message = message
    return memoryview(memory).cast('B')[:length]


def load_array(message):
    """Returns the array of numbers in @message, whose memory is that of the message; None if it is
    another message."""
    kind, shape, fortran_order, address, length = message.get_array()
    if kind is None:
        return None
    import numpy
    if length == 0:
        return numpy.empty(shape, kind)
    array = numpy.ndarray(shape, kind, _memory_at(address, length, message), order='F' if fortran_order else 'C')
    # Other programs need not align the numbers.
    return array if array.flags.aligned else array.copy('A')


def load_received(message, codec_loads):
    """Returns the object in @message of a connection: a pickle, or one with buffers beside it."""
    address, length = message.get_address()
    if length < MIN_SIZE:
        return codec_loads(message.get_data())
    view = _memory_at(address, length, message)
    return _load_view(view[len(_PREFIX):]) if view[:len(_PREFIX)] == _PREFIX else codec_loads(view)


def load_pieces(message):
    """Returns the object in @message, whose buffers are those of the message."""
    return _load_view(_memory_at(*message.get_address(), message))


def _load_view(view):
    n_pickle, n_buffers = _HEAD.unpack_from(view)
    sizes = struct.unpack_from(f'<{n_buffers}Q', view, _HEAD.size)
    offset = _HEAD.size + 8 * n_buffers
    pickle = view[offset:offset + n_pickle]
    offset += n_pickle
    buffers = []
    for size in sizes:
        offset += _padding(len(_PREFIX) + offset)
        buffers.append(view[offset:offset + size])
        offset += size
    return loads(pickle, buffers=buffers)
