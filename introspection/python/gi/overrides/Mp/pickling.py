# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pickling an object once, while determining whether any language can read the result."""

import pickle
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

from .buffers import MIN_SIZE, Parts, Pieces

PROTOCOL = 5

# The memo of a pickler stays as large as its largest pickle.
_LARGEST_TO_KEEP = 65536


class OncePickler(pickle.Pickler):
    """Writes to a list, and tracks whether all written values are plain."""

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
        # Called for all types except those for which pickles have opcodes.
        self.is_plain = False
        reduce = ForkingPickler._extra_reducers.get(type(obj))
        return NotImplemented if reduce is None else reduce(obj)


class WholePickler(OncePickler):
    """Keeps buffers inside the pickle, for receivers that load it by pickle alone."""

    def _keeps_inside(self, buffer):
        return True


class NotPlain(Exception):
    """The value contains an object that only Python can represent."""


class PlainPickler(OncePickler):
    """Stops at the first value that is not plain."""

    def reducer_override(self, obj):
        raise NotPlain


# Unused picklers. Several may be needed at a time, since a method of an object that is being
# pickled may pickle something itself.
_idle = {OncePickler: [], WholePickler: [], PlainPickler: []}


def pickle_once(obj, prefix, kind=OncePickler):
    """Returns a pickle of @obj, and whether it is plain; if not, it begins with @prefix.

    With large buffers, it is a Pieces object instead of bytes; from a WholePickler, a Parts object
    without @prefix."""
    try:
        pickler = _idle[kind].pop()
    except IndexError:
        pickler = kind()
    pickler.dump(obj)
    parts = pickler.parts
    is_plain = pickler.is_plain
    if pickler.buffers:
        # The pickler refers to all buffers, so it is not used again.
        return Pieces(b''.join(parts), pickler.buffers), False
    if len(parts) > 1 and kind is WholePickler:
        return Parts(parts), is_plain
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
    """Returns the function of @codec that converts an object to bytes, given a prefix."""
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
