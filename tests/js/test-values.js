// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertThrows, run, test} from './tap.js';

const Pair = GObject.registerClass({
    GTypeName: 'MpTestJsPair',
    Properties: {
        left: GObject.ParamSpec.string('left', '', '', GObject.ParamFlags.READWRITE, ''),
        right: GObject.ParamSpec.int('right', '', '', GObject.ParamFlags.READWRITE, 0, 100, 0),
    },
}, class extends GObject.Object {});

const VALUES = {
    'null': null,
    'booleans': [true, false],
    'integers': [0, 1, -1, 2 ** 53 - 1, -(2 ** 53) + 1],
    'floats': [0.1, -2.5, 1e300, 5e-324, 2 ** 53, 2 ** 70, 1e-7],
    'odd-floats': [NaN, Infinity, -Infinity, -0],
    'big-integers': [2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n],
    'strings': ['', 'häß 😀', '"quoted" \\', '\u2028', '\0', 'a\ud83d', 'a 12345678901234567 b'],
    'bytes': new Uint8Array([0, 255, 7]),
    'no-bytes': new Uint8Array(),
    'containers': [[], {}, [[]], {'': {}}, [{a: [1, {b: null}]}]],
    'bytes-inside': {path: new Uint8Array([1]), list: [new Uint8Array()]},
    'maps': new Map([[1, 'one'], [-5, {a: new Map()}]]),
    'big-keys': new Map([[2n ** 60n, 1]]),
    'prototype': JSON.parse('{"__proto__": 1, "constructor": 2}'),
    'prototype-and-bytes': JSON.parse('{"__proto__": 1}', (key, value) =>
        key === '__proto__' ? new Uint8Array([1]) : value),
    'large-numbers-and-strings': ['"\\', 12345678901234567890n, '\ue000 -12345678901234567890', 0.1234567890123456],
};

for (const [name, value] of Object.entries(VALUES)) {
    test(`/js/values/queue/${name}`, () => {
        const queue = new Mp.Queue();
        queue.put(value);
        assertEqual(queue.get(0), value);
        assert(queue.try_put(value));
        assertEqual(queue.try_get(), value);
    });

    test(`/js/values/connection/${name}`, () => {
        const [first, second] = Mp.pipe();
        // GVariant, the format of this connection, cannot represent such strings.
        const sent = name === 'strings'
            ? value.filter(string => !/[\0\p{Surrogate}]/u.test(string)) : value;
        first.send(sent);
        assertEqual(second.recv(0), sent);
    });
}

const REFUSED = {
    'undefined': undefined,
    'undefined-inside': {a: [undefined]},
    'function': {toJSON: () => 1},
    'symbol': Symbol('symbol'),
    'set': new Set([1]),
    'date': new Date(),
    'map-with-strings': new Map([['a', 1]]),
    'map-with-floats': new Map([[1.5, 1]]),
    'half-a-pair-beside-bytes': ['\udc00', new Uint8Array()],
    'half-a-pair-in-a-key': {'\ud83d': 1n},
    'nul-beside-bytes': ['\0', new Uint8Array()],
    'beyond-64-bits': 2n ** 64n,
    'below-64-bits': -(2n ** 63n) - 1n,
};

for (const [name, value] of Object.entries(REFUSED)) {
    test(`/js/values/refused/${name}`, () => {
        const queue = new Mp.Queue();
        assertThrows(() => queue.put(value), Mp.Error, Mp.Error.UNSUPPORTED);
        assertThrows(() => queue.try_put(value), Mp.Error, Mp.Error.UNSUPPORTED);
        assert(queue.is_empty());
    });
}

test('/js/values/backslashes-are-no-surrogates', () => {
    const queue = new Mp.Queue();
    queue.put('\\ud800');
    assertEqual(queue.get(0), '\\ud800');
});

test('/js/values/recursion', () => {
    const queue = new Mp.Queue();
    const list = [];
    list.push({list});
    assertThrows(() => queue.put(list), Mp.Error, Mp.Error.UNSUPPORTED);
    list.push(1n);
    assertThrows(() => queue.put(list), Mp.Error, Mp.Error.UNSUPPORTED);
});

function nest(depth, innermost) {
    let value = innermost;
    for (let i = 0; i < depth; i++)
        value = [value];
    return value;
}

test('/js/values/depth', () => {
    const queue = new Mp.Queue();
    queue.put(nest(128, 1));
    assertEqual(queue.get(0), nest(128, 1));
    queue.put(nest(60, 1n));
    assertEqual(queue.get(0), nest(60, 1));
    assertThrows(() => queue.put(nest(129, 1)), Mp.Error, Mp.Error.UNSUPPORTED);
    assertThrows(() => queue.put(nest(62, 1n)), Mp.Error, Mp.Error.UNSUPPORTED);
    assertThrows(() => queue.put(nest(10000, 1)), Mp.Error, Mp.Error.UNSUPPORTED);
});

test('/js/values/shared', () => {
    const queue = new Mp.Queue();
    const shared = {a: 1};
    queue.put([shared, shared]);
    assertEqual(queue.get(0), [{a: 1}, {a: 1}]);
});

const VARIANTS = {
    '(si)': [['a', 1], ['a', 1]],
    'as': [['a', 'b'], ['a', 'b']],
    'a{sv}': [{a: new GLib.Variant('y', 7)}, {a: 7}],
    'a{is}': [{1: 'one'}, new Map([[1, 'one']])],
    'ay': [[1, 2], new Uint8Array([1, 2])],
    '(ayms)': [[[1], null], [new Uint8Array([1]), null]],
    'mi': [5, 5],
    'n': [-5, -5],
    'd': [1.5, 1.5],
    'v': [new GLib.Variant('o', '/a'), '/a'],
};

for (const [type, [content, expected]] of Object.entries(VARIANTS)) {
    test(`/js/values/variant/${type}`, () => {
        const queue = new Mp.Queue();
        queue.put(new GLib.Variant(type, content));
        assertEqual(queue.get(0), expected);
        queue.put([new GLib.Variant(type, content)]);
        assertEqual(queue.get(0), [expected]);
    });
}

test('/js/values/seen-as-variants', () => {
    const queue = new Mp.Queue();
    const seen = value => {
        queue.put(value);
        return queue.get_message().get_variant().print(true);
    };
    assertEqual(seen(5), 'int64 5');
    assertEqual(seen(5n), 'int64 5');
    assertEqual(seen(2 ** 53), '9007199254740992.0');
    assertEqual(seen(2n ** 63n), 'uint64 9223372036854775808');
    assertEqual(seen(null), '@mv nothing');
    assertEqual(seen({a: [1, 'b']}), "{'a': <[<int64 1>, <'b'>]>}");
    assertEqual(seen(new Map([[1, 2]])), '{int64 1: <int64 2>}');
    assertEqual(seen(new Uint8Array([1])), '[byte 0x01]');
    assertEqual(seen([new Uint8Array([1])]), '[<[byte 0x01]>]');
});

test('/js/values/large-integers-of-others', () => {
    const queue = new Mp.Queue();
    queue.put_json('[12345678901234567890, {"12345678901234567": "\\ue000\\"1"}, -9007199254740993, 1e30]');
    assertEqual(queue.get(0),
        [12345678901234567890n, {'12345678901234567': '\ue000"1'}, -9007199254740993n, 1e30]);
});

test('/js/values/object', () => {
    const queue = new Mp.Queue();
    Mp.serializable_enable(Pair.$gtype);
    queue.put(new Pair({left: 'l', right: 5}));

    const pair = queue.get_message(0).get_object(Pair);
    assert(pair instanceof Pair);
    assertEqual([pair.left, pair.right], ['l', 5]);
});

test('/js/values/message', () => {
    const queue = new Mp.Queue();
    queue.put(Mp.Message.new_json('{"a": 1}'));
    assertEqual(queue.get_message(0).value, {a: 1});
    queue.put(new GLib.Bytes(new Uint8Array([1])));
    assertEqual(queue.get(0), new Uint8Array([1]));
});

test('/js/values/bytes-are-a-copy', () => {
    const message = Mp.Message.new_bytes(new Uint8Array([1, 2]));
    message.value[0] = 99;
    message.get_bytes()[0] = 99;
    assertEqual(message.value, new Uint8Array([1, 2]));
});

test('/js/values/opaque-stays-queued', () => {
    const queue = new Mp.Queue();
    queue.put(Mp.Message.new_opaque(new Uint8Array([1]), 'dill'));
    assertThrows(() => queue.get(0), Mp.Error, Mp.Error.UNSUPPORTED);
    assertEqual(queue.get_message(0).get_codec(), 'dill');
});

await run();
