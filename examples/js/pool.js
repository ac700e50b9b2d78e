#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A pool whose workers count prime numbers. One task ends each worker that is given it; the others
// are done all the same.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import System from 'system';

const STEP = 1000;

function isPrime(n) {
    for (let divisor = 2; divisor * divisor <= n; divisor++) {
        if (n % divisor === 0)
            return false;
    }
    return n > 1;
}

function countPrimes(start) {
    let count = 0;
    for (let n = start; n < start + STEP; n++)
        count += isPrime(n);
    return count;
}

async function main() {
    const [path] = GLib.filename_from_uri(import.meta.url);
    const pool = new Mp.Pool({argv: ['gjs', '-m', path, 'work'], n_workers: 3, restart_delay: 10000});
    pool.start();
    const crashing = pool.submit_async('crash').catch(error => print(`One task failed: ${error.message}`));
    const starts = Array.from({length: 10}, (_, n) => n * STEP);
    const counts = await Promise.all(starts.map(start => pool.submit_async('count-primes', start)));
    print(`${counts.reduce((a, b) => a + b)} primes below ${10 * STEP}`);
    await crashing;
    await pool.stop_async();
}

if (System.programArgs[0] === 'work')
    Mp.pool_work({'count-primes': countPrimes, crash: () => System.exit(3)});
else
    await main();
