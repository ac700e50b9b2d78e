// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Two workers share tasks, and report their progress: gjs -m joinable-queue.js

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const N_STEPS = 4;

function work(queue) {
    for (const task of queue.tasks()) {
        print(`Processing ${task.value}`);
        for (let step = 1; step <= N_STEPS; step++) {
            GLib.usleep(25000); // stands for the actual work
            task.set_progress(step / N_STEPS, `step ${step}`);
        }
        task.done();
    }
}

async function main() {
    const queue = new Mp.JoinableQueue();
    const workers = [1, 2].map(() => startChild(import.meta.url, 'work', {queue}));

    queue.connect('notify::progress', () => {
        print(`${Math.round(queue.progress * 100)} % done`);
    });
    queue.report_progress = true;
    for (let i = 0; i < 5; i++)
        queue.put(`task-${i}`);
    await queue.join_async();
    queue.report_progress = false;
    print('All tasks completed');

    queue.shutdown();
    await Promise.all(workers.map(worker => worker.join_async()));
}

if (ARGV[0] === 'work')
    work(Mp.inherit('queue'));
else
    await main();
