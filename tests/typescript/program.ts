// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Compiled and not run: calls that the type definitions allow, and calls that they do not.

import GLib from 'gi://GLib?version=2.0';
import GObject from 'gi://GObject?version=2.0';
import Gio from 'gi://Gio?version=2.0';
import Mp from 'gi://Mp?version=1.0';

class Reading extends GObject.Object {
    static $gtype: GObject.GType<Reading>;
    declare celsius: number;
}

async function values(queue: Mp.Queue, cancellable: Gio.Cancellable) {
    queue.put({id: 1, tags: ['a', null, 2n], data: new Uint8Array(1)});
    queue.put(new Map([[1, 'one']]), 1000, cancellable);
    await queue.put_async([1, new GLib.Variant('s', 'a')]);
    const value: string = queue.get(1000).id + (await queue.get_async());
    const bytes: Uint8Array = queue.get_bytes();
    // @ts-expect-error: there are bytes of JavaScript
    const wrong: GLib.Bytes = queue.get_bytes(1000, null);
    // @ts-expect-error
    queue.put(() => 1);
    // @ts-expect-error
    queue.put({a: undefined});
    // @ts-expect-error
    queue.put(new Set([1]));
    for (const one of queue)
        print(one);
    for await (const one of queue)
        print(one);
    const n: number = queue.put_many([1, 'two']);
    const reading: Reading = queue.get_message().get_object(Reading);
    return [value, bytes, wrong, n, reading];
}

async function tasks(queue: Mp.JoinableQueue) {
    for await (const task of queue.tasks()) {
        task.set_progress(0.5);
        print(task.value, queue.list_progress()[0].fraction);
        task.done();
    }
    const simple = new Mp.SimpleQueue();
    simple.put(1);
    const s: string = simple.get();
    const data: Uint8Array = queue.get_data();
    await queue.join_async();
    return [s, data];
}

// Those calls for which the bindings alone would ask for all arguments.
async function many(queue: Mp.JoinableQueue) {
    const nPut: number = await queue.put_many_async([1, 'two']);
    const [first]: any[] = await queue.get_many_async();
    const tasks: Mp.Task[] = await queue.get_tasks_async();
    await queue.finish_tasks_async(tasks);
    await tasks[0].done_async();
    await tasks[0].retry_async();
    await queue.task_done_async();
    const nDropped: number = await queue.clear_async();
    await queue.shutdown_async();
    return [nPut, first, nDropped, queue.wait(Mp.Condition.DONE), new Mp.SimpleQueue().wait(Mp.Condition.READABLE)];
}

async function connections() {
    const [first, second] = Mp.pipe();
    first.send({a: 1});
    await first.send_async(new Uint8Array(1));
    const length: number = (await second.recv_bytes_async()).length;
    const client = await Mp.connect_async('unix:/tmp/a');
    const [ready] = Mp.wait([first, client, new Mp.Queue({max_size: 3})]);
    try {
        second.recv();
    } catch (error) {
        if (!(error instanceof Mp.Error) || error.code !== Mp.Error.END_OF_STREAM)
            throw error;
    }
    first.connect('message', (_connection, message) => print(message.value));
    return [length, ready, Mp.Message.new_value(5)];
}

async function streams(queue: Mp.Queue, jobs: Mp.JoinableQueue, listener: Mp.Listener) {
    queue.connect('closed', (_queue, reason) => print(reason?.message ?? 'closed'));
    queue.start(GLib.PRIORITY_LOW);
    for await (const value of queue.values(GLib.PRIORITY_LOW))
        print(value);
    for await (const task of jobs.tasks(GLib.PRIORITY_LOW))
        task.done();
    listener.start();
    for await (const connection of listener.connections())
        connection.start(GLib.PRIORITY_LOW);
    const nDropped: number = queue.clear() + jobs.n_dropped;
    const hasBegun: boolean = jobs.begin_batch();
    return [nDropped, hasBegun];
}

async function calls(connection: Mp.Connection, cancellable: Gio.Cancellable) {
    connection.connect('called', (_connection, invocation) => {
        if (invocation.get_cancellable()?.is_cancelled())
            return;
        invocation.return_value({answer: invocation.value});
        // @ts-expect-error
        invocation.return_value(() => 1);
    });
    connection.start();
    const one = connection.call({a: 1}, 1000).answer;
    const two = await connection.call_async([1], -1, GLib.PRIORITY_DEFAULT, cancellable);
    const message: Mp.Message = await connection.call_message_async(Mp.Message.new_value(1));
    return [one, two, message, connection.closed];
}

async function processes() {
    const child = new Mp.Process({
        argv: ['cat'], cwd: '/', environment: ['A=B'],
        flags: Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE,
    });
    child.connect('notify::alive', () => print(child.alive, child.exit_code));
    child.start();
    child.stdin_pipe?.close(null);
    const bytes: GLib.Bytes | undefined = child.stdout_pipe?.read_bytes(10, null);
    const isDone: boolean = await child.wait_check_async();
    return [bytes, isDone];
}

async function pools() {
    const pool = new Mp.Pool({argv: ['gjs', '-m', 'worker.js'], n_workers: 4, task_timeout: 1000000});
    pool.connect('worker-ended', (_pool, process, exitCode) => print(process.get_pid(), exitCode));
    pool.start();
    const answers: any[] = await Promise.all([1, 2].map(x => pool.submit_async('square', x)));
    const hasStopped: boolean = await pool.stop_async();
    Mp.pool_work({square: x => x * x});
    await Mp.pool_work_async({later: async x => x});
    for await (const task of Mp.PoolWorker.new().tasks())
        task.return_value(task.value);
    return [answers, hasStopped, pool.n_alive, pool.n_pending];
}

export {pools, streams, calls, processes, values, tasks, many, connections};
