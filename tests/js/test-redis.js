// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertRejects, assertThrows, run, skip, test} from './tap.js';

const [SIGSTOP, SIGCONT] = [19, 18];
const DEADLINE = 120 * 1000000;
const PROGRAM = GLib.find_program_in_path('redis-server') ??
    GLib.find_program_in_path('valkey-server');
const NOWHERE = 'redis+unix:///nowhere/at/all?name=q&timeout=0.1';

function isBuiltIn() {
    try {
        Mp.queue_open(NOWHERE);
    } catch (error) {
        return !error.matches(Mp.Error, Mp.Error.UNSUPPORTED);
    }
    return true;
}

function removeFolder(path) {
    const folder = Gio.File.new_for_path(path);
    const children = folder.enumerate_children('standard::name', 0, null);
    for (let info; (info = children.next_file(null)) !== null;)
        children.get_child(info).delete(null);
    folder.delete(null);
}

/** Registers a case, which is given the URI of a queue on a server of its own, and the server. */
function testOnServer(path, body) {
    test(path, async () => {
        if (PROGRAM === null)
            skip('there is no redis-server');
        if (!isBuiltIn())
            skip('the library was built without hiredis');
        const folder = GLib.dir_make_tmp('mproc-redis-XXXXXX');
        const socket = GLib.build_filenamev([folder, 'socket']);
        const server = new Mp.Process({
            argv: [PROGRAM, '--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '',
                '--logfile', 'log'],
            die_with_parent: true,
        });
        server.start();
        try {
            // To open a queue waits until the server is there.
            await body(`redis+unix://${socket}?name=q&timeout=30`, server);
        } finally {
            server.kill();
            server.join();
            removeFolder(folder);
        }
    });
}

testOnServer('/js/redis/values', uri => {
    const queue = Mp.queue_open(uri);
    const other = Mp.queue_open(uri);
    const values = [1, 'text', new Uint8Array([1, 2]), {a: [1, 'x']}, 'x'.repeat(100000)];
    for (const value of values)
        queue.put(value);
    assertEqual(other.size, values.length);
    assertEqual(values.map(() => other.get(DEADLINE)), values);
    assertEqual(other.try_get(), undefined);
});

testOnServer('/js/redis/joinable', uri => {
    const queue = Mp.queue_open(uri, {mode: 'joinable'});
    assert(queue instanceof Mp.JoinableQueue);
    queue.put('first');
    queue.put('second');
    const task = queue.get_task(DEADLINE);
    assertEqual([task.value, task.delivery_count], ['first', 1]);
    task.retry();
    const again = queue.get_task(DEADLINE);
    assertEqual([again.value, again.delivery_count], ['first', 2]);
    again.done();
    assertThrows(() => again.done(), Mp.Error, Mp.Error.STALE);
    assertThrows(() => queue.join(1000), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    assertEqual(queue.get(DEADLINE), 'second');
    queue.task_done();
    queue.join(DEADLINE);

    for (let i = 0; i < 5; i++)
        queue.put(i);
    const tasks = queue.get_tasks(64, DEADLINE);
    assertEqual(tasks.map(each => each.value), [0, 1, 2, 3, 4]);
    queue.finish_tasks(tasks);
    queue.join(DEADLINE);
});

testOnServer('/js/redis/promises', async uri => {
    const queue = await Mp.queue_open_async(uri, {mode: 'joinable'});
    const other = await Mp.queue_open_async(uri);
    assert(queue instanceof Mp.JoinableQueue);
    await assertRejects(Mp.queue_open_async(uri, {mode: 'plain'}), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
    const gets = [queue.get_async(), queue.get_async()];
    await other.put_async('first');
    await other.put_async('second');
    assertEqual(await Promise.all(gets), ['first', 'second']);
    const joined = other.join_async();
    queue.task_done();
    queue.task_done();
    await joined;

    const get = queue.get_async();
    other.shutdown(true);
    await assertRejects(get, Mp.Error, Mp.Error.CLOSED);
});

testOnServer('/js/redis/later', async uri => {
    const queue = Mp.queue_open(uri, {mode: 'joinable'});
    assertEqual(queue.uri.startsWith('redis+unix:'), true);
    assertEqual(await queue.put_many_async([1, 'two', [3]]), 3);
    let values = [];
    while (values.length < 3)
        values = values.concat(await queue.get_many_async(5));
    assertEqual(values, [1, 'two', [3]]);
    for (const _value of values)
        await queue.task_done_async();
    await queue.join_async();

    await queue.put_many_async([0, 1, 2, 3]);
    const task = await queue.get_task_async();
    await task.retry_async();
    const tasks = [];
    while (tasks.length < 4)
        tasks.push(...await queue.get_tasks_async(8));
    assertEqual(tasks.map(each => [each.value, each.delivery_count]), [[0, 2], [1, 1], [2, 1], [3, 1]]);
    await tasks[0].done_async();
    await queue.finish_tasks_async(tasks.slice(1));
    await assertRejects(tasks[0].done_async(), Mp.Error, Mp.Error.STALE);
    await queue.put_async('dropped');
    assertEqual(await queue.clear_async(), 1);
    await queue.shutdown_async();
    await assertRejects(queue.get_async(), Mp.Error, Mp.Error.CLOSED);
});

// The promises are made while the server does not run, and it is this loop that lets it continue.
testOnServer('/js/redis/stopped', async (uri, server) => {
    const queue = Mp.queue_open(uri, {mode: 'joinable', timeout: 100});
    queue.put('task');
    const task = queue.get_task(DEADLINE);
    server.send_signal(SIGSTOP);
    const promises = [queue.put_async(1), queue.put_many_async([2, 3]), queue.get_async(), queue.get_task_async(),
        queue.get_many_async(1), task.done_async()];
    let turns = 0;
    GLib.idle_add(GLib.PRIORITY_DEFAULT_IDLE, () => {
        if (++turns < 50)
            return GLib.SOURCE_CONTINUE;
        server.send_signal(SIGCONT);
        return GLib.SOURCE_REMOVE;
    });
    const [put, n, value, , values] = await Promise.all(promises);
    assertEqual([put, n, value, values], [true, 2, 1, [3]]);
    assertEqual(turns, 50);
});

testOnServer('/js/redis/errors', (uri, server) => {
    const queue = Mp.queue_open(uri, {max_size: 1});
    queue.put(1);
    assertThrows(() => queue.put(2, 1000), Mp.Error, Mp.Error.FULL);
    assertThrows(() => Mp.queue_open(uri, {max_size: 2}), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
    server.kill();
    server.join();
    assertThrows(() => queue.get(1000000), Gio.IOErrorEnum, Gio.IOErrorEnum.CONNECTION_REFUSED);
});

test('/js/redis/no-server', () => {
    if (!isBuiltIn())
        skip('the library was built without hiredis');
    assertThrows(() => Mp.queue_open(NOWHERE), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

await run();
