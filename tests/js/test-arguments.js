// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Calls every function with only its required arguments, and checks that everything in the
// TypeScript definitions exists.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, run, test} from './tap.js';

const PICKLE = new Uint8Array([0x80, 4, 0x4b, 5, 0x2e]);
const DEFINITIONS = `${GLib.getenv('MP_SOURCE_ROOT')}/introspection/js/mp-1.0-native.d.ts`;

test('/js/arguments/queue', () => {
    const queue = Mp.Queue.new();
    queue.put(1);
    queue.put_bytes(new Uint8Array([2]));
    queue.put_data(new Uint8Array([3]));
    queue.put_json('4');
    queue.put_payload(Mp.Format.PICKLE, PICKLE);
    queue.put_message(Mp.Message.new_value(6));
    queue.put_many([7, 8]);
    queue.wait(Mp.Condition.READABLE);
    queue.flush();

    assertEqual(queue.get(), 1);
    assertEqual(queue.get_bytes(), new Uint8Array([2]));
    assertEqual(queue.get_data(), new Uint8Array([3]));
    assertEqual(queue.get_json(), '4');
    assertEqual(queue.get_payload(Mp.Formats.PICKLE), [PICKLE, Mp.Format.PICKLE]);
    assertEqual(queue.get_message().get_variant().unpack(), 6);
    assertEqual(queue.get_many(2), [7, 8]);
    assert(queue.create_source() instanceof GLib.Source);
    queue.shutdown();
});

test('/js/arguments/joinable-queue', () => {
    const queue = Mp.JoinableQueue.new();
    queue.put(1);
    const task = queue.get_task();
    task.set_progress(0.5);
    task.done();
    queue.join();
    assert(queue.wait(Mp.Condition.DONE));
});

test('/js/arguments/connection', () => {
    const [first, second] = Mp.pipe();
    first.send(1);
    first.send_bytes(new Uint8Array([2]));
    first.send_data(new Uint8Array([3]));
    first.send_json('4');
    first.send_pickle(PICKLE);
    first.send_message(Mp.Message.new_value(6));
    first.send_shareable(new Mp.Queue());
    first.flush();
    second.wait(Mp.Condition.READABLE);

    assert(second.poll());
    assertEqual(second.recv(), 1);
    assertEqual(second.recv_bytes(), new Uint8Array([2]));
    assertEqual(second.recv_data(), new Uint8Array([3]));
    assertEqual(second.recv_json(), '4');
    assert(second.recv_pickle().length > 0);
    assertEqual(second.recv_message().value, 6);
    assert(second.recv_shareable() instanceof Mp.Queue);
    assert(second.try_recv_bytes() === undefined);
    assert(second.create_source() instanceof GLib.Source);
});

test('/js/arguments/async-queue', async () => {
    const queue = new Mp.JoinableQueue();
    await queue.put_async(1);
    await queue.put_message_async(Mp.Message.new_value(2));
    await queue.put_async(3);
    assertEqual(await queue.get_async(), 1);
    queue.task_done();
    assertEqual((await queue.get_message_async()).value, 2);
    queue.task_done();
    (await queue.get_task_async()).done();
    await queue.join_async();
});

test('/js/arguments/async-connection', async () => {
    const [first, second] = Mp.pipe();
    await first.send_async(1);
    await first.send_bytes_async(new Uint8Array([2]));
    await first.send_message_async(Mp.Message.new_value(3));
    assert(Mp.wait([second])[0] === second);
    assert((await Mp.wait_async([second]))[0] === second);
    assertEqual(await second.recv_async(), 1);
    assertEqual(await second.recv_bytes_async(), new Uint8Array([2]));
    assertEqual((await second.recv_message_async()).value, 3);
    await first.close_async();
});

test('/js/arguments/async-listener', async () => {
    const listener = Mp.Listener.new('unix:');
    const connector = Mp.Connector.new(listener.address);
    const [first, server] = await Promise.all([Mp.connect_async(listener.address), listener.accept_async()]);
    const [second] = await Promise.all([connector.open_async(), listener.accept_async()]);
    server.send(1);
    assertEqual(await first.recv_async(), 1);
    second.close();
});

test('/js/arguments/async-process', async () => {
    for (const join of ['join', 'join_async']) {
        const process = Mp.Process.new(['true']);
        process.start();
        await process[join]();
        assertEqual(process.exit_code, 0);
    }
});

/** The names of the methods that the definitions declare, by class; functions are under ''. */
function* declared() {
    const text = new TextDecoder().decode(GLib.file_get_contents(DEFINITIONS)[1]);
    let type = '';
    for (const line of text.split('\n')) {
        type = /^ {4}(?:interface|namespace) (\w+)/.exec(line)?.[1] ?? (line === '    }' ? '' : type);
        const [, name] = /^ {4,8}(?:function )?(\w+)(?:<\w+>)?\(/.exec(line) ?? [];
        if (name)
            yield [type, name];
    }
}

test('/js/arguments/typescript', () => {
    const all = [...declared()];
    assert(all.length > 70);
    for (const [type, name] of all) {
        const owner = type === '' ? Mp : Mp[type];
        assert(typeof (owner.prototype?.[name] ?? owner[name]) === 'function', `${type}.${name} is missing`);
    }
});

await run();
