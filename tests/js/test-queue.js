// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test, until} from './tap.js';

test('/js/queue/order', () => {
    const queue = new Mp.Queue();
    for (let i = 0; i < 100; i++)
        queue.put({i});
    for (let i = 0; i < 100; i++)
        assertEqual(queue.get(), {i});
});

test('/js/queue/empty', () => {
    const queue = new Mp.Queue();
    const error = assertThrows(() => queue.get(0), Mp.Error, Mp.Error.EMPTY);
    assert(error instanceof Mp.Error);
    assertThrows(() => queue.get(1000), Mp.Error, Mp.Error.EMPTY);
    assert(queue.try_get() === undefined);
    queue.put(null);
    assert(queue.try_get() === null);
});

test('/js/queue/full', () => {
    const queue = new Mp.Queue({max_size: 1});
    queue.put(1);
    assert(queue.is_full());
    assertThrows(() => queue.put(2, 0), Mp.Error, Mp.Error.FULL);
    assertThrows(() => queue.put(new Uint8Array(1), 1000), Mp.Error, Mp.Error.FULL);
    assert(!queue.try_put(2));
    assertEqual(queue.get(), 1);
    assert(queue.try_put(2));
});

test('/js/queue/bytes-and-values-mixed', () => {
    const queue = new Mp.Queue();
    const values = [new Uint8Array([1]), new Uint8Array([2]), {a: 1}, 'b', new Uint8Array([3]), 2n ** 60n, 5];
    values.forEach(value => queue.put(value));
    assertEqual(values.map(() => queue.get(0)), values);
    assertThrows(() => queue.get(0), Mp.Error, Mp.Error.EMPTY);
});

test('/js/queue/array-of-numbers', () => {
    const queue = new Mp.Queue();
    const numbers = Float64Array.of(1.5, -2, 3e300);
    queue.put_message(Mp.Message.new_array('<f8', [3], false, new Uint8Array(numbers.buffer)));
    const [description, bytes] = queue.get();
    assertEqual([description.ndarray, description.shape], ['<f8', [3]]);
    assertEqual(Array.from(new Float64Array(bytes.slice().buffer)), Array.from(numbers));
});

test('/js/queue/empty-bytes', () => {
    const queue = new Mp.Queue();
    [new Uint8Array(1), new Uint8Array()].forEach(value => queue.put(value));
    assertEqual([queue.try_get(), queue.try_get()], [new Uint8Array(1), new Uint8Array()]);
    assert(queue.try_get() === undefined);
    queue.put(null);
    assert(queue.try_get() === null);
    queue.shutdown();
    assertThrows(() => queue.try_get(), Mp.Error, Mp.Error.CLOSED);
});

// Neither a value that was put nor one that was got aliases shared memory.
test('/js/queue/bytes-are-no-alias', async () => {
    const queue = new Mp.Queue();
    const wanted = new Uint8Array(100000).fill(7);
    for (const get of ['get', 'try_get', 'get_bytes', 'get_data', 'get_async', 'get_message']) {
        const [first, second] = [wanted.slice(), wanted.slice()];
        queue.put_many([first, second]);
        first.fill(1);
        second.fill(2);
        for (let i = 0; i < 2; i++) {
            let bytes = await queue[get]();
            bytes = bytes instanceof Mp.Message ? bytes.value : bytes;
            assert(bytes.every(byte => byte === 7), get);
            bytes.fill(3);
        }
    }
});

test('/js/queue/bytes', () => {
    const queue = new Mp.Queue();
    queue.put_bytes(new Uint8Array([1, 2]));
    assertEqual(queue.get_bytes(), new Uint8Array([1, 2]));
    queue.put_data(new Uint8Array([3]));
    assertEqual(queue.get_data(), new Uint8Array([3]));
    queue.put_json('{"a": 1}');
    assertEqual(JSON.parse(queue.get_json()), {a: 1});
});

test('/js/queue/many', () => {
    const queue = new Mp.Queue({max_size: 3});
    assertEqual(queue.put_many(['a', 2, new Uint8Array([3]), 4], 0), 3);
    assertThrows(() => queue.put_many([4], 0), Mp.Error, Mp.Error.FULL);
    assertEqual(queue.get_many(2), ['a', 2]);
    assertEqual(queue.get_many(10), [new Uint8Array([3])]);
    assertThrows(() => queue.get_many(10, 0), Mp.Error, Mp.Error.EMPTY);
});

test('/js/queue/iterate', () => {
    const queue = new Mp.Queue();
    [1, 'two', null].forEach(value => queue.put(value));
    queue.shutdown();
    assertEqual([...queue], [1, 'two', null]);
    assertThrows(() => queue.put(4), Mp.Error, Mp.Error.CLOSED);
});

test('/js/queue/iterate-and-break', () => {
    const queue = new Mp.Queue();
    [1, 2].forEach(value => queue.put(value));
    for (const value of queue) {
        assertEqual(value, 1);
        break;
    }
    assertEqual(queue.get(0), 2);
});

test('/js/queue/async-at-once', async () => {
    const queue = new Mp.Queue();
    for (let i = 0; i < 100; i++) {
        await queue.put_async({i});
        assertEqual(await queue.get_async(), {i});
    }
});

test('/js/queue/async-waits', async () => {
    const queue = new Mp.Queue({max_size: 1});
    const gets = [queue.get_async(), queue.get_async()];
    const puts = [queue.put_async('a'), queue.put_async('b'), queue.put_async(new Uint8Array([3]))];
    await Promise.all(puts);
    assertEqual((await Promise.all(gets)).sort(), ['a', 'b']);
    assertEqual(await queue.get_async(), new Uint8Array([3]));
});

// Calls that need not wait are done when they return, before the main loop runs. One of many calls
// waits for an iteration of the main loop all the same.
async function countAtOnce(call, isDone) {
    let count = 0;
    for (let i = 0; i < 10; i++) {
        const promise = call();
        count += isDone();
        await promise;
    }
    return count;
}

test('/js/queue/async-tries-first', async () => {
    const queue = new Mp.JoinableQueue();
    const message = Mp.Message.new_value(1);
    const isEmpty = () => queue.is_empty();
    const isFull = () => !queue.is_empty() && queue.get() === 1;
    const gets = ['get_async', 'get_message_async', 'get_task_async'];

    assert(await countAtOnce(() => queue.put_async(1), isFull) >= 9);
    assert(await countAtOnce(() => queue.put_message_async(message), isFull) >= 9);
    for (const get of gets) {
        const count = await countAtOnce(() => {
            queue.put(1);
            return queue[get]();
        }, isEmpty);
        assert(count >= 9, get);
    }
});

test('/js/queue/async-needs-no-thread', async () => {
    // The interpreter has its own threads, whose number varies.
    const threads = () => Array.from(
        Gio.File.new_for_path('/proc/self/task').enumerate_children('standard::name', 0, null),
        info => GLib.file_get_contents(`/proc/self/task/${info.get_name()}/comm`)[1])
        .map(name => new TextDecoder().decode(name))
        .filter(name => !name.startsWith('JS ')).sort();
    const [queue, [first, second]] = [new Mp.JoinableQueue({max_size: 1}), Mp.pipe()];
    const before = threads();

    const [get, received] = [queue.get_async(), second.recv_async()];
    await Promise.all([queue.put_async(1), first.send_async(1), get, received]);
    queue.task_done();
    await queue.join_async();
    await Mp.wait_async([queue], 1000);
    assertEqual(threads(), before);
});

// A message that cannot be represented as a GVariant still fulfils a waiting promise.
test('/js/queue/async-nul', async () => {
    const queue = new Mp.Queue();
    const get = queue.get_async();
    queue.put('a\0b');
    assertEqual(await get, 'a\0b');
});

test('/js/queue/async-callback', async () => {
    const queue = new Mp.Queue();
    let value;
    queue.get_async(GLib.PRIORITY_DEFAULT, null, (source, result) => {
        value = source.get_finish(result);
    });
    queue.put_async({a: 1}, GLib.PRIORITY_DEFAULT, null, (source, result) => {
        source.put_finish(result);
    });
    await until(() => value !== undefined);
    assertEqual(value, {a: 1});
});

test('/js/queue/async-iterate', async () => {
    const queue = new Mp.Queue();
    const values = [];
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        [1, [2], null].forEach(value => queue.put(value));
        queue.shutdown();
        return GLib.SOURCE_REMOVE;
    });
    for await (const value of queue)
        values.push(value);
    assertEqual(values, [1, [2], null]);
});

// Promises that are fulfilled at once would never let the main loop run.
test('/js/queue/async-lets-the-loop-run', async () => {
    const queue = new Mp.Queue();
    let running = true;
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => (running = false));
    while (running) {
        await queue.put_async(1);
        await queue.get_async();
    }
});

test('/js/queue/async-cancel', async () => {
    const queue = new Mp.Queue();
    const cancellable = new Gio.Cancellable();
    const get = queue.get_async(GLib.PRIORITY_DEFAULT, cancellable);
    cancellable.cancel();
    await assertRejects(get, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);

    assertThrows(() => queue.get(-1, cancellable), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    queue.put(1);
    await assertRejects(queue.get_async(0, cancellable), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    assertEqual(queue.get(0), 1);
});

test('/js/queue/async-shutdown', async () => {
    const queue = new Mp.Queue();
    const get = queue.get_async();
    queue.shutdown();
    await assertRejects(get, Mp.Error, Mp.Error.CLOSED);
    await assertRejects(queue.put_async(1), Mp.Error, Mp.Error.CLOSED);
});

test('/js/queue/signal', async () => {
    const queue = new Mp.Queue();
    const values = [];
    queue.connect('message', (_queue, message) => values.push(message.value));
    queue.start();
    queue.put([1]);
    queue.put({a: 2});
    await until(() => values.length === 2);
    queue.stop();
    assertEqual(values, [[1], {a: 2}]);
});

test('/js/queue/closed', async () => {
    for (const end of ['shutdown', 'close']) {
        const queue = new Mp.Queue();
        const values = [];
        const seen = [];
        queue.connect('message', (_queue, message) => values.push(message.value));
        queue.connect('notify::closed', () => seen.push(queue.closed));
        queue.connect('closed', (_queue, reason) => seen.push(reason?.matches(Mp.Error, Mp.Error.CLOSED) ?? null));
        queue.put('last');
        queue.start();
        await until(() => values.length === 1);
        queue[end]();
        await until(() => seen.length === 2);
        assertEqual(seen, [true, end === 'shutdown' ? true : null]);
        assertThrows(() => queue.get(), Mp.Error, Mp.Error.CLOSED);
    }
});

test('/js/queue/clear', () => {
    const queue = new Mp.Queue();
    queue.put_many([1, 2, 3]);
    assertEqual(queue.clear(), 3);
    assertEqual(queue.clear(), 0);
    queue.put(4);
    assertEqual(queue.get(), 4);
});

test('/js/queue/derive', () => {
    const Named = GObject.registerClass(class extends Mp.Queue {
        put(value, ...rest) {
            return super.put({value}, ...rest);
        }
    });
    const queue = new Named({max_size: 1});
    queue.put(5);
    assertEqual(queue.get(), {value: 5});
    assert(queue.max_size === 1);
});

test('/js/queue/simple', () => {
    const queue = new Mp.SimpleQueue();
    const values = [{a: [1, 'b', null]}, new Uint8Array([1]), 2n ** 60n, 1.5];
    values.forEach(value => queue.put(value));
    assertEqual(values.map(() => queue.get()), values);
    assert(queue.is_empty());
});

test('/js/queue/processes', async () => {
    const results = new Mp.Queue({max_size: 4});
    const children = [startChild({results}, 'produce', '50'), startChild({results}, 'produce', '50')];
    const count = new Array(50).fill(0);
    for (let i = 0; i < 100; i++)
        count[results.get().i]++;
    await Promise.all(children.map(child => child.join_async()));
    assert(count.every(n => n === 2));
    assert(results.is_empty());
});

test('/js/queue/open', () => {
    const uri = `local:js-${new Gio.Credentials().get_unix_pid()}`;
    assertThrows(() => Mp.queue_open(uri, {create: false}), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
    const queue = Mp.queue_open(uri, {mode: 'joinable', maxSize: 2, max_deliveries: 3});
    try {
        assert(queue instanceof Mp.JoinableQueue);
        assertEqual([queue.max_size, queue.max_deliveries], [2, 3]);
        queue.put({a: 1});
        assertEqual(Mp.queue_open(`${uri}?mode=joinable`, {create: false}).get(), {a: 1});
        assertThrows(() => Mp.queue_open(uri, {maxSize: 3}), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
        assertThrows(() => Mp.queue_open(uri, {unknown: true}), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    } finally {
        Mp.Queue.remove(uri, null);
    }
});

await run();
