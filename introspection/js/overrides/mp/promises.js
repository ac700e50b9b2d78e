// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Promises for asynchronous calls, and iterators that end with the queue or connection.
//
// Wrapped in one function for speed: see values.js.

var forModule = (function () {

const {GLib} = imports.gi;

// After this many calls that did not have to wait, one waits for an iteration of the main loop:
// promises that are fulfilled at once would never let it run.
const CALLS_PER_TURN = 32;
const MS_PER_TURN = 2;

// What may come without pause waits below the priority at which a window is drawn.
const STREAM_PRIORITY = GLib.PRIORITY_DEFAULT_IDLE;

let Mp;

let calls = 0;
let endOfTurn = 0;

function beginTurn() {
    calls = 0;
    endOfTurn = Date.now() + MS_PER_TURN;
}

function mayTry(cancellable) {
    calls++;
    return calls < CALLS_PER_TURN && Date.now() < endOfTurn && !cancellable?.is_cancelled();
}

function promise(object, start, finish, ...args) {
    return new Promise((resolve, reject) => {
        start.call(object, ...args, (_source, result) => {
            beginTurn();
            try {
                resolve(finish.call(object, result));
            } catch (error) {
                reject(error);
            }
        });
    });
}

// Tries at once, and returns a promise that waits only if that was not successful.
function tryFirst(attempt, cancellable, wait) {
    try {
        const value = mayTry(cancellable) ? attempt() : undefined;
        return value !== undefined ? Promise.resolve(value) : wait();
    } catch (error) {
        return Promise.reject(error);
    }
}

// Makes an asynchronous method return a promise. @defaults has one default for each argument before
// the priority and the cancellable, all of which are optional; @convert converts the result to a
// native value; @attempt returns the converted result at once, or undefined. With a callback, the
// original method is called.
function promisify(prototype, name, defaults, {convert, attempt, ioPriority = GLib.PRIORITY_DEFAULT} = {}) {
    const start = prototype[`${name}_async`];
    const finish = prototype[`${name}_finish`];
    const finishConverted = !convert ? finish : function (result) {
        return convert(finish.call(this, result));
    };

    prototype[`${name}_finish`] = finishConverted;
    prototype[`${name}_async`] = function (...args) {
        const given = defaults.map((value, i) => args[i] ?? value);
        const [priority = ioPriority, cancellable = null, callback] = args.slice(defaults.length);
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

// Returns both kinds of iterators over the results of @next and @nextAsync.
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

// Makes objects iterable; @name is the method for callers that want another priority.
function makeIterable(prototype, name, next, nextAsync) {
    prototype[name] = function (priority) {
        return iterable(() => this[next](), () => this[nextAsync](priority));
    };
    prototype[Symbol.iterator] = function () {
        return this[name]()[Symbol.iterator]();
    };
    prototype[Symbol.asyncIterator] = function () {
        return this[name]()[Symbol.asyncIterator]();
    };
}

// Returns the functions for other files, given the module Mp.
return function (module) {
    Mp = module;
    return {STREAM_PRIORITY, promise, tryFirst, promisify, asBytes, makeIterable, iterable};
};

})();
