# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pickling an object once, and finding out meanwhile whether any language can read the result."""

import pickle
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

PROTOCOL = 5

# A pickler keeps a table as large as its largest pickle.
_LARGEST_TO_KEEP = 65536


class OncePickler(pickle.Pickler):
    """Writes to a list, and knows whether all that it wrote are plain values."""

    def __init__(self):
        self.parts = []
        self.is_plain = True
        super().__init__(SimpleNamespace(write=self.parts.append), PROTOCOL)

    def reducer_override(self, obj):
        # Called for all but the types that a pickle has opcodes for.
        self.is_plain = False
        reduce = ForkingPickler._extra_reducers.get(type(obj))
        return NotImplemented if reduce is None else reduce(obj)


class NotPlain(Exception):
    """The value holds something that only Python knows."""


class PlainPickler(OncePickler):
    """Gives up at the first thing that is not plain."""

    def reducer_override(self, obj):
        raise NotPlain


# Picklers that nobody uses. A method of an object that is pickled may pickle something, too.
_idle = {OncePickler: [], PlainPickler: []}


def pickle_once(obj, prefix, kind=OncePickler):
    """Returns a pickle of @obj, and whether it is plain: else it begins with @prefix."""
    try:
        pickler = _idle[kind].pop()
    except IndexError:
        pickler = kind()
    pickler.dump(obj)
    parts = pickler.parts
    is_plain = pickler.is_plain
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
