// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A server and a client that authenticate each other with a key: gjs -m listener.js

import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const KEY = new TextEncoder().encode('secret_key');

async function serve(listener) {
    const connection = await listener.accept_async();
    print('Connection accepted');
    for await (const message of connection) {
        print(`Server received: ${message}`);
        if (message === 'quit')
            break;
        await connection.send_async(`Echo: ${message}`);
    }
}

function visit(address) {
    const connection = Mp.connect(address, KEY);
    for (const message of ['hello', 'world']) {
        connection.send(message);
        print(`Client received: ${connection.recv()}`);
    }
    connection.send('quit');
}

async function main() {
    const listener = Mp.Listener.new('tcp:localhost:0', KEY);
    print(`Server listening on ${listener.address}`);
    const client = startChild(import.meta.url, 'visit', {}, listener.address);
    await serve(listener);
    await client.join_async();
}

const [role, address] = ARGV;
if (role === 'visit')
    visit(address);
else
    await main();
