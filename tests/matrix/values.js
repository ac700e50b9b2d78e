// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What JavaScript puts and gets in the matrix of values; see tests/js/test-matrix.js.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assertEqual} from '../js/tap.js';

const REFUSED = Symbol('refused');
const NOTHING = Symbol('not put from here');

function nest(depth, innermost) {
    let value = innermost;
    for (let i = 0; i < depth; i++)
        value = [value];
    return value;
}

const shared = [1];

// What is put, and what is got where that is something else.
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
    'tuple': [NOTHING, [1, ['a', []]]],
    'set': [NOTHING, REFUSED],
    'shared': [[shared, shared], [[1], [1]]],
    'recursive': [NOTHING, REFUSED],
    'deep': [nest(60, 1)],
    'deep-10000': [NOTHING, REFUSED],
};

function put() {
    const values = Mp.inherit('values');
    for (const [name, [value]] of Object.entries(CASES)) {
        if (value === NOTHING)
            continue;
        values.put(name);
        values.put(value);
    }
    values.put('deep-10000');
    values.put_json('['.repeat(10000) + ']'.repeat(10000));
}

function check(values, expected) {
    let value;
    try {
        value = values.get();
    } catch (error) {
        if (!(error instanceof Mp.Error))
            throw error;
        values.get_message();
        return expected === REFUSED ? '' : error.message;
    }
    try {
        assertEqual(value, expected);
    } catch (error) {
        return error.message;
    }
    return '';
}

function get() {
    const [values, results] = [Mp.inherit('values'), Mp.inherit('results')];
    for (const name of values) {
        const [value, expected = value] = CASES[name];
        results.put([name, check(values, expected)]);
    }
}

({put, get})[ARGV[0]]();
