// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The JavaScript override: native values, optional arguments, promises and iterators. Everything
// else is introspected from the library.
//
// Wrapped in one function for speed: see mp/values.js.

var _init = (function () {

const {Gio, GLib, GObject} = imports.gi;
const {values, promises} = imports.overrides.mp;

let Mp;
let isUnsupported, toJson, fromJson, unpack, toMessage, fromMessage, fromVariant;
let STREAM_PRIORITY, promise, tryFirst, promisify, asBytes, makeIterable, iterable;

// --- Queues ------------------------------------------------------------------------------

// The queues whose last message was bytes: the next one probably is too.
const getsBytes = new WeakSet();

// The remaining part of a timeout that began at @start, in microseconds.
function restOf(timeout, start) {
    return timeout <= 0 ? timeout : Math.max(0, timeout - (GLib.get_monotonic_time() - start));
}

// Tries to get the message in one format after the other: a message that cannot be converted to the
// requested format stays queued. If there is no message, @getData returns undefined, and @getJson
// and @getVariant return null.
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

// Whether the queue is on a server, so that an attempt would wait for its answer.
function isRemote(queue) {
    queue._isRemote ??= /^redis/.test(queue.uri ?? '');
    return queue._isRemote;
}

function overrideQueuePuts(prototype) {
    const {put_data, put_json, put_message, try_put_data, try_put_json, try_put_message} = prototype;
    const {put_message_async, put_message_finish} = prototype;

    // Each argument has a cost, so the arguments for waiting are passed only if there is no room.
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
    prototype.put_async = function (value, priority = STREAM_PRIORITY, cancellable = null, callback) {
        if (callback)
            return put_message_async.call(this, toMessage(value), priority, cancellable, callback);
        return tryFirst(() => !isRemote(this) && this.try_put(value) || undefined, cancellable, () => promise(
            this, put_message_async, put_message_finish, toMessage(value), priority, cancellable));
    };
}

function isBusy(error) {
    return error instanceof GLib.Error && error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.BUSY);
}

// try_get_data () cannot be used: bindings return the same for no message and an empty one.
function tryGetData(queue, tryGetJson) {
    if (queue.is_empty()) {
        const json = tryGetJson.call(queue);
        return json !== null ? fromJson(json) : undefined;
    }
    try {
        return queue.get_data(0);
    } catch (error) {
        // BUSY: another process holds a lock.
        if (error instanceof Mp.Error && error.code === Mp.Error.EMPTY || isBusy(error))
            return undefined;
        throw error;
    }
}

// Some values can be represented only in JSON, not as the GVariant for which get_async () waits.
// Such a message is still queued.
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

    // Most messages can be represented in JSON, so that is tried first.
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
    prototype.get_async = function (priority = STREAM_PRIORITY, cancellable = null, callback) {
        if (callback)
            return get_async.call(this, priority, cancellable, callback);
        if (isRemote(this))
            return this.get_message_async(priority, cancellable).then(fromMessage);
        return tryFirst(() => this.try_get(), cancellable,
            () => getLater(this, get_async, priority, cancellable));
    };
}

// Makes the last arguments of methods optional: @methods has, by name, the number of required
// arguments, followed by the defaults of the others.
function setDefaults(prototype, methods) {
    for (const [name, [nNeeded, ...defaults]] of Object.entries(methods)) {
        const method = prototype[name];
        prototype[name] = function (...args) {
            return method.call(this, ...args, ...defaults.slice(Math.max(0, args.length - nNeeded)));
        };
    }
}

// The defaults of calls that wait: a timeout in microseconds and a cancellable.
function waits(nNeeded) {
    return [nNeeded, -1, null];
}

// The bindings cannot convert arrays of messages. Returns how many values were put; an error is
// thrown only if none was, since it would hide that number.
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
    return [queue.get(timeout, cancellable), ...tryGetMany(queue, max - 1)];
}

function tryGetMany(queue, max) {
    const values = [];
    while (values.length < max) {
        const value = tryGetOrEnd(queue);
        if (value === undefined)
            break;
        values.push(value);
    }
    return values;
}

// On a server, what is put at the same time is sent in few steps, in order.
async function putManyLater(queue, values, priority, cancellable) {
    if (!isRemote(queue)) {
        for (const value of values)
            await queue.put_async(value, priority, cancellable);
        return values.length;
    }
    const results = await Promise.allSettled(values.map(value => queue.put_async(value, priority, cancellable)));
    const failed = results.findIndex(({status}) => status === 'rejected');
    if (failed === 0)
        throw results[0].reason;
    return failed < 0 ? values.length : failed;
}

// On a server, one answer is for all gets that wait; the rest is cancelled, which takes nothing.
async function getManyLater(queue, max, priority) {
    if (!isRemote(queue))
        return [await queue.get_async(priority), ...tryGetMany(queue, max - 1)];
    const cancellable = new Gio.Cancellable();
    const gets = Array.from({length: max}, () => queue.get_async(priority, cancellable));
    await Promise.race(gets).catch(() => {});
    cancellable.cancel();
    const results = await Promise.allSettled(gets);
    const values = results.filter(({status}) => status === 'fulfilled').map(({value}) => value);
    if (values.length === 0)
        throw results[0].reason;
    return values;
}

// Messages that were got must not be lost because there are no more.
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
        put_payload: [2, -1],
        start: [0, STREAM_PRIORITY],
        get_payload: [1, -1],
        put_message: waits(1),
        get_message: waits(0),
        flush: waits(0),
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
    prototype.put_many_async = function (values, priority = STREAM_PRIORITY, cancellable = null) {
        return putManyLater(this, [...values], priority, cancellable);
    };
    prototype.get_many_async = function (max = 64, priority = STREAM_PRIORITY) {
        return getManyLater(this, max, priority);
    };
    promisify(prototype, 'put_message', [undefined], {
        ioPriority: STREAM_PRIORITY,
        attempt: (queue, message) => !isRemote(queue) && queue.try_put_message(message) || undefined,
    });
    promisify(prototype, 'get_message', [], {
        ioPriority: STREAM_PRIORITY,
        attempt: queue => isRemote(queue) ? undefined : queue.try_get_message() ?? undefined,
    });
    promisify(prototype, 'clear', []);
    promisify(prototype, 'shutdown', [false]);
    makeIterable(prototype, 'values', 'get', 'get_async');
}

function overrideJoinableQueue({JoinableQueue, Task}) {
    const {prototype} = JoinableQueue;

    setDefaults(JoinableQueue, {new: [0, 0]});
    setDefaults(prototype, {join: waits(0), get_task: waits(0), get_tasks: waits(1), requeue_dead: [0, -1]});
    promisify(prototype, 'join', []);
    promisify(prototype, 'get_task', [], {
        ioPriority: STREAM_PRIORITY,
        attempt: queue => isRemote(queue) ? undefined : queue.try_get_task() ?? undefined,
    });
    promisify(prototype, 'get_tasks', [64], {ioPriority: STREAM_PRIORITY});
    promisify(prototype, 'finish_tasks', [undefined]);
    promisify(prototype, 'task_done', []);
    promisify(Task.prototype, 'done', []);
    promisify(Task.prototype, 'retry', []);

    const {list_progress} = prototype;
    prototype.list_progress = function () {
        return fromVariant(list_progress.call(this)).map(
            ([id, pid, delivery_count, fraction, text]) => ({id, pid, delivery_count, fraction, text}));
    };

    // Iterates over tasks instead of values, until the queue is shut down.
    prototype.tasks = function (priority) {
        return iterable(() => this.get_task(), () => this.get_task_async(priority));
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

    // The value as a native value.
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
    promisify(prototype, 'send_bytes', [undefined], {ioPriority: STREAM_PRIORITY});
    promisify(prototype, 'send_message', [undefined], {ioPriority: STREAM_PRIORITY});
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
        ioPriority: STREAM_PRIORITY,
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
    promisify(prototype, 'recv_message', [], {
        ioPriority: STREAM_PRIORITY,
        attempt: connection => connection.try_recv_message() ?? undefined,
    });
    promisify(prototype, 'recv_bytes', [-1], {
        ioPriority: STREAM_PRIORITY,
        convert: asBytes,
        attempt: (connection, maximum) => connection.try_recv_bytes(maximum),
    });
}

// Any number of calls may be in progress.
function overrideCalls({Connection, Invocation}) {
    const {prototype} = Connection;
    const {call_message_async, call_message_finish} = prototype;
    const {get_message, return_message} = Invocation.prototype;

    setDefaults(prototype, {call: waits(1)});
    const {call} = prototype;
    prototype.call = function (value, timeout = -1, cancellable = null) {
        return fromVariant(call.call(this, toMessage(value).get_variant(), timeout, cancellable));
    };
    prototype.call_finish = function (result) {
        return fromMessage(call_message_finish.call(this, result));
    };
    prototype.call_async = function (value, timeout = -1, priority = GLib.PRIORITY_DEFAULT, cancellable = null, callback) {
        const message = toMessage(value);
        return callback
            ? call_message_async.call(this, message, timeout, priority, cancellable, callback)
            : promise(this, call_message_async, prototype.call_finish, message, timeout, priority, cancellable);
    };
    promisify(prototype, 'call_message', [undefined, -1]);

    Object.defineProperty(Invocation.prototype, 'value', {
        get() {
            return fromMessage(get_message.call(this));
        },
    });
    Invocation.prototype.return_value = function (value) {
        return_message.call(this, toMessage(value));
    };
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
        create_source: [0, null],
        start: [0, STREAM_PRIORITY],
    });
    promisify(prototype, 'close', []);
    makeIterable(prototype, 'values', 'recv', 'recv_async');
}

function overridePipe() {
    const {pipe} = Mp;

    Mp.pipe = function (duplex = true) {
        return pipe(duplex).slice(1);
    };
}

// --- Queues by URI -----------------------------------------------------------------------

// Opens the queue at a URI such as 'local:tasks', and creates it if there is none. The parameters
// are what it has to have, for example {mode: 'joinable', maxSize: 100, create: false}.
function overrideOpening() {
    function uriWith(uri, parameters) {
        const words = Object.entries(parameters).map(([name, value]) => {
            const dashed = name.replace(/_/g, '-').replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
            const text = typeof value === 'boolean' ? ['no', 'yes'][Number(value)] : String(value);
            return `${dashed}=${encodeURIComponent(text)}`;
        });
        const query = words.length > 0 ? `${uri.includes('?') ? '&' : '?'}${words.join('&')}` : '';
        return `${uri}${query}`;
    }

    Gio._promisify(Mp.Queue, 'open_async', 'open_finish');
    Mp.queue_open = function (uri, parameters = {}) {
        return Mp.Queue.open(uriWith(uri, parameters), null);
    };
    Mp.queue_open_async = function (uri, parameters = {}, priority = GLib.PRIORITY_DEFAULT, cancellable = null) {
        return Mp.Queue.open_async(uriWith(uri, parameters), priority, cancellable);
    };
}

// --- Text for C --------------------------------------------------------------------------

// The bindings would truncate such a text at its NUL.
function checkText(value) {
    for (const text of Array.isArray(value) ? value : [value]) {
        if (typeof text === 'string' && text.includes('\0'))
            throw new GLib.Error(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_ARGUMENT, 'A text for C has no NUL in it');
    }
}

// Checks the arguments of functions, among which are addresses, paths, arguments or variables.
function checkTexts(object, ...names) {
    for (const name of names) {
        const method = object[name];
        object[name] = function (...args) {
            args.forEach(checkText);
            return method.apply(this, args);
        };
    }
}

// The same for the properties that a constructor gets.
function checkProperties(kind) {
    checkTexts(kind, 'new');
    const {_init} = kind.prototype;
    kind.prototype._init = function (properties = {}, ...rest) {
        Object.values(properties ?? {}).forEach(checkText);
        return _init.call(this, properties, ...rest);
    };
}

// Names, URIs and JSON.
function overrideTexts({Queue, JoinableQueue, Connection, Message, Process, Pool}) {
    checkTexts(Mp, 'inherit');
    checkTexts(Queue, 'open', 'open_async', 'remove');
    checkTexts(JoinableQueue, 'open');
    checkTexts(Queue.prototype, 'put_json', 'try_put_json', 'set_codec');
    checkTexts(Connection.prototype, 'send_json');
    checkTexts(Message, 'new_json');
    checkTexts(Process.prototype, 'give');
    checkTexts(Pool.prototype, 'submit', 'submit_async');
    [Queue, JoinableQueue].forEach(checkProperties);
}

// --- Listeners ---------------------------------------------------------------------------

function overrideListener({Listener, Connector}) {
    setDefaults(Listener, {new: [0, null, null]});
    setDefaults(Listener.prototype, {accept: waits(0), start: [0, STREAM_PRIORITY]});
    promisify(Listener.prototype, 'accept', [], {
        ioPriority: STREAM_PRIORITY,
        attempt: listener => listener.try_accept() ?? undefined,
    });
    makeIterable(Listener.prototype, 'connections', 'accept', 'accept_async');

    setDefaults(Connector, {new: [1, null]});
    setDefaults(Connector.prototype, {open: waits(0)});
    promisify(Connector.prototype, 'open', []);

    setDefaults(Mp, {connect: [1, null, -1, null]});
    promisify(Mp, 'connect', [undefined, null]);
    checkTexts(Mp, 'connect', 'connect_async');
    checkTexts(Listener.prototype, 'set_address');
    [Listener, Connector].forEach(checkProperties);
}

// --- Processes and waiting ---------------------------------------------------------------

function overrideProcess({Process}) {
    setDefaults(Process.prototype, {join: waits(0), wait_check: waits(0)});
    promisify(Process.prototype, 'join', []);
    promisify(Process.prototype, 'wait_check', []);
    checkProperties(Process);
    checkTexts(Process.prototype, 'set_argv', 'set_cwd', 'set_env', 'set_environment',
        'set_stdin_file_path', 'set_stdout_file_path', 'set_stderr_file_path');
}

// --- Pools -------------------------------------------------------------------------------

function variantOf(value) {
    return toMessage(value ?? null).get_variant();
}

function overridePool({Pool}) {
    const {prototype} = Pool;
    const {submit, submit_async, submit_finish} = prototype;

    prototype.submit = function (name, value = null, timeout = -1, cancellable = null) {
        return fromVariant(submit.call(this, name, variantOf(value), timeout, cancellable));
    };
    prototype.submit_finish = function (result) {
        return fromVariant(submit_finish.call(this, result));
    };
    prototype.submit_async = function (name, value = null, priority = GLib.PRIORITY_DEFAULT, cancellable = null, callback) {
        const variant = variantOf(value);
        return callback
            ? submit_async.call(this, name, variant, priority, cancellable, callback)
            : promise(this, submit_async, prototype.submit_finish, name, variant, priority, cancellable);
    };
    setDefaults(Pool, {new: [1, 0]});
    setDefaults(prototype, {stop: [0, true, -1, null], iterate: [0, -1]});
    promisify(prototype, 'stop', [true]);
}

function answerWithError(task, error) {
    if (error instanceof GLib.Error)
        task.return_error(error);
    else
        task.return_error_literal(`javascript.${error?.name ?? 'Error'}`, 0, String(error?.message ?? error));
}

function overridePoolWorker({PoolWorker, PoolTask}) {
    const {return_value} = PoolTask.prototype;

    setDefaults(PoolWorker.prototype, {get_task: waits(0)});
    promisify(PoolWorker.prototype, 'get_task', [], {
        ioPriority: STREAM_PRIORITY,
        attempt: worker => worker.try_get_task() ?? undefined,
    });
    // Iterates over tasks until the worker is to end.
    PoolWorker.prototype.tasks = function (priority) {
        return iterable(() => this.get_task(), () => this.get_task_async(priority));
    };

    setDefaults(PoolTask.prototype, {set_progress: [1, null]});
    Object.defineProperty(PoolTask.prototype, 'value', {
        get() {
            return fromVariant(this.get_argument());
        },
    });
    PoolTask.prototype.return_value = function (value) {
        return return_value.call(this, variantOf(value));
    };
}

function functionOf(functions, name) {
    if (Object.hasOwn(functions, name))
        return functions[name];
    throw new ReferenceError(`the worker has no function ${name}`);
}

// The main loop of a worker: @functions has what it can do by name. In the asynchronous form they
// may return promises.
function overridePoolWork() {
    Mp.pool_work = function (functions) {
        for (const task of Mp.PoolWorker.new().tasks()) {
            try {
                task.return_value(functionOf(functions, task.get_function())(task.value));
            } catch (error) {
                answerWithError(task, error);
            }
        }
    };
    Mp.pool_work_async = async function (functions) {
        for await (const task of Mp.PoolWorker.new().tasks()) {
            try {
                task.return_value(await functionOf(functions, task.get_function())(task.value));
            } catch (error) {
                answerWithError(task, error);
            }
        }
    };
}

function overrideWait() {
    const defaults = [1, Mp.WaitFlags.NONE, -1, null];
    setDefaults(Mp, {wait: defaults});
    setDefaults(Mp.Waitable.prototype, {wait: defaults});
    promisify(Mp, 'wait', [undefined, -1]);
}

return function () {
    Mp = this;
    ({isUnsupported, toJson, fromJson, unpack, toMessage, fromMessage, fromVariant} = values.forModule(Mp));
    ({STREAM_PRIORITY, promise, tryFirst, promisify, asBytes, makeIterable, iterable} = promises.forModule(Mp));

    overrideMessage(Mp);
    overrideQueue(Mp);
    overrideJoinableQueue(Mp);
    overrideSimpleQueue(Mp);
    overrideConnection(Mp);
    overrideCalls(Mp);
    overridePipe();
    overrideOpening();
    overrideListener(Mp);
    overrideProcess(Mp);
    overridePool(Mp);
    overridePoolWorker(Mp);
    overridePoolWork();
    overrideWait();
    overrideTexts(Mp);
};

})();
