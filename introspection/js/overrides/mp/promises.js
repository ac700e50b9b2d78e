// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Promises for asynchronous calls, and iterators over what comes until the end.
//
// One function, as in values.js.

var forModule = (function () {

const {GLib} = imports.gi;

// After so many calls that did not have to wait, one waits for its turn in the main loop:
// promises that are fulfilled at once would never let it run.
const CALLS_PER_TURN = 32;

let Mp;

function promise(object, start, finish, ...args) {
    return new Promise((resolve, reject) => {
        start.call(object, ...args, (_source, result) => {
            try {
                resolve(finish.call(object, result));
            } catch (error) {
                reject(error);
            }
        });
    });
}

let calls = 0;

function mayTry(cancellable) {
    calls = (calls + 1) % CALLS_PER_TURN;
    return calls !== 0 && !cancellable?.is_cancelled();
}

// Tries at once and makes a promise that waits only where that is not enough.
function tryFirst(attempt, cancellable, wait) {
    try {
        const value = mayTry(cancellable) ? attempt() : undefined;
        return value !== undefined ? Promise.resolve(value) : wait();
    } catch (error) {
        return Promise.reject(error);
    }
}

// Gives an asynchronous method its promise. @defaults has one for each argument that comes
// before the priority and the cancellable, all of which may be left out; @convert makes the
// result what this language has for it; @attempt gives the converted result at once, or
// undefined. With a callback it is the method it was.
function promisify(prototype, name, defaults, {convert, attempt} = {}) {
    const start = prototype[`${name}_async`];
    const finish = prototype[`${name}_finish`];
    const finishConverted = !convert ? finish : function (result) {
        return convert(finish.call(this, result));
    };

    prototype[`${name}_finish`] = finishConverted;
    prototype[`${name}_async`] = function (...args) {
        const given = defaults.map((value, i) => args[i] ?? value);
        const [priority = GLib.PRIORITY_DEFAULT, cancellable = null, callback] = args.slice(defaults.length);
        if (callback)
            return start.call(this, ...given, priority, cancellable, callback);

        const wait = () => promise(this, start, finishConverted, ...given, priority, cancellable);
        return attempt
            ? tryFirst(() => attempt(this, ...given), cancellable, wait)
            : wait();
    };
}

function asBytes(bytes) {
    return bytes?.toArray().slice();
}

// --- Iteration ---------------------------------------------------------------------------

function isEnd(error) {
    return error instanceof Mp.Error &&
        (error.code === Mp.Error.CLOSED || error.code === Mp.Error.END_OF_STREAM);
}

// Both iterators of what @next and @nextAsync give until the end.
function iterable(next, nextAsync) {
    return {
        *[Symbol.iterator]() {
            for (;;) {
                let value;
                try {
                    value = next();
                } catch (error) {
                    if (isEnd(error))
                        return;
                    throw error;
                }
                yield value;
            }
        },

        async *[Symbol.asyncIterator]() {
            for (;;) {
                let value;
                try {
                    value = await nextAsync();
                } catch (error) {
                    if (isEnd(error))
                        return;
                    throw error;
                }
                yield value;
            }
        },
    };
}

function makeIterable(prototype, next, nextAsync) {
    const of = self => iterable(() => self[next](), () => self[nextAsync]());

    prototype[Symbol.iterator] = function () {
        return of(this)[Symbol.iterator]();
    };
    prototype[Symbol.asyncIterator] = function () {
        return of(this)[Symbol.asyncIterator]();
    };
}

// The functions for others, given the module Mp.
return function (module) {
    Mp = module;
    return {promise, tryFirst, promisify, asBytes, makeIterable, iterable};
};

})();
