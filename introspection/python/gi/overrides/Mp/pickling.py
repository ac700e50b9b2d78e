# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pickling an object once, and finding out meanwhile whether any language can read the result."""

import pickle
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

from .buffers import MIN_SIZE, Pieces

PROTOCOL = 5

# A pickler keeps a table as large as its largest pickle.
_LARGEST_TO_KEEP = 65536


class OncePickler(pickle.Pickler):
    """Writes to a list, and knows whether all that it wrote are plain values."""

    def __init__(self):
        self.parts = []
        self.is_plain = True
        self.buffers = []
        super().__init__(SimpleNamespace(write=self.parts.append), PROTOCOL, buffer_callback=self._keeps_inside)

    def _keeps_inside(self, buffer):
        if buffer.raw().nbytes < MIN_SIZE:
            return True
        self.buffers.append(buffer)
        return False

    def reducer_override(self, obj):
        # Called for all but the types that a pickle has opcodes for.
        self.is_plain = False
        reduce = ForkingPickler._extra_reducers.get(type(obj))
        return NotImplemented if reduce is None else reduce(obj)


class WholePickler(OncePickler):
    """Keeps buffers inside the pickle, for those who cannot send pieces."""

    def _keeps_inside(self, buffer):
        return True


class NotPlain(Exception):
    """The value holds something that only Python knows."""


class PlainPickler(OncePickler):
    """Gives up at the first thing that is not plain."""

    def reducer_override(self, obj):
        raise NotPlain


# Picklers that nobody uses. A method of an object that is pickled may pickle something, too.
_idle = {OncePickler: [], WholePickler: [], PlainPickler: []}


def pickle_once(obj, prefix, kind=OncePickler):
    """Returns a pickle of @obj, and whether it is plain: else it begins with @prefix.

    With large buffers it is Pieces and not bytes."""
    try:
        pickler = _idle[kind].pop()
    except IndexError:
        pickler = kind()
    pickler.dump(obj)
    parts = pickler.parts
    is_plain = pickler.is_plain
    if pickler.buffers:
        # It has references to all of them, and is not used again.
        return Pieces(b''.join(parts), pickler.buffers), False
    if not is_plain:
        pickler.is_plain = True
        data = prefix + parts[0] if len(parts) == 1 else b''.join((prefix, *parts))
    else:
        data = parts[0] if len(parts) == 1 else b''.join(parts)
    if len(data) <= _LARGEST_TO_KEEP:
        parts.clear()
        pickler.clear_memo()
        _idle[kind].append(pickler)
    return data, is_plain


def encoder_of(codec):
    """Returns the function that makes bytes of an object, given a prefix, for @codec."""
    if codec is pickle:
        return pickle_once
    if hasattr(codec, 'encode'):
        return codec.encode

    def encode(obj, prefix):
        try:
            return pickle_once(obj, b'', PlainPickler)
        except NotPlain:
            return prefix + codec.dumps(obj), False

    return encode
