// SPDX-License-Identifier: LGPL-2.1-or-later
//
// One process sends what another receives:  gjs -m pipe.js

import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

function send(connection) {
    for (const message of ['Hello', 'World', 'From', 'Pipe']) {
        print(`Sending: ${message}`);
        connection.send(message);
    }
    connection.close();
}

// The loop ends when the other end is closed.
function receive(connection) {
    for (const message of connection)
        print(`Received: ${message}`);
}

async function main() {
    const [reader, writer] = Mp.pipe(false);
    const children = [
        startChild(import.meta.url, 'send', {connection: writer}),
        startChild(import.meta.url, 'receive', {connection: reader}),
    ];
    // The receiver gets the end of the stream only if no other process has the writer open.
    writer.close();
    await Promise.all(children.map(child => child.join_async()));
}

const [role] = ARGV;
if (role === undefined)
    await main();
else
    ({send, receive})[role](Mp.inherit('connection'));
