# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages between Python's own picklers and the formats of the library."""

import collections
import datetime
import decimal
import json
import math
import pickle
import random
import unittest

import gi

gi.require_version('Mp', '1.0')
from gi.repository import GLib, GObject, Mp  # noqa: E402

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

# Values that a variant can represent.
VALUES = [
    None, True, False, 0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1,
    2**63 - 1, -2**63, 2**63, 2**64 - 1, 0.0, -0.0, 1.5, -1e300, 5e-324, math.inf, -math.inf,
    '', 'abc', 'é€😀', 'line\nwith \\ and "', 'x' * 255, 'x' * 256, 'x' * 70000,
    b'', b'\x00\xff', b'x' * 255, b'x' * 256, b'x' * 70000,
    [], [1], [1, 2], list(range(1001)), (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),)),
    {}, {'a': 1}, {'a': 1, 'b': 2}, {1: 2}, {-1: 'a', 2**40: 'b'},
    {'k': [1.5, b'\x00', None]}, [{'a': (1, [2, {'b': {}}])}, 'x'] * 3,
    {str(i): i for i in range(1001)}, [[1]] * 2, ['a', 'a'],
]

# Values that only a pickle can represent.
ONLY_PICKLE = [
    2**64, -2**63 - 1, 10**30, 10**1000, '\ud800', 'a\0b', set(), {1, 2}, frozenset(),
    frozenset([1, 'a']), [{1}], {True: 1}, {1.5: 2}, {None: 1}, {'a': 1, 2: 3}, {(1, 2): 3},
    {frozenset([1]): 1}, {b'a': 1},
]


class Job(GObject.Object):
    """A class that a program might define."""

    __gtype_name__ = 'TestJob'

    name = GObject.Property(type=str)
    weight = GObject.Property(type=float)
    count = GObject.Property(type=int)
    urgent = GObject.Property(type=bool, default=False)
    parent = GObject.Property(type=GObject.Object)
    tags = GObject.Property(type=GObject.TYPE_STRV)
    extra = GObject.Property(type=GObject.TYPE_VARIANT)


class Disabled(GObject.Object):
    """A class that is not enabled."""

    __gtype_name__ = 'TestDisabled'


def recursive_list():
    value = [1]
    value.append(value)
    return value


def recursive_dict():
    value = {}
    value['self'] = value
    return value


def recursive_tuple(n):
    value = ([],) + tuple(range(n))
    value[0].append(value)
    return value


def random_value(source, depth=0):
    kinds = 12 if depth < 5 else 8
    kind = source.randrange(kinds)
    if kind < 2:
        return source.choice([None, True, False])
    if kind < 4:
        return source.randrange(-2**63, 2**64) >> source.randrange(64)
    if kind == 4:
        return source.uniform(-1, 1) * 10.0**source.randrange(-300, 300)
    if kind < 7:
        return ''.join(chr(source.choice([97, 98, 0xe9, 0x20ac, 0x1f600]))
                       for _ in range(source.randrange(20)))
    if kind == 7:
        return source.randbytes(source.randrange(20))
    items = [random_value(source, depth + 1) for _ in range(source.randrange(6))]
    if kind == 8:
        return items
    if kind == 9:
        return tuple(items)
    if kind == 10:
        return {f'key {i}': item for i, item in enumerate(items)}
    return {i * 1000 - 1: item for i, item in enumerate(items)}


def from_pickle(data):
    return Mp.Message.new_pickle(data)


def load(message):
    return pickle.loads(bytes(message.get_pickle()))


class TestMessage(unittest.TestCase):

    def assert_same(self, got, expected):
        """Asserts that values are equal and have equal types at every level."""
        self.assertIs(type(got), type(expected))
        if isinstance(expected, float):
            self.assertEqual(str(got), str(expected))
        elif isinstance(expected, (list, tuple)):
            self.assertEqual(len(got), len(expected))
            for one, other in zip(got, expected):
                self.assert_same(one, other)
        elif isinstance(expected, dict):
            self.assertEqual(list(got), list(expected))
            for key in expected:
                self.assert_same(got[key], expected[key])
        else:
            self.assertEqual(got, expected)

    def assert_refused(self, function, *arguments):
        with self.assertRaises(TypeError) as context:
            function(*arguments)
        return str(context.exception)

    def test_values(self):
        for value in VALUES:
            for protocol in PROTOCOLS:
                with self.subTest(value=repr(value)[:60], protocol=protocol):
                    data = pickle.dumps(value, protocol)
                    message = from_pickle(data)
                    self.assertEqual(bytes(message.get_pickle()), data)
                    other = Mp.Message.new_variant(message.get_variant())
                    self.assert_same(load(other), value)

    def test_nan(self):
        for protocol in PROTOCOLS:
            variant = from_pickle(pickle.dumps(math.nan, protocol)).get_variant()
            self.assertTrue(math.isnan(variant.get_double()))
            self.assertTrue(math.isnan(load(Mp.Message.new_variant(variant))))

    def test_random_values(self):
        source = random.Random(1)
        for i in range(500):
            value = random_value(source)
            with self.subTest(i=i):
                message = from_pickle(pickle.dumps(value, i % 6))
                other = Mp.Message.new_variant(message.get_variant())
                self.assert_same(load(other), value)

    def test_bytearray(self):
        for value in (bytearray(), bytearray(b'ab'), [bytearray(b'a'), bytearray(b'b')]):
            for protocol in PROTOCOLS:
                message = from_pickle(pickle.dumps(value, protocol))
                self.assert_same(load(message), value)
                got = load(Mp.Message.new_variant(message.get_variant()))
                self.assertEqual(got, value)

    def test_only_pickle(self):
        for value in ONLY_PICKLE:
            for protocol in PROTOCOLS:
                with self.subTest(value=repr(value)[:60], protocol=protocol):
                    message = from_pickle(pickle.dumps(value, protocol))
                    self.assertEqual(load(message), value)
                    self.assert_refused(message.get_variant)

    def test_recursive(self):
        values = [recursive_list(), recursive_dict()]
        values += [recursive_tuple(n) for n in range(6)]
        for value in values:
            for protocol in PROTOCOLS:
                with self.subTest(protocol=protocol):
                    message = from_pickle(pickle.dumps(value, protocol))
                    self.assertEqual(repr(load(message)), repr(value))
                    text = self.assert_refused(message.get_variant)
                    self.assertIn('contains itself', text)

    def test_refused(self):
        point = collections.namedtuple('point', 'x y')
        globals()['point'] = point
        point.__qualname__ = 'point'
        for value, name in ((datetime.date(2000, 1, 1), 'datetime.date'),
                            (decimal.Decimal(1), 'decimal.Decimal'),
                            (collections.deque(), 'collections.deque'),
                            (collections.OrderedDict(), 'collections.OrderedDict'),
                            (1j, 'complex'), (range(3), 'range'), (..., 'Ellipsis'),
                            (ValueError('x'), 'ValueError'), (len, 'len'), (int, 'int'),
                            (math.sqrt, 'math.sqrt'), (point(1, 2), 'point'),
                            (bytearray, 'bytearray'), (set, 'set')):
            for protocol in PROTOCOLS:
                for wrapped in (value, [1, {'a': value}]):
                    with self.subTest(name=name, protocol=protocol):
                        message = from_pickle(pickle.dumps(wrapped, protocol))
                        text = self.assert_refused(message.get_pickle)
                        self.assertIn(name if protocol > 2 else ' at byte ', text)
                        self.assertIn(' at byte ', text)
                        self.assert_refused(message.get_variant)

    def test_buffers(self):
        data = pickle.dumps(pickle.PickleBuffer(b'abc'), 5, buffer_callback=lambda buffer: None)
        self.assert_refused(from_pickle(data).get_pickle)

    def test_json(self):
        for value in (None, True, 1, -2**63, 2**64 - 1, 1.5, 1.0, -0.0, 1e300, 'é"\\\n\0\x1f',
                      '\ud800', '\U0001f600', [], [1, [2, {'a': {}}]], {'a': 1, 'b': None}):
            with self.subTest(value=ascii(value)):
                text = from_pickle(pickle.dumps(value)).get_json()
                self.assert_same(json.loads(text), value)
                self.assert_same(load(Mp.Message.new_json(json.dumps(value))), value)

    def test_json_unsupported(self):
        for value in (b'x', math.nan, math.inf, {1: 2}, {1}, 2**64):
            with self.subTest(value=value):
                message = from_pickle(pickle.dumps(value))
                self.assert_refused(message.get_json)

    def test_bytes(self):
        message = Mp.Message.new_bytes(GLib.Bytes.new(b'a\0b'))
        self.assertEqual(load(message), b'a\0b')
        message = from_pickle(pickle.dumps(b'a\0b'))
        self.assertEqual(message.get_bytes().get_data(), b'a\0b')

    def test_object(self):
        Mp.serializable_enable(Job)
        job = Job(name='outer', weight=1.5, count=-7, urgent=True, tags=['a', 'b'],
                  extra=GLib.Variant('(is)', (1, 'x')), parent=Job(name='inner'))
        sent = Mp.Message.new_object(job)
        self.assertEqual(sent.get_format(), Mp.Format.OBJECT)

        # The receiver gets only the description.
        message = Mp.Message.new_variant(sent.get_variant())
        got = message.get_object(Job)
        self.assertIsInstance(got, Job)
        self.assertIsNot(got, job)
        self.assertEqual((got.name, got.weight, got.count, got.urgent), ('outer', 1.5, -7, True))
        self.assertEqual(got.tags, ['a', 'b'])
        self.assertEqual(got.extra.unpack(), (1, 'x'))
        self.assertEqual(got.parent.name, 'inner')
        self.assertIsNone(got.parent.parent)

    def test_object_refused(self):
        message = Mp.Message.new_object(Disabled())
        text = self.assert_refused(message.get_object, Disabled)
        self.assertIn('TestDisabled', text)

        Mp.serializable_enable(Job)
        message = Mp.Message.new_object(Job())
        text = self.assert_refused(message.get_object, Disabled)
        self.assertIn('TestJob is no TestDisabled', text)


if __name__ == '__main__':
    unittest.main()
