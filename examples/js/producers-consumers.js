// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Several producers and consumers share a queue:  gjs -m producers-consumers.js

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const N_PRODUCERS = 2;
const N_CONSUMERS = 3;
const N_ITEMS = 5;

const nap = () => GLib.usleep(GLib.random_int_range(10000, 50000));

function produce(queue, id) {
    for (let i = 0; i < N_ITEMS; i++) {
        const item = `Producer-${id}-Item-${i}`;
        queue.put(item);
        print(`Produced: ${item}`);
        nap();
    }
}

function consume(queue, id) {
    for (const item of queue) {
        print(`Consumer-${id} consumed: ${item}`);
        nap();
    }
    print(`Consumer-${id}: nothing more to come`);
}

async function main() {
    const queue = new Mp.Queue({max_size: 4});
    const start = (role, n) => Array.from({length: n}, (_, id) =>
        startChild(import.meta.url, role, {queue}, `${id}`));
    const producers = start('produce', N_PRODUCERS);
    const consumers = start('consume', N_CONSUMERS);

    await Promise.all(producers.map(producer => producer.join_async()));
    queue.shutdown();
    await Promise.all(consumers.map(consumer => consumer.join_async()));
}

const [role, id] = ARGV;
if (role === undefined)
    await main();
else
    ({produce, consume})[role](Mp.inherit('queue'), id);
