// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Two processes reply to each other: gjs -m ping-pong.js

import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const COUNT = 3;

function ping(connection) {
    for (let i = 0; i < COUNT; i++) {
        connection.send(`ping-${i}`);
        print(`Sent: ping-${i}`);
        print(`Received: ${connection.recv()}`);
    }
}

function pong(connection) {
    for (let i = 0; i < COUNT; i++) {
        print(`Received: ${connection.recv()}`);
        connection.send(`pong-${i}`);
        print(`Sent: pong-${i}`);
    }
}

async function main() {
    const [first, second] = Mp.pipe();
    const children = [
        startChild(import.meta.url, 'ping', {connection: first}),
        startChild(import.meta.url, 'pong', {connection: second}),
    ];
    await Promise.all(children.map(child => child.join_async()));
}

const [role] = ARGV;
if (role === undefined)
    await main();
else
    ({ping, pong})[role](Mp.inherit('connection'));
