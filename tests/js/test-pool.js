// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertRejects, assertThrows, run, test} from './tap.js';

const folder = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);

function startPool(properties, ...args) {
    const pool = new Mp.Pool({
        argv: ['gjs', '-m', GLib.build_filenamev([folder, 'pool-worker.js']), ...args],
        n_workers: 2,
        restart_delay: 1000,
        ...properties,
    });
    pool.start();
    return pool;
}

const numbers = Array.from({length: 100}, (_, i) => i);

for (const args of [[], ['async']]) {
    const name = ['/js/pool', ...args].join('/');

    test(`${name}/submit`, async () => {
        const pool = startPool({}, ...args);
        assertEqual(await Promise.all(numbers.map(n => pool.submit_async('square', n))), numbers.map(n => n * n));
        assertEqual(pool.submit('square', 12), 144);
        const value = {a: [1, 2.5, null, {b: 'text'}]};
        assertEqual(pool.submit('echo', value), value);
        assertEqual(pool.submit('echo'), null);
        await pool.stop_async();
        assertEqual(pool.n_alive, 0);
        assertThrows(() => pool.submit('echo'), Mp.Error, Mp.Error.CLOSED);
    });

    test(`${name}/errors`, async () => {
        const pool = startPool({}, ...args);
        await assertRejects(pool.submit_async('fail', 3), Mp.Error, Mp.Error.REMOTE);
        await assertRejects(pool.submit_async('unknown'), Mp.Error, Mp.Error.REMOTE);
        await assertRejects(pool.submit_async('exit'), Mp.Error, Mp.Error.WORKER_DIED);
        assertEqual(await pool.submit_async('square', 3), 9);
        assert(pool.n_restarts >= 2);
        await pool.stop_async();
    });
}

test('/js/pool/promises-of-a-worker', async () => {
    const pool = startPool({}, 'async');
    assertEqual(await pool.submit_async('later', 5), 25);
    await pool.stop_async(false);
});

test('/js/pool/cancelled', async () => {
    const pool = startPool({n_workers: 1});
    const cancellable = new Gio.Cancellable();
    const answer = pool.submit_async('square', 3, 0, cancellable);
    cancellable.cancel();
    await assertRejects(answer, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    await pool.stop_async();
});

test('/js/pool/signals', async () => {
    const pool = startPool({max_tasks: 1});
    const codes = [];
    const ended = new Promise(resolve => pool.connect('ended', resolve));
    pool.connect('worker-ended', (_pool, process, code) => codes.push(code));
    for (const n of numbers.slice(0, 5))
        assertEqual(await pool.submit_async('square', n), n * n);
    pool.stop_async();
    await ended;
    assert(codes.length >= 5);
    assert(codes.every(code => code === 0));
});

await run();
