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

# The values that are put, followed by the expected values if they differ.
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
    'deep': (nest(55, 1),),
    'opaque': (Mp.Message.new_opaque(GLib.Bytes.new(b'\x01'), 'dill'), REFUSED),
}


def put():
    values = Mp.inherit('values')
    for name, (value, *_) in CASES.items():
        if value is NOTHING:
            continue
        values.put(name)
        values.put(value)
        if not isinstance(value, Mp.Message):
            values.put(f'{name} inside')
            values.put({'in': [value]})
    put_too_deep(values)


def put_too_deep(values):
    """Python's own pickler refuses these, but JSON text can have any origin."""
    refused = []
    try:
        values.put(nest(10000, 1))
    except (RecursionError, TypeError) as error:
        refused.append(error)
    try:
        values.put_json('[' * 10000 + ']' * 10000, -1, None)
    except (GLib.Error, ValueError) as error:
        refused.append(error)
    assert len(refused) == 2, refused


def equal(a, b):
    """Compares types too: True is not 1, and 1 is not 1.0."""
    if b is recursive:
        return type(a) is list and len(a) == 1 and a[0] is a
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(equal, a.values(), b.values()))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return a == b


def check(values, name, expected):
    try:
        value = values.get()
    except (GLib.Error, TypeError, ValueError) as error:
        values.get_message(-1)
        if name == 'opaque' and 'dill' not in str(error):
            return f'no codec is named: {error}'
        return '' if expected is REFUSED else str(error)
    if name.endswith(' inside'):
        expected = {'in': [expected]}
    return '' if equal(value, expected) else f'{value!r:.200} is not {expected!r:.200}'


def get():
    values, results = Mp.inherit('values'), Mp.inherit('results')
    for name in values:
        results.put([name, check(values, name, CASES[name.replace(' inside', '')][-1])])


{'put': put, 'get': get}[sys.argv[1]]()
