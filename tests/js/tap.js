// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A test harness in one page.  A test file imports test (), registers its cases, which may be
// async, and ends with `await run()`; the output is TAP.

import GLib from 'gi://GLib';
import System from 'system';

const cases = [];

/** The exception thrown by skip (). */
class Skipped extends Error {}

/** Registers a case: `test('/queue/put', () => { … })`. */
export function test(path, body) {
    cases.push({path, body});
}

/** Ends the running case as skipped. */
export function skip(reason) {
    throw new Skipped(reason);
}

export function assert(condition, message = 'the condition does not hold') {
    if (!condition)
        throw new Error(message);
}

/** Compares by value: numbers, strings, arrays, objects, maps, sets and bytes. */
export function assertEqual(actual, expected) {
    if (!isEqual(actual, expected))
        throw new Error(`${describe(actual)} is not ${describe(expected)}`);
}

/** Expects a GLib error of a domain and code, and returns it. */
export function assertThrows(body, domain, code) {
    try {
        body();
    } catch (error) {
        if (error.matches?.(domain, code))
            return error;
        throw error;
    }
    throw new Error('no error was thrown');
}

/** The same for a promise. */
export async function assertRejects(promise, domain, code) {
    try {
        await promise;
    } catch (error) {
        if (error.matches?.(domain, code))
            return error;
        throw error;
    }
    throw new Error('no error was thrown');
}

/** Iterates the default main context until @condition holds; fails after @seconds. */
export async function until(condition, seconds = 120) {
    const deadline = GLib.get_monotonic_time() + seconds * 1000000;
    while (!condition()) {
        if (GLib.get_monotonic_time() > deadline)
            throw new Error(`the condition did not hold within ${seconds} s`);
        await new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }
}

/** Runs all cases and ends the process with the result as exit status. */
export async function run() {
    let failed = cases.length === 0;
    print(`1..${cases.length}`);
    for (const [index, {path, body}] of cases.entries()) {
        const verdict = await verdictOf(body);
        failed ||= verdict.failed;
        verdict.details.forEach(line => printerr(line));
        print(`${verdict.failed ? 'not ok' : 'ok'} ${index + 1} ${path}${verdict.directive}`);
    }
    System.exit(failed ? 1 : 0);
}

async function verdictOf(body) {
    try {
        await body();
    } catch (error) {
        if (error instanceof Skipped)
            return {failed: false, details: [], directive: ` # SKIP ${error.message}`};
        const details = `${error}\n${error.stack ?? ''}`.trim().split('\n');
        return {failed: true, details, directive: ''};
    }
    return {failed: false, details: [], directive: ''};
}

function isEqual(a, b) {
    if (Object.is(a, b))
        return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
        return false;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b))
        return false;
    const [left, right] = [entriesOf(a), entriesOf(b)];
    return left.length === right.length &&
        left.every(([key, value], index) =>
            isEqual(key, right[index][0]) && isEqual(value, right[index][1]));
}

function entriesOf(object) {
    if (object instanceof Map)
        return [...object.entries()];
    if (object instanceof Set)
        return [...object].map(member => [member, true]);
    return Object.entries(object);
}

function describe(value) {
    try {
        return JSON.stringify(value) ?? String(value);
    } catch (error) {
        return String(value);
    }
}
