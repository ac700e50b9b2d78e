// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Waits 10,000 times for a message, one after the other, and keeps the results passed to callbacks:
// those of a program stay alive until the next garbage collection. Run by test-async.js with
// source-count.c, which aborts it if completed calls leave sources behind.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';

const ROUNDS = 10000;
const kept = [];
const context = GLib.MainContext.default();

function keep(object, result) {
    kept.push(result);
}

function wait(start, go_on) {
    const before = kept.length;
    start();
    while (context.iteration(false))
        ;
    go_on();
    while (kept.length === before)
        context.iteration(true);
}

const [first, second] = Mp.pipe();
const queue = Mp.Queue.new();

for (let i = 0; i < ROUNDS; i++) {
    wait(() => second.recv_async(0, null, keep), () => first.send(i));
    wait(() => queue.get_async(0, null, keep), () => queue.put(i));
    wait(() => Mp.wait_async([second], -1, 0, null, keep), () => first.send(i));
    second.recv();
}
print(kept.length);
