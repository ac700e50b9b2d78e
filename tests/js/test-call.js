// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test, until} from './tap.js';

const plainPeer = GLib.build_filenamev([GLib.getenv('G_TEST_SRCDIR'), 'connection', 'plain-calls.py']);

// Two ends of which one answers each call by @answer, which is given the invocation.
function serve(answer) {
    const [client, server] = Mp.pipe();
    server.connect('called', (_connection, invocation) => answer(invocation));
    server.start();
    return [client, server];
}

test('/js/call/out-of-order', async () => {
    const invocations = [];
    const [client] = serve(invocation => {
        invocations.push(invocation);
        if (invocations.length === 3)
            invocations.reverse().forEach(one => one.return_value(one.value * 2));
    });
    const order = [];
    const calls = [1, 2, 3].map(i => client.call_async(i).then(value => {
        order.push(i);
        return value;
    }));
    assertEqual(await Promise.all(calls), [2, 4, 6]);
    assertEqual(order, [3, 2, 1]);
});

test('/js/call/cancel', async () => {
    const invocations = [];
    const [client] = serve(invocation => invocations.push(invocation));
    const cancellable = new Gio.Cancellable();
    const call = client.call_async('never', -1, GLib.PRIORITY_DEFAULT, cancellable);
    await until(() => invocations.length === 1);
    assert(!invocations[0].get_cancellable().is_cancelled());

    cancellable.cancel();
    await assertRejects(call, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    await until(() => invocations[0].get_cancellable().is_cancelled());
    invocations[0].return_value('too late');
    await assertRejects(client.call_async('at once', -1, 0, cancellable), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
});

test('/js/call/errors', async () => {
    const [client, server] = serve(invocation => {
        invocation.return_error(new GLib.Error(Mp.Error, Mp.Error.FULL, 'no room'));
    });
    const error = await assertRejects(client.call_async(1), Mp.Error, Mp.Error.FULL);
    assertEqual(error.message, 'no room');

    server.close();
    await assertRejects(client.call_async(1), Gio.IOErrorEnum, Gio.IOErrorEnum.BROKEN_PIPE);
});

test('/js/call/messages', async () => {
    const [client] = serve(invocation => invocation.return_message(invocation.get_message()));
    const answer = await client.call_message_async(Mp.Message.new_value([1, 2]));
    assertEqual(answer.value, [1, 2]);
});

test('/js/call/blocking', async () => {
    const [mine, theirs] = Mp.pipe();
    const child = startChild({connection: theirs}, 'answer');
    assertEqual(mine.call([1, 'two']), [[1, 'two']]);
    assertThrows(() => mine.call('later', 1000), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    const error = assertThrows(() => mine.call('refuse'), Mp.Error, Mp.Error.REMOTE);
    assertEqual(error.message, 'com.example.Error: unheard of');
    mine.close();
    await child.join_async();
    assertEqual(child.exit_code, 0);
});

test('/js/call/plain-python', async () => {
    const listener = Mp.Listener.new('unix:');
    const peer = new Mp.Process({argv: ['python3', plainPeer, listener.address.slice('unix:'.length)]});
    peer.start();
    const server = await listener.accept_async();
    server.format = Mp.Format.PICKLE;
    server.connect('called', (_connection, invocation) => invocation.return_value(invocation.value));
    server.start();
    const echoed = server.call_async([1, 'two']);
    await assertRejects(server.call_async('refuse'), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
    assertEqual(await echoed, [1, 'two']);
    await peer.wait_check_async();
});

await run();
