// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Creates an object of one class as GObject does, without the properties that its constructor sets,
// and calls every method: bare.js CLASS. Each call is printed before it is made, so that a crash
// can be attributed.

import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Mp from 'gi://Mp';

// These wait without a timeout, as for any simple queue.
const WAITS = {SimpleQueue: ['get', 'get_many']};

// The first argument. Timeouts are 0, and the last argument is a cancellable or a callback mostly.
const FILLERS = [0, null, 'text', new Uint8Array(2)];
const DEFAULT_ARGUMENTS = 2;

// Functions that return an array crash GJS itself if an argument has the wrong type.
const RETURNS_ARRAY = /^(try_)?(get|recv)_(data|pickle|vectors|tasks)$/;

// All arguments of these are of that kind: they are for the Python override, or take the result of a
// call.
const NOT_HERE = /^get_(payload|packed|tasks_finish)$/;

// Functions whose timeout is not the first argument.
const N_ARGUMENTS = {wait: 3};

function namesOf(prototype) {
    const names = new Set();
    for (let one = prototype; one && one !== GObject.Object.prototype; one = Object.getPrototypeOf(one))
        Reflect.ownKeys(one).forEach(name => names.add(name));
    for (const iface of [Mp.Waitable, Mp.Shareable])
        Reflect.ownKeys(iface.prototype).forEach(name => names.add(name));
    return [...names].filter(name => typeof name === 'string' && name !== 'constructor');
}

function argumentsOf(name, member, filler) {
    const n = N_ARGUMENTS[name] ?? Math.max(member.length, DEFAULT_ARGUMENTS);
    return [filler, ...Array(n - 2).fill(0), null];
}

function use(object, name) {
    let member;
    try {
        member = object[name];
    } catch (error) {
        return;
    }
    if (typeof member !== 'function')
        return;
    for (const filler of RETURNS_ARRAY.test(name) ? [0] : FILLERS) {
        try {
            const result = member.apply(object, argumentsOf(name, member, filler));
            result?.catch?.(() => {});
        } catch (error) {
            // Expected.
        }
    }
}

GLib.log_set_always_fatal(GLib.LogLevelFlags.LEVEL_ERROR);
const [name] = ARGV;
for (const member of namesOf(Mp[name].prototype)) {
    if (WAITS[name]?.includes(member) || NOT_HERE.test(member)) {
        print(`not ${member}`);
        continue;
    }
    print(member);
    use(GObject.Object.new(Mp[name].$gtype, {}), member);
}
print('end');
