# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passing many values to the library in one call; see mp_queue_put_packed ()."""

import itertools
import sys
from array import array
from pickle import dumps, loads
from time import monotonic

from .pickling import PROTOCOL, OncePickler
from .values import BYTES, PICKLE, PLAIN

# How many values are packed at once.
_CHUNK = 512

# In seconds: an iterator that takes longer for a chunk gets smaller ones, so that its values are not kept
# back from consumers until there are many.
_LONG = 0.001

# Types whose instances are always plain values.
_ATOMS = frozenset({int, str, float, bool, type(None)})

_PICKLE_TAG = bytes((PICKLE,))
_BYTES_TAG = bytes((BYTES,))


def chunks_of(iterable):
    """Yields the values of @iterable as lists, also those before an exception that it raises."""
    size = _CHUNK if hasattr(iterable, '__len__') else 1
    iterator = iter(iterable)
    while True:
        chunk, start = [], monotonic()
        try:
            chunk.extend(itertools.islice(iterator, size))
        except Exception:
            yield chunk
            raise
        if not chunk:
            return
        size = max(1, size // 2) if monotonic() - start > _LONG else min(2 * size, _CHUNK)
        yield chunk


def pack(datas, tags):
    """Packs payloads; @tags has the format of each."""
    return b''.join((len(datas).to_bytes(4, sys.byteorder), array('I', map(len, datas)).tobytes(), tags, *datas))


def unpack(packed, load_opaque):
    """Returns the values of many payloads."""
    n = int.from_bytes(packed[:4], sys.byteorder)
    tags_at = 4 + 4 * n
    tags = packed[tags_at:tags_at + n]
    ends = list(itertools.accumulate(array('I', packed[4:tags_at]), initial=tags_at + n))
    if tags.count(_PICKLE_TAG) == n:
        return [loads(packed[i:j]) for i, j in zip(ends, ends[1:])]
    if tags.count(_BYTES_TAG) == n:
        return [packed[i:j] for i, j in zip(ends, ends[1:])]
    return [_load(packed[i:j], tag, load_opaque) for i, j, tag in zip(ends, ends[1:], tags)]


def _load(data, tag, load_opaque):
    return data if tag == BYTES else loads(data) if tag == PICKLE else load_opaque(data)


def pack_plain(chunk):
    """Returns @chunk as one packed payload, or None if that is not possible in one step."""
    types = set(map(type, chunk))
    if types == {bytes}:
        return pack(chunk, _BYTES_TAG * len(chunk))
    if types <= _ATOMS:
        return pack(list(map(dumps, chunk, itertools.repeat(PROTOCOL))), _PICKLE_TAG * len(chunk))
    if types <= PLAIN:
        datas = _pickle_each(chunk)
        return datas and pack(datas, _PICKLE_TAG * len(chunk))
    return None


def _pickle_each(chunk):
    pickler = OncePickler()
    dump, clear_memo = pickler.dump, pickler.clear_memo
    try:
        for obj in chunk:
            dump(obj)
            clear_memo()
    except Exception:
        # Pickling them one by one shows which value it is.
        return None
    # A large pickle is written in several parts.
    return pickler.parts if pickler.is_plain and len(pickler.parts) == len(chunk) else None
