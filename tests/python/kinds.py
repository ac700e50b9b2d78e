# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ninety-five kinds of values that programs send to each other, by name."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import itertools
import logging
import operator
import pathlib
import random
import re
import types
import typing
import uuid


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


@dataclasses.dataclass(frozen=True, order=True)
class Frozen:
    name: str


class Slotted:
    __slots__ = ('a',)

    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return self.a == other.a


class Reduced:
    def __init__(self, a):
        self.a = a

    def __reduce__(self):
        return Reduced, (self.a,)

    def __eq__(self, other):
        return self.a == other.a


class Stateful(Slotted):
    __slots__ = ()

    def __getstate__(self):
        return [self.a]

    def __setstate__(self, state):
        self.a, = state


class Color(enum.Enum):
    RED = 'red'


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Text(str):
    pass


class Integer(int):
    pass


class Real(float):
    pass


class Octets(bytes):
    pass


class Mapping(dict):
    pass


class Sequence(list):
    pass


class Row(tuple):
    pass


class Bag(set):
    pass


class Failure(Exception):
    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code, self.reason = code, reason


Pair = collections.namedtuple('Pair', 'first second')


class Typed(typing.NamedTuple):
    a: int
    b: str = ''


def function(x):
    return x + 1


def _cycle():
    value = [1]
    value.append(value)
    return value


_UTC = datetime.timezone.utc

PLAIN = {
    'None': None, 'True': True, 'False': False, 'zero': 0, 'int': 42, 'negative int': -7, 'large int': 2**40,
    'huge int': 10**100, 'float': 1.5, 'infinity': float('inf'), 'str': 'text', 'empty str': '',
    'unicode str': 'é€😀', 'str with NUL': 'a\0b', 'surrogate': '\ud800', 'bytes': b'\0\xff', 'empty bytes': b'',
    'bytearray': bytearray(b'ab'), 'list': [1, 'a', None], 'empty list': [], 'tuple': (1, (2,)), 'empty tuple': (),
    'dict': {'a': 1}, 'dict of ints': {1: 'a', 2: 'b'}, 'dict of tuples': {(1, 2): 3}, 'empty dict': {},
    'set': {1, 2}, 'empty set': set(), 'frozenset': frozenset('ab'), 'nested': {'a': [{'b': (1.5, b'x', {2})}]},
    'list of 1,000 ints': list(range(1000)), 'cycle': _cycle(),
}

OBJECTS = {
    'complex': 1 + 2j, 'range': range(3, 9, 2), 'slice': slice(1, 2, 3), 'Ellipsis': ..., 'NotImplemented': NotImplemented,
    'type': int, 'own class': Point, 'function': function, 'builtin function': len, 'method': Point(1).__eq__,
    'partial': functools.partial(operator.add, 1), 'itemgetter': operator.itemgetter(1),
    'dataclass': Point(1), 'frozen dataclass': Frozen('a'), 'list of dataclasses': [Point(1), Point(2)],
    'slots': Slotted(1), 'reduce': Reduced(1), 'getstate': Stateful(1), 'namedtuple': Pair(1, 2), 'NamedTuple': Typed(1),
    'SimpleNamespace': types.SimpleNamespace(a=1), 'MappingProxy copy': collections.ChainMap({'a': 1}, {'b': 2}),
    'Enum': Color.RED, 'IntEnum': Number.ONE, 'Flag': Flags.A | Flags.B, 'Enum in a dict': {'color': Color.RED},
    'OrderedDict': collections.OrderedDict(a=1), 'defaultdict': collections.defaultdict(list, a=[1]),
    'Counter': collections.Counter('abca'), 'deque': collections.deque([1, 2], 5), 'UserDict': collections.UserDict(a=1),
    'datetime': datetime.datetime(2024, 1, 2, 3, 4, 5, 6), 'aware datetime': datetime.datetime(2024, 1, 2, tzinfo=_UTC),
    'date': datetime.date(2024, 1, 2), 'time': datetime.time(1, 2), 'timedelta': datetime.timedelta(1, 2, 3),
    'Decimal': decimal.Decimal('1.10'), 'Fraction': fractions.Fraction(1, 3), 'UUID': uuid.UUID(int=5),
    'Path': pathlib.Path('/tmp/a'), 'PurePosixPath': pathlib.PurePosixPath('a/b'),
    'IPv4Address': ipaddress.ip_address('10.0.0.1'), 'IPv6Network': ipaddress.ip_network('fe80::/64'),
    'pattern': re.compile('a+', re.I), 'array': array.array('d', [1.5, 2.5]), 'count': itertools.count(5),
    'Random': random.Random(1), 'str subclass': Text('a'), 'int subclass': Integer(1), 'float subclass': Real(1.5),
    'bytes subclass': Octets(b'a'), 'dict subclass': Mapping(a=1), 'list subclass': Sequence([1]),
    'tuple subclass': Row((1, 2)), 'set subclass': Bag([1]), 'ValueError': ValueError('wrong'),
    'OSError': FileNotFoundError(2, 'No such file', 'a'), 'KeyError': KeyError('a'), 'own exception': Failure(1, 'why'),
    'ExceptionGroup': ExceptionGroup('several', [ValueError('a')]) if 'ExceptionGroup' in dir(__builtins__) else
    ValueError('several'),
    'LogRecord': logging.LogRecord('name', logging.INFO, 'path', 1, 'text %s', ('a',), None),
    'generic alias': list[int], 'reversed': reversed([1, 2]),
}

KINDS = {**PLAIN, **OBJECTS}


def form(value):
    """Returns an object that is equal for equal values, for kinds that do not implement
    comparison."""
    if isinstance(value, BaseException):
        return type(value), str(value), vars(value)
    if isinstance(value, logging.LogRecord):
        return vars(value)
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, functools.partial):
        return value.func, value.args
    if isinstance(value, (itertools.count, operator.itemgetter, types.MethodType)) or type(value) is type(reversed([])):
        return repr(value.__reduce__())
    if isinstance(value, list) and len(value) == 2 and value[1] is value:
        return 'cycle', value[0]
    return value
