// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The workers in JavaScript of language_peer.py: gjs -m language-peer.js ROLE KIND SIZE N

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import System from 'system';

const N_VALUES = 256;

const [role, kind, size, n] = [ARGV[0], ARGV[1], Number(ARGV[2]), Number(ARGV[3])];
const queue = Mp.inherit('values');
const reports = Mp.inherit('reports');

function makeValue(number) {
    if (kind === 'bytes')
        return new Uint8Array(size).fill(number, 0, 1);
    return {id: number, name: 'a task', ratio: 0.5, tags: ['x', 'y']};
}

const values = Array.from({length: N_VALUES}, (_value, number) => makeValue(number));
const key = kind === 'bytes' ? 0 : 'id';

function waitForStart() {
    reports.put({});
    Mp.inherit('starts').get();
    return GLib.get_monotonic_time();
}

function produce() {
    const start = waitForStart();
    for (let i = 0; i < n; i++)
        queue.put(values[i % N_VALUES]);
    return {start};
}

function consume() {
    let sum = 0;
    waitForStart();
    for (let i = 0; i < n; i++)
        sum += queue.get()[key];
    return {end: GLib.get_monotonic_time(), sum};
}

// Puts and gets in one process.
function ask(put, get) {
    let sum = 0;
    const start = waitForStart();
    for (let i = 0; i < n; i++) {
        put(values[i % N_VALUES]);
        sum += get()[key];
    }
    return {start, end: GLib.get_monotonic_time(), sum};
}

const roles = {
    put: produce,
    get: consume,
    alone: () => ask(value => queue.put(value), () => queue.get()),
    below: () => ask(value => queue.try_put_json(JSON.stringify(value)),
        () => JSON.parse(queue.try_get_json())),
};

reports.put(roles[role]());
System.exit(0);
