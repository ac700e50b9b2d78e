// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertRejects, assertThrows, run, test, until} from './tap.js';

const KEY = new TextEncoder().encode('secret');

test('/js/listener/connect', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    const [server, client] = await Promise.all([
        listener.accept_async(), Mp.connect_async(listener.address, KEY),
    ]);
    client.send({hello: [1, 2]});
    assertEqual(server.recv(), {hello: [1, 2]});
    server.send('welcome');
    assertEqual(await client.recv_async(), 'welcome');
    listener.close();
});

test('/js/listener/without-key', async () => {
    const listener = Mp.Listener.new('tcp:127.0.0.1:0');
    const [server, client] = await Promise.all([
        listener.accept_async(), Mp.connect_async(listener.address),
    ]);
    client.send(5);
    assertEqual(server.recv(), 5);
});

test('/js/listener/wrong-key', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    listener.start();
    await assertRejects(Mp.connect_async(listener.address, new Uint8Array([1])),
        Mp.Error, Mp.Error.AUTHENTICATION_FAILED);
});

test('/js/listener/connector', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    const connector = Mp.Connector.new(listener.address, KEY);
    const [server, client] = await Promise.all([listener.accept_async(), connector.open_async()]);
    server.close();
    assertThrows(() => client.recv(), Mp.Error, Mp.Error.END_OF_STREAM);
});

test('/js/listener/nobody', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    assert(listener.try_accept() === null);
    assertThrows(() => listener.accept(1000), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    const cancellable = new Gio.Cancellable();
    const accepted = listener.accept_async(GLib.PRIORITY_DEFAULT, cancellable);
    cancellable.cancel();
    await assertRejects(accepted, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

test('/js/listener/signal', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    const connections = [];
    listener.connect('incoming', (_listener, connection) => connections.push(connection));
    listener.start();
    const client = await Mp.connect_async(listener.address, KEY);
    await until(() => connections.length === 1);
    connections[0].send('from the signal');
    assertEqual(client.recv(), 'from the signal');
});

test('/js/listener/iterate', async () => {
    const listener = Mp.Listener.new('unix:', KEY);
    const greet = async () => {
        for await (const connection of listener) {
            connection.send('hello');
            listener.close();
        }
    };
    const [, client] = await Promise.all([greet(), Mp.connect_async(listener.address, KEY)]);
    assertEqual(client.recv(), 'hello');
});

test('/js/listener/nul', async () => {
    for (const call of [Mp.Listener.new, Mp.Connector.new, Mp.connect])
        assertThrows(() => call.call(Mp, 'unix:/tmp/a\0b'), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    assertThrows(() => Mp.connect_async('unix:/tmp/a\0b'), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    assertThrows(() => new Mp.Listener({address: 'unix:/tmp/a\0b'}), Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    assertThrows(() => new Mp.Listener().set_address('unix:/tmp/a\0b'), Gio.IOErrorEnum,
        Gio.IOErrorEnum.INVALID_ARGUMENT);
});

// The bindings would cut them at their NUL.
test('/js/listener/nul-in-names', () => {
    const [connection] = Mp.pipe();
    const queue = new Mp.Queue();
    for (const call of [
        () => Mp.Queue.open('local:a\0b', null),
        () => Mp.Queue.open_async('local:a\0b', 0, null, null),
        () => Mp.Queue.remove('local:a\0b', null),
        () => Mp.JoinableQueue.open('local:a\0b', null),
        () => new Mp.Queue({name: 'a\0b'}),
        () => new Mp.Connector({address: 'unix:/a\0b'}),
        () => Mp.inherit('a\0b'),
        () => Mp.Process.new(['true']).give('a\0b', queue),
        () => Mp.Message.new_json('1\0'),
        () => queue.put_json('1\0', 0, null),
        () => connection.send_json('1\0', -1, null),
    ])
        assertThrows(call, Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);
    assert(queue.is_empty());
});

await run();
