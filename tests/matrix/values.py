# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Python puts and gets in the matrix of values; see tests/js/test-matrix.js."""

import math
import sys

import gi

gi.require_version('Mp', '1.0')

from gi.repository import GLib, Mp  # noqa: E402

REFUSED = object()
NOTHING = object()


def nest(depth, innermost):
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


shared = [1]
recursive = []
recursive.append(recursive)

# What is put, and what is got where that is something else.
CASES = {
    'null': (None,),
    'booleans': ([True, False],),
    'integers': ([0, 1, -1, 2 ** 53 - 1],),
    'int64-limits': ([-2 ** 63, 2 ** 63 - 1],),
    'uint64-limits': ([2 ** 63, 2 ** 64 - 1],),
    'huge-integer': (10 ** 30,),
    'floats': ([0.1, -2.5, 1e300, 2.5e-308],),
    'whole-float': (1.0,),
    'infinity': (math.inf,),
    'minus-infinity': (-math.inf,),
    'nan': (math.nan,),
    'minus-zero': (-0.0,),
    'strings': (['', 'häß 😀', '"\\/\u2028'],),
    'nul': ('a\0b',),
    'surrogate': ('a\ud83d',),
    'bytes': (b'\x00\xff\x07',),
    'no-bytes': (b'',),
    'bytes-inside': ({'data': [b'\x01']},),
    'list': ([1, 'two', None, [3.5]],),
    'empty-list': ([],),
    'dict': ({'a': {'b': [True]}, '': 1},),
    'empty-dict': ({},),
    'int-keys': ({-5: 'five', 2 ** 60: [1]},),
    'tuple': ((1, ('a', ())),),
    'set': ({1, 2},),
    'shared': ([shared, shared],),
    'recursive': (recursive, recursive),
    'deep': (nest(60, 1),),
    'deep-10000': (NOTHING, REFUSED),
}


def put():
    values = Mp.inherit('values')
    for name, (value, *_) in CASES.items():
        if value is NOTHING:
            continue
        values.put(name)
        values.put(value)


def equal(a, b):
    """Compares the types, too: True is not 1, and 1 is not 1.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(equal, a.values(), b.values()))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return a == b


def is_recursive(value):
    return type(value) is list and len(value) == 1 and value[0] is value


def check(values, expected):
    try:
        value = values.get()
    except (GLib.Error, TypeError, ValueError) as error:
        values.get_message(-1)
        return '' if expected is REFUSED else str(error)
    if expected is recursive:
        return '' if is_recursive(value) else 'it does not refer to itself'
    return '' if equal(value, expected) else f'{value!r:.200} is not {expected!r:.200}'


def get():
    values, results = Mp.inherit('values'), Mp.inherit('results')
    for name in values:
        results.put([name, check(values, CASES[name][-1])])


{'put': put, 'get': get}[sys.argv[1]]()
