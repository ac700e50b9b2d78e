# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects with large buffers, such as arrays, are sent as a pickle followed by the buffers.

The message consists of the name of the codec, the sizes of the pickle and of each buffer, the
pickle, and the buffers, each at a multiple of ALIGNMENT from the beginning.
"""

import ctypes
import struct
from pickle import loads

# The name of the codec of such messages.
CODEC = 'pickle+buffers'

# In bytes; smaller buffers stay in the pickle.
MIN_SIZE = 16384

ALIGNMENT = 64

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


class Pieces:
    """A message that is put from several buffers."""

    def __init__(self, pickle, buffers):
        views = [buffer.raw() for buffer in buffers]
        head = _PREFIX + _HEAD.pack(len(pickle), len(views)) + struct.pack(f'<{len(views)}Q', *map(len, views)) + pickle
        self.parts = [head + bytes(_padding(len(head)))]
        for view in views:
            self.parts += [view, bytes(_padding(len(view)))]
        self.addresses = [_address_of(part) for part in self.parts]
        self.sizes = [len(part) for part in self.parts]

    def join(self):
        """Returns the bytes of the whole message."""
        return b''.join(self.parts)


def load_pieces(message):
    """Returns the object in @message, whose buffers are those of the message."""
    address, length = message.get_address()
    # One type for many lengths, since ctypes never frees a type. Only the existing bytes are
    # accessed.
    memory = (ctypes.c_ubyte * (1 << length.bit_length())).from_address(address)
    memory.message = message
    view = memoryview(memory).cast('B')[:length]
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
