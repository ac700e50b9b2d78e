// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test} from './tap.js';

test('/js/joinable-queue/task-done', () => {
    const queue = new Mp.JoinableQueue();
    queue.put(1);
    queue.put(2);
    assertEqual([queue.get(), queue.get()], [1, 2]);
    assertEqual(queue.unfinished, 2);
    queue.task_done();
    assertThrows(() => queue.join(1000), GLib.quark_from_string('g-io-error-quark'), 24);
    queue.task_done();
    queue.join();
    assertThrows(() => queue.task_done(), Mp.Error, Mp.Error.TOO_MANY_DONE);
});

test('/js/joinable-queue/task', () => {
    const queue = new Mp.JoinableQueue();
    queue.put({path: '/a'});
    const task = queue.get_task();
    assertEqual(task.value, {path: '/a'});
    assertEqual(task.delivery_count, 1);
    task.set_progress(0.5);
    task.set_progress(0.7, 'nearly');
    const [progress] = queue.list_progress();
    assertEqual([progress.fraction, progress.text, progress.delivery_count], [0.7, 'nearly', 1]);
    task.done();
    queue.join(0);
    assertThrows(() => task.done(), Mp.Error, Mp.Error.STALE);
});

test('/js/joinable-queue/retry', () => {
    const queue = new Mp.JoinableQueue();
    queue.put('first');
    queue.put('second');
    queue.get_task().retry();
    const task = queue.get_task();
    assertEqual([task.value, task.delivery_count], ['first', 2]);
});

test('/js/joinable-queue/dead', () => {
    const queue = new Mp.JoinableQueue({max_deliveries: 2});
    queue.put('poison');
    queue.get_task().retry();
    queue.get_task().retry();
    assertEqual(queue.try_get_task(), null);
    assertEqual(queue.get_dead().get_variant().deepUnpack(), 'poison');
    queue.join(0);
});

test('/js/joinable-queue/requeue-dead', () => {
    const queue = new Mp.JoinableQueue({max_deliveries: 1});
    queue.put('poison');
    queue.get_task().retry();
    assertEqual([queue.requeue_dead(), queue.requeue_dead()], [true, false]);
    const task = queue.get_task(0);
    assertEqual([task.value, task.delivery_count], ['poison', 1]);
    task.done();
    queue.join(0);
});

// Each message is requested in one format after the other, which counts as one delivery.
test('/js/joinable-queue/forms-are-not-counted', () => {
    const queue = new Mp.JoinableQueue({max_deliveries: 1});
    const values = [new Uint8Array([1, 2]), new Map([[1, 'one']]), {a: 1}, new Uint8Array([3])];
    for (const value of values)
        queue.put(value);
    for (const value of values) {
        assertEqual(queue.get(1000000), value);
        queue.task_done();
    }
    queue.join(0);
    assertEqual(queue.get_dead(), null);
});

test('/js/joinable-queue/late-done', () => {
    const queue = new Mp.JoinableQueue({max_size: 1});
    queue.put(1);
    const former = queue.get_task();
    queue.put(2);
    former.retry();
    const latter = queue.get_task();
    assertEqual([latter.value, latter.delivery_count], [1, 2]);
    assertThrows(() => former.done(), Mp.Error, Mp.Error.STALE);
    latter.done();
    assertEqual(queue.get(), 2);
});

test('/js/joinable-queue/progress-bar', async () => {
    const queue = new Mp.JoinableQueue();
    const shown = [];
    const end = new Promise(resolve => queue.connect('notify::progress', () => {
        shown.push(queue.progress);
        if (queue.progress === 1 && queue.n_total === 2)
            resolve();
    }));
    queue.put(1);
    queue.put(2);
    queue.report_progress = true;
    await queue.get_async();
    queue.task_done();
    await queue.get_async();
    queue.task_done();
    await end;
    queue.report_progress = false;
    assertEqual(shown[shown.length - 1], 1);
});

test('/js/joinable-queue/batches', async () => {
    const queue = new Mp.JoinableQueue();
    assertEqual(queue.progress, 0);
    queue.put_many([1, 2, 3]);
    queue.get();
    queue.task_done();
    assertEqual(queue.clear(), 2);
    assertEqual([queue.n_dropped, queue.n_done, queue.n_total], [2, 1, 3]);
    await assertRejects(queue.join_async(), Mp.Error, Mp.Error.CLOSED);

    assert(queue.begin_batch());
    assertEqual([queue.n_dropped, queue.n_done, queue.n_total, queue.progress], [0, 0, 0, 0]);
    queue.put(4);
    queue.get();
    queue.task_done();
    assert(await queue.join_async());
    assertEqual(queue.progress, 1);
});

test('/js/joinable-queue/tasks', async () => {
    const queue = new Mp.JoinableQueue();
    const values = [];
    [1, 2, 3].forEach(value => queue.put(value));
    for (const task of queue.tasks()) {
        values.push(task.value);
        task.done();
        if (values.length === 2)
            break;
    }
    queue.shutdown();
    for await (const task of queue.tasks()) {
        values.push(task.value);
        task.done();
    }
    assertEqual(values, [1, 2, 3]);
    queue.join(0);
});

test('/js/joinable-queue/async', async () => {
    const queue = new Mp.JoinableQueue();
    const waiting = queue.get_task_async();
    queue.put(5);
    const joined = queue.join_async();
    const task = await waiting;
    assertEqual(task.value, 5);
    task.done();
    await joined;
});

test('/js/joinable-queue/killed-consumer', async () => {
    const tasks = new Mp.JoinableQueue();
    const results = new Mp.Queue();
    const victim = startChild({tasks, results}, 'take');
    tasks.put('precious');
    assertEqual(await results.get_async(), 'precious');

    victim.kill();
    await victim.join_async();
    assertEqual(victim.exit_code, -9);

    const task = await tasks.get_task_async();
    assertEqual([task.value, task.delivery_count], ['precious', 2]);
    task.done();
    tasks.join();
});

test('/js/joinable-queue/workers', async () => {
    const tasks = new Mp.JoinableQueue();
    const results = new Mp.Queue();
    const workers = [1, 2].map(() => startChild({tasks, results}, 'double'));
    for (let i = 0; i < 100; i++)
        tasks.put(i);
    await tasks.join_async();
    assertEqual(results.get_many(100).sort((a, b) => a - b), Array.from({length: 100}, (_, i) => 2 * i));

    tasks.shutdown();
    await Promise.all(workers.map(worker => worker.join_async()));
    assert(workers.every(worker => worker.exit_code === 0));
});

await run();
