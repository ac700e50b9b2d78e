// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A producer and a consumer share a queue:  gjs -m basic-queue.js

import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

function produce(queue) {
    for (const item of ['item1', 'item2', 'item3', 'item4']) {
        print(`Producing ${item}`);
        queue.put(item);
    }
    queue.shutdown();
}

function consume(queue) {
    for (const item of queue)
        print(`Consuming ${item}`);
}

async function main() {
    const queue = new Mp.Queue();
    const children = ['produce', 'consume'].map(role => startChild(import.meta.url, role, {queue}));
    await Promise.all(children.map(child => child.join_async()));
}

const [role] = ARGV;
if (role === undefined)
    await main();
else
    ({produce, consume})[role](Mp.inherit('queue'));
