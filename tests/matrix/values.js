// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What JavaScript puts and gets in the matrix of values; see tests/js/test-matrix.js.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertThrows} from '../js/tap.js';

const REFUSED = Symbol('refused');
const NOTHING = Symbol('not put from here');

function nest(depth, innermost) {
    let value = innermost;
    for (let i = 0; i < depth; i++)
        value = [value];
    return value;
}

function tuple(...members) {
    return GLib.Variant.new_tuple(members);
}

const shared = [1];
const recursive = [];
recursive.push(recursive);

// The values that are put, followed by the expected values if they differ.
const CASES = {
    'null': [null],
    'booleans': [[true, false]],
    'integers': [[0, 1, -1, 2 ** 53 - 1]],
    'int64-limits': [[-(2n ** 63n), 2n ** 63n - 1n]],
    'uint64-limits': [[2n ** 63n, 2n ** 64n - 1n]],
    'huge-integer': [NOTHING, REFUSED],
    'floats': [[0.1, -2.5, 1e300, 2.5e-308]],
    'whole-float': [new GLib.Variant('d', 1), 1],
    'infinity': [Infinity],
    'minus-infinity': [-Infinity],
    'nan': [NaN],
    'minus-zero': [-0],
    'strings': [['', 'häß 😀', '"\\/\u2028']],
    'nul': ['a\0b'],
    'surrogate': ['a\ud83d'],
    'bytes': [new Uint8Array([0, 255, 7])],
    'no-bytes': [new Uint8Array()],
    'bytes-inside': [{data: [new Uint8Array([1])]}],
    'list': [[1, 'two', null, [3.5]]],
    'empty-list': [[]],
    'dict': [{a: {b: [true]}, '': 1}],
    'empty-dict': [{}],
    'int-keys': [new Map([[-5, 'five'], [2n ** 60n, [1]]])],
    'tuple': [
        tuple(new GLib.Variant('v', new GLib.Variant('x', 1)),
            new GLib.Variant('v', tuple(
                new GLib.Variant('v', new GLib.Variant('s', 'a')),
                new GLib.Variant('v', tuple())))),
        [1, ['a', []]],
    ],
    'set': [NOTHING, REFUSED],
    'shared': [[shared, shared], [[1], [1]]],
    'recursive': [NOTHING, REFUSED],
    'deep': [nest(55, 1)],
    'opaque': [Mp.Message.new_opaque(new Uint8Array([1]), 'dill'), REFUSED],
};

const REFUSED_TO_PUT = {
    'huge-integer': 10n ** 30n,
    'set': new Set([1, 2]),
    'recursive': recursive,
};

function put() {
    const values = Mp.inherit('values');
    for (const [name, [value]] of Object.entries(CASES)) {
        if (value === NOTHING) {
            assertThrows(() => values.put(REFUSED_TO_PUT[name]), Mp.Error, Mp.Error.UNSUPPORTED);
            continue;
        }
        values.put(name);
        values.put(value);
        if (value instanceof Mp.Message)
            continue;
        values.put(`${name} inside`);
        values.put({in: [value]});
    }
    assertThrows(() => values.put(nest(10000, 1)), Mp.Error, Mp.Error.UNSUPPORTED);
    assertThrows(() => values.put_json('['.repeat(10000) + ']'.repeat(10000)),
        Mp.Error, Mp.Error.INVALID_MESSAGE);
}

function check(values, name, expected) {
    let value;
    try {
        value = values.get();
    } catch (error) {
        if (!(error instanceof Mp.Error))
            throw error;
        values.get_message();
        assert(!name.startsWith('opaque') || error.message.includes('dill'), error.message);
        return expected === REFUSED ? '' : error.message;
    }
    assertEqual(value, name.endsWith(' inside') ? {in: [expected]} : expected);
    return '';
}

function verdict(values, name) {
    const [value, expected = value] = CASES[name.replace(' inside', '')];
    try {
        return check(values, name, expected);
    } catch (error) {
        return error.message;
    }
}

function get() {
    const [values, results] = [Mp.inherit('values'), Mp.inherit('results')];
    for (const name of values)
        results.put([name, verdict(values, name)]);
}

({put, get})[ARGV[0]]();
