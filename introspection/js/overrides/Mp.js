// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What makes the library JavaScript: native values in and out, arguments that may be left
// out, promises and iterators. Everything below that is the library's own.
//
// A value travels as JSON text when JSON can say it, since JSON.stringify () and JSON.parse ()
// are an order of magnitude faster than building a GLib.Variant. What JSON cannot say (bytes, BigInt, Map,
// -0, NaN and the infinities) travels as a GLib.Variant.

// All of it is one function, which is not indented for that: what stands at the top of such a
// file is looked up by name at each use, and the compiler does without its best. It makes a put
// of a small object 3 times as fast.

var _init = (function (Array, JSON, Number, Object) {

const {GLib, GObject} = imports.gi;

// How deep the library reads JSON, and how deep a GLib.Variant of variants can be.
const MAX_NESTING_OF_JSON = 128;
const MAX_NESTING_OF_VARIANTS = 61;

// After so many calls that did not have to wait, one waits for its turn in the main loop:
// promises that are fulfilled at once would never let it run.
const CALLS_PER_TURN = 32;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

let Mp;

// --- Values that JSON can say ------------------------------------------------------------

function unsupported(message) {
    return new GLib.Error(Mp.Error, Mp.Error.UNSUPPORTED, message);
}

function isUnsupported(error) {
    return error instanceof GLib.Error && error.matches(Mp.Error, Mp.Error.UNSUPPORTED);
}

function isPlainObject(value) {
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
}

// An integer that a number holds exactly is an integer everywhere; any other number is a float.
function isInteger(number) {
    return Number.isSafeInteger(number) && (number !== 0 || 1 / number > 0);
}

function fitsJson(value, nesting) {
    switch (typeof value) {
    case 'string':
    case 'boolean':
        return true;
    case 'number':
        return Number.isInteger(value) ? isInteger(value) : Number.isFinite(value);
    case 'object':
        return value === null || containerFitsJson(value, nesting);
    default:
        return false;
    }
}

function containerFitsJson(container, nesting) {
    const isArray = Array.isArray(container);
    if (!isArray && !isPlainObject(container))
        return false;
    if (nesting === MAX_NESTING_OF_JSON)
        throw unsupported('The value refers to itself, or is nested too deeply');

    if (isArray) {
        for (let i = 0; i < container.length; i++) {
            if (!fitsJson(container[i], nesting + 1))
                return false;
        }
    } else {
        for (const key in container) {
            if (!fitsJson(container[key], nesting + 1))
                return false;
        }
    }
    return true;
}

// JSON text, or undefined for a value that JSON cannot say.
function toJson(value) {
    return fitsJson(value, 0) ? JSON.stringify(value) : undefined;
}

// An integer of 9e15 or more, which may be too large for a number.
const LARGE_INTEGER = /(?:^|[^.\d])(?:9\d{15}|\d{17})/;

function fromJson(text) {
    return text.length > 15 && LARGE_INTEGER.test(text) ? fromJsonWithBigInt(text) : JSON.parse(text);
}

// A character that the text does not have, also not as an escape sequence.
function findMark(text) {
    for (let code = 0xe000; code < 0xf8ff; code++) {
        const mark = String.fromCharCode(code);
        const escaped = `\\u${code.toString(16)}`;
        if (!text.includes(mark) && !text.toLowerCase().includes(escaped))
            return mark;
    }
    throw unsupported('The JSON text uses every private character');
}

function endOfString(text, start) {
    let end = start;
    for (;;) {
        end = text.indexOf('"', end + 1);
        let backslash = end;
        while (text[backslash - 1] === '\\')
            backslash--;
        if ((end - backslash) % 2 === 0)
            return end + 1;
    }
}

// Large integers become marked strings, JSON.parse () reads those, and they become BigInts.
function fromJsonWithBigInt(text) {
    const mark = findMark(text);
    const token = /"|-?\d[\d.eE+-]*/g;
    let marked = '';
    let done = 0;
    let match;

    while ((match = token.exec(text)) !== null) {
        if (match[0] === '"') {
            token.lastIndex = endOfString(text, match.index);
        } else if (/^-?\d+$/.test(match[0]) && !Number.isSafeInteger(Number(match[0]))) {
            marked += `${text.slice(done, match.index)}"${mark}${match[0]}"`;
            done = token.lastIndex;
        }
    }

    return JSON.parse(marked + text.slice(done), (_key, value) =>
        typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(1)) : value);
}

// --- Values as GLib.Variant --------------------------------------------------------------

function nameOf(value) {
    if (typeof value !== 'object')
        return typeof value;
    return value.constructor?.name || 'Object';
}

function packNumber(number) {
    return isInteger(number)
        ? GLib.Variant.new_int64(number)
        : GLib.Variant.new_double(number);
}

function packBigInt(integer) {
    if (integer >= INT64_MIN && integer <= INT64_MAX)
        return GLib.Variant.new_int64(integer);
    if (integer >= 0n && integer <= UINT64_MAX)
        return GLib.Variant.new_uint64(integer);
    throw unsupported(`The integer ${integer} does not fit 64 bits`);
}

function packString(string) {
    // JSON could have said both.
    if (/[\0\p{Surrogate}]/u.test(string))
        throw unsupported('A GVariant holds no string with a NUL or half of a surrogate pair');
    return GLib.Variant.new_string(string);
}

function packBytes(bytes) {
    const owned = bytes instanceof GLib.Bytes ? bytes : new GLib.Bytes(bytes);
    return GLib.Variant.new_from_bytes(new GLib.VariantType('ay'), owned, true);
}

function packMap(map, nesting) {
    const members = {};
    for (const [key, value] of map) {
        if (typeof key !== 'bigint' && !(typeof key === 'number' && isInteger(key)))
            throw unsupported('A Map has a form in other languages when its keys are integers');
        if (key < INT64_MIN || key > INT64_MAX)
            throw unsupported(`The key ${key} does not fit 64 bits`);
        members[key] = pack(value, nesting);
    }
    return new GLib.Variant('a{xv}', members);
}

function packObject(object, nesting) {
    const entries = Object.entries(object).map(([key, value]) => GLib.Variant.new_dict_entry(
        packString(key), GLib.Variant.new_variant(pack(value, nesting))));
    return GLib.Variant.new_array(new GLib.VariantType('{sv}'), entries);
}

function packContainer(value, nesting) {
    if (value instanceof GLib.Variant)
        return value;
    if (value instanceof Uint8Array || value instanceof GLib.Bytes)
        return packBytes(value);
    if (nesting === MAX_NESTING_OF_VARIANTS)
        throw unsupported('The value refers to itself, or is nested too deeply');
    if (Array.isArray(value))
        return new GLib.Variant('av', Array.from(value, item => pack(item, nesting + 1)));
    if (value instanceof Map)
        return packMap(value, nesting + 1);
    if (isPlainObject(value))
        return packObject(value, nesting + 1);
    throw unsupported(`A value of the type ${nameOf(value)} has no form in other languages`);
}

function pack(value, nesting) {
    switch (typeof value) {
    case 'boolean':
        return GLib.Variant.new_boolean(value);
    case 'number':
        return packNumber(value);
    case 'bigint':
        return packBigInt(value);
    case 'string':
        return packString(value);
    case 'object':
        return value === null ? new GLib.Variant('mv', null) : packContainer(value, nesting);
    default:
        throw unsupported(`A value of the type ${typeof value} has no form in other languages`);
    }
}

// The bindings would round a 64-bit integer; its text is exact.
function unpackInteger(variant) {
    const integer = BigInt(variant.print(false));
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : integer;
}

function* childrenOf(variant) {
    const n = variant.n_children();
    for (let i = 0; i < n; i++)
        yield variant.get_child_value(i);
}

function unpackEntry(entry) {
    return [unpack(entry.get_child_value(0)), unpack(entry.get_child_value(1))];
}

function unpackDictionary(variant, keyType) {
    const entries = Array.from(childrenOf(variant), unpackEntry);
    return 'sog'.includes(keyType) ? Object.fromEntries(entries) : new Map(entries);
}

function unpackArray(variant, type) {
    if (type === 'ay')
        return variant.get_data_as_bytes().toArray().slice();
    if (type[1] === '{')
        return unpackDictionary(variant, type[2]);
    return Array.from(childrenOf(variant), unpack);
}

function unpack(variant) {
    const type = variant.get_type_string();
    switch (type[0]) {
    case 'b':
        return variant.get_boolean();
    case 'd':
        return variant.get_double();
    case 's':
    case 'o':
    case 'g':
        return variant.get_string()[0];
    case 'v':
        return unpack(variant.get_variant());
    case 'm':
        return variant.n_children() > 0 ? unpack(variant.get_child_value(0)) : null;
    case 'a':
        return unpackArray(variant, type);
    case '(':
        return Array.from(childrenOf(variant), unpack);
    case '{':
        return Object.fromEntries([unpackEntry(variant)]);
    case 'y':
        return variant.get_byte();
    default:
        return unpackInteger(variant);
    }
}

// --- Values and messages -----------------------------------------------------------------

function toMessage(value) {
    if (value instanceof Mp.Message)
        return value;
    if (value instanceof GLib.Variant)
        return Mp.Message.new_variant(value);
    if (value instanceof Uint8Array || value instanceof GLib.Bytes)
        return Mp.Message.new_bytes(value);
    if (value instanceof GObject.Object)
        return Mp.Message.new_object(value);

    const json = toJson(value);
    return json !== undefined
        ? Mp.Message.new_json(json)
        : Mp.Message.new_variant(pack(value, 0));
}

function fromMessage(message) {
    switch (message.get_format()) {
    case Mp.Format.BYTES:
        return message.get_bytes();
    case Mp.Format.OBJECT:
        return message.get_object(GObject.Object.$gtype);
    default:
        try {
            return fromJson(message.get_json());
        } catch (error) {
            if (!isUnsupported(error))
                throw error;
        }
        return unpack(message.get_variant());
    }
}

// The library writes a GVariant as JSON faster than a script reads it.
function fromVariant(variant) {
    return fromMessage(Mp.Message.new_variant(variant));
}

// --- Promises ----------------------------------------------------------------------------

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

// --- Queues ------------------------------------------------------------------------------

// The queues whose last message was bytes: the next one is likely to be so, too.
const getsBytes = new WeakSet();

// The rest of a timeout that began at @start, in microseconds.
function restOf(timeout, start) {
    return timeout <= 0 ? timeout : Math.max(0, timeout - (GLib.get_monotonic_time() - start));
}

// Gets in one form after the other: a message that has not the form asked for stays queued.
// When there is nothing @getData gives undefined, @getJson and @getVariant null.
function getNative(queue, getData, getJson, getVariant) {
    if (getsBytes.has(queue)) {
        try {
            return getData();
        } catch (error) {
            if (!isUnsupported(error))
                throw error;
            getsBytes.delete(queue);
        }
    }

    try {
        const json = getJson();
        return json !== null ? fromJson(json) : undefined;
    } catch (error) {
        if (!isUnsupported(error))
            throw error;
    }

    const variant = getVariant();
    if (variant === null)
        return undefined;
    const value = unpack(variant);
    if (value instanceof Uint8Array)
        getsBytes.add(queue);
    return value;
}

function overrideQueuePuts(prototype) {
    const {put_data, put_json, put_message, try_put_data, try_put_json, try_put_message} = prototype;
    const {put_message_async, put_message_finish} = prototype;

    // Each argument costs, so that those of waiting are for when there is no room.
    prototype.put = function (value, timeout = -1, cancellable = null) {
        if (value instanceof Uint8Array)
            return try_put_data.call(this, value) || put_data.call(this, value, timeout, cancellable);
        const json = toJson(value);
        return json !== undefined
            ? try_put_json.call(this, json) || put_json.call(this, json, timeout, cancellable)
            : put_message.call(this, toMessage(value), timeout, cancellable);
    };

    prototype.try_put = function (value) {
        if (value instanceof Uint8Array)
            return try_put_data.call(this, value);
        const json = toJson(value);
        return json !== undefined
            ? try_put_json.call(this, json)
            : try_put_message.call(this, toMessage(value));
    };

    prototype.put_finish = put_message_finish;
    prototype.put_async = function (value, priority = GLib.PRIORITY_DEFAULT, cancellable = null, callback) {
        if (callback)
            return put_message_async.call(this, toMessage(value), priority, cancellable, callback);
        return tryFirst(() => this.try_put(value) || undefined, cancellable, () => promise(
            this, put_message_async, put_message_finish, toMessage(value), priority, cancellable));
    };
}

// Not try_get_data (): no bytes and an empty message are the same to the bindings.
function tryGetData(queue, tryGetJson) {
    if (queue.is_empty()) {
        const json = tryGetJson.call(queue);
        return json !== null ? fromJson(json) : undefined;
    }
    try {
        return queue.get_data(0);
    } catch (error) {
        if (error instanceof Mp.Error && error.code === Mp.Error.EMPTY)
            return undefined;
        throw error;
    }
}

// Some values have a form in JSON alone, not as the GVariant that the library waits for. Such
// a message is still queued.
async function getLater(queue, getAsync, priority, cancellable) {
    try {
        return await promise(queue, getAsync, queue.get_finish, priority, cancellable);
    } catch (error) {
        if (!isUnsupported(error))
            throw error;
        const value = queue.try_get();
        return value !== undefined ? value : queue.get_async(priority, cancellable);
    }
}

function overrideQueueGets(prototype) {
    const {get, get_data, get_json, try_get, try_get_json} = prototype;
    const {get_async, get_finish} = prototype;

    // Most messages have a form as JSON: that is tried without further ado.
    prototype.get = function (timeout = -1, cancellable = null) {
        if (timeout > 0 || getsBytes.has(this))
            return getPatiently(this, timeout, cancellable);
        try {
            return fromJson(try_get_json.call(this) ?? get_json.call(this, timeout, cancellable));
        } catch (error) {
            if (!isUnsupported(error))
                throw error;
        }
        return getPatiently(this, timeout, cancellable);
    };

    function getPatiently(queue, timeout, cancellable) {
        const start = timeout > 0 ? GLib.get_monotonic_time() : 0;
        for (;;) {
            const value = getNative(queue,
                () => get_data.call(queue, restOf(timeout, start), cancellable),
                () => get_json.call(queue, restOf(timeout, start), cancellable),
                () => get.call(queue, restOf(timeout, start), cancellable));
            if (value !== undefined)
                return value;
        }
    }

    prototype.try_get = function () {
        return getNative(this,
            () => tryGetData(this, try_get_json),
            () => try_get_json.call(this),
            () => try_get.call(this));
    };

    prototype.get_finish = function (result) {
        return fromVariant(get_finish.call(this, result));
    };
    prototype.get_async = function (priority = GLib.PRIORITY_DEFAULT, cancellable = null, callback) {
        if (callback)
            return get_async.call(this, priority, cancellable, callback);
        return tryFirst(() => this.try_get(), cancellable,
            () => getLater(this, get_async, priority, cancellable));
    };
}

// Lets the last arguments of methods be left out: @methods has the number of those that
// are needed and then the defaults, by name.
function setDefaults(prototype, methods) {
    for (const [name, [nNeeded, ...defaults]] of Object.entries(methods)) {
        const method = prototype[name];
        prototype[name] = function (...args) {
            return method.call(this, ...args, ...defaults.slice(Math.max(0, args.length - nNeeded)));
        };
    }
}

// What waits takes a timeout in microseconds and a cancellable.
function waits(nNeeded) {
    return [nNeeded, -1, null];
}

// Arrays of messages do not pass the bindings, neither way. How many were put: an error would
// hide that, so that it is thrown only when none was.
function putMany(queue, values, timeout, cancellable) {
    const start = timeout > 0 ? GLib.get_monotonic_time() : 0;
    let n = 0;
    for (const value of values) {
        try {
            queue.put(value, restOf(timeout, start), cancellable);
        } catch (error) {
            if (n === 0 || !(error instanceof GLib.Error) || isUnsupported(error))
                throw error;
            break;
        }
        n++;
    }
    return n;
}

function getMany(queue, max, timeout, cancellable) {
    const values = [queue.get(timeout, cancellable)];
    while (values.length < max) {
        const value = tryGetOrEnd(queue);
        if (value === undefined)
            break;
        values.push(value);
    }
    return values;
}

// What was got must not be lost because there is nothing else.
function tryGetOrEnd(queue) {
    try {
        return queue.try_get();
    } catch (error) {
        if (error instanceof GLib.Error)
            return undefined;
        throw error;
    }
}

function overrideQueue({Queue}) {
    const {prototype} = Queue;
    const {get_bytes} = prototype;

    overrideQueuePuts(prototype);
    overrideQueueGets(prototype);
    setDefaults(Queue, {new: [0, 0], open: [1, null]});
    setDefaults(prototype, {
        put_bytes: waits(1),
        put_data: waits(1),
        get_data: waits(0),
        put_json: waits(1),
        get_json: waits(0),
        put_pickle: waits(1),
        get_pickle: waits(0),
        put_message: waits(1),
        get_message: waits(0),
        flush: waits(0),
        wait: waits(1),
        shutdown: [0, false],
        create_source: [0, null],
    });
    prototype.get_bytes = function (timeout = -1, cancellable = null) {
        return asBytes(get_bytes.call(this, timeout, cancellable));
    };
    prototype.put_many = function (values, timeout = -1, cancellable = null) {
        return putMany(this, values, timeout, cancellable);
    };
    prototype.get_many = function (max, timeout = -1, cancellable = null) {
        return getMany(this, max, timeout, cancellable);
    };
    promisify(prototype, 'put_message', [undefined], {
        attempt: (queue, message) => queue.try_put_message(message) || undefined,
    });
    promisify(prototype, 'get_message', [], {attempt: queue => queue.try_get_message() ?? undefined});
    makeIterable(prototype, 'get', 'get_async');
}

function overrideJoinableQueue({JoinableQueue, Task}) {
    const {prototype} = JoinableQueue;

    setDefaults(JoinableQueue, {new: [0, 0]});
    setDefaults(prototype, {join: waits(0), wait_done: waits(0), get_task: waits(0)});
    promisify(prototype, 'join', []);
    promisify(prototype, 'get_task', [], {attempt: queue => queue.try_get_task() ?? undefined});

    const {list_progress} = prototype;
    prototype.list_progress = function () {
        return fromVariant(list_progress.call(this)).map(
            ([id, pid, delivery_count, fraction, text]) => ({id, pid, delivery_count, fraction, text}));
    };

    // Tasks instead of values, until the queue is shut down.
    prototype.tasks = function () {
        return iterable(() => this.get_task(), () => this.get_task_async());
    };

    setDefaults(Task.prototype, {set_progress: [1, null]});
    Object.defineProperty(Task.prototype, 'value', {
        get() {
            return this.get_message().value;
        },
    });
}

function overrideSimpleQueue({Queue, SimpleQueue}) {
    SimpleQueue.prototype.put = function (value) {
        return Queue.prototype.put.call(this, value);
    };
    SimpleQueue.prototype.get = function () {
        return Queue.prototype.get.call(this);
    };
}

// --- Messages ----------------------------------------------------------------------------

function overrideMessage({Message}) {
    const {get_bytes, get_object} = Message.prototype;

    // The value in the form that this language has for it.
    Object.defineProperty(Message.prototype, 'value', {
        get() {
            return fromMessage(this);
        },
    });
    Message.new_value = toMessage;
    Message.prototype.get_bytes = function () {
        return asBytes(get_bytes.call(this));
    };
    Message.prototype.get_object = function (type = GObject.Object) {
        return get_object.call(this, type.$gtype ?? type);
    };
}

// --- Connections -------------------------------------------------------------------------

function overrideConnectionSends(prototype) {
    const {send_json, send_message, send_message_async, send_message_finish} = prototype;

    prototype.send = function (value, timeout = -1, cancellable = null) {
        const json = value instanceof Uint8Array ? undefined : toJson(value);
        return json !== undefined
            ? send_json.call(this, json, timeout, cancellable)
            : send_message.call(this, toMessage(value), timeout, cancellable);
    };
    prototype.send_finish = send_message_finish;
    prototype.send_async = function (value, ...rest) {
        return this.send_message_async(toMessage(value), ...rest);
    };
    setDefaults(prototype, {
        send_bytes: waits(1),
        send_data: waits(1),
        send_json: waits(1),
        send_pickle: waits(1),
        send_message: waits(1),
    });
    promisify(prototype, 'send_bytes', [undefined]);
    promisify(prototype, 'send_message', [undefined]);
}

function overrideConnectionReceives(prototype) {
    const {recv_bytes, try_recv_bytes} = prototype;
    const {recv_message, try_recv_message, recv_message_async, recv_message_finish} = prototype;

    prototype.recv = function (timeout = -1, cancellable = null) {
        return fromMessage(recv_message.call(this, timeout, cancellable));
    };
    prototype.try_recv = function () {
        const message = try_recv_message.call(this);
        return message !== null ? fromMessage(message) : undefined;
    };
    prototype.recv_async = recv_message_async;
    prototype.recv_finish = recv_message_finish;
    promisify(prototype, 'recv', [], {
        convert: fromMessage,
        attempt: connection => connection.try_recv(),
    });

    prototype.recv_bytes = function (maximum = -1, timeout = -1, cancellable = null) {
        return asBytes(recv_bytes.call(this, maximum, timeout, cancellable));
    };
    prototype.try_recv_bytes = function (maximum = -1) {
        return asBytes(try_recv_bytes.call(this, maximum));
    };
    setDefaults(prototype, {
        recv_data: waits(0),
        recv_json: waits(0),
        recv_pickle: waits(0),
        recv_message: waits(0),
    });
    promisify(prototype, 'recv_message', [], {attempt: connection => connection.try_recv_message() ?? undefined});
    promisify(prototype, 'recv_bytes', [-1], {
        convert: asBytes,
        attempt: (connection, maximum) => connection.try_recv_bytes(maximum),
    });
}

function overrideConnection({Connection}) {
    const {prototype} = Connection;

    overrideConnectionSends(prototype);
    overrideConnectionReceives(prototype);
    setDefaults(prototype, {
        poll: [0, 0, null],
        flush: waits(0),
        recv_shareable: waits(0),
        send_shareable: waits(1),
        wait: waits(1),
        create_source: [0, null],
    });
    promisify(prototype, 'close', []);
    makeIterable(prototype, 'recv', 'recv_async');
}

function overridePipe() {
    const {pipe} = Mp;

    Mp.pipe = function (duplex = true) {
        return pipe(duplex).slice(1);
    };
}

// --- Listeners ---------------------------------------------------------------------------

function overrideListener({Listener, Connector}) {
    setDefaults(Listener, {new: [0, null, null]});
    setDefaults(Listener.prototype, {accept: waits(0), wait: waits(0)});
    promisify(Listener.prototype, 'accept', [], {attempt: listener => listener.try_accept() ?? undefined});
    makeIterable(Listener.prototype, 'accept', 'accept_async');

    setDefaults(Connector, {new: [1, null]});
    setDefaults(Connector.prototype, {open: waits(0)});
    promisify(Connector.prototype, 'open', []);

    setDefaults(Mp, {connect: [1, null, -1, null]});
    promisify(Mp, 'connect', [undefined, null]);
}

// --- Processes and waiting ---------------------------------------------------------------

function overrideProcess({Process}) {
    setDefaults(Process.prototype, {join: waits(0)});
    promisify(Process.prototype, 'join', []);
}

function overrideWait() {
    setDefaults(Mp, {wait: waits(1), wait_interruptible: waits(1)});
    promisify(Mp, 'wait', [undefined, -1]);
}

return function () {
    Mp = this;

    overrideMessage(Mp);
    overrideQueue(Mp);
    overrideJoinableQueue(Mp);
    overrideSimpleQueue(Mp);
    overrideConnection(Mp);
    overridePipe();
    overrideListener(Mp);
    overrideProcess(Mp);
    overrideWait();
};

})(Array, JSON, Number, Object);
