// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test, until} from './tap.js';

test('/js/connection/both-ways', () => {
    const [first, second] = Mp.pipe();
    first.send({ping: [1, 2]});
    assertEqual(second.recv(), {ping: [1, 2]});
    second.send('pong');
    assert(first.poll());
    assertEqual(first.recv(), 'pong');
    assert(!first.poll());
});

// As a program does that shows a dialog in the callback.
test('/js/connection/callback-that-iterates', () => {
    const [first, second] = Mp.pipe();
    const context = GLib.MainContext.default();
    const send = Mp.Connection.prototype.send_bytes_async;
    const ended = [];
    const iterateUntil = name => {
        while (!ended.includes(name))
            context.iteration(true);
    };

    send.call(first, new GLib.Bytes([1]), GLib.PRIORITY_DEFAULT, null, () => {
        send.call(first, new GLib.Bytes([2]), GLib.PRIORITY_DEFAULT, null, () => ended.push('inner'));
        iterateUntil('inner');
        ended.push('outer');
    });
    iterateUntil('outer');
    assertEqual(ended, ['inner', 'outer']);
    second.close();
});

test('/js/connection/one-way', () => {
    const [reader, writer] = Mp.pipe(false);
    assert(reader.readable && !reader.writable && writer.writable && !writer.readable);
    writer.send(1);
    assertEqual(reader.recv(), 1);
    assertThrows(() => reader.send(1), Mp.Error, Mp.Error.NOT_WRITABLE);
    assertThrows(() => writer.recv(), Mp.Error, Mp.Error.NOT_READABLE);
});

test('/js/connection/nothing-there', () => {
    const [first] = Mp.pipe();
    assert(first.try_recv() === undefined);
    assert(first.try_recv_bytes() === undefined);
    assertThrows(() => first.recv(0), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
    assertThrows(() => first.recv(1000), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
});

test('/js/connection/bytes', async () => {
    const [first, second] = Mp.pipe();
    first.send_bytes(new Uint8Array([1, 2, 3]));
    assertEqual(second.recv_bytes(), new Uint8Array([1, 2, 3]));
    first.send_data(new Uint8Array([4]));
    assertEqual(second.try_recv_bytes(), new Uint8Array([4]));

    await first.send_bytes_async(new Uint8Array([5]));
    assertEqual(await second.recv_bytes_async(), new Uint8Array([5]));
    await first.send_bytes_async(new Uint8Array(5));
    await assertRejects(second.recv_bytes_async(4), Mp.Error, Mp.Error.TOO_LARGE);
});

test('/js/connection/bytes-are-no-alias', async () => {
    const [first, second] = Mp.pipe();
    const bytes = new Uint8Array([7, 7]);
    for (const recv of ['recv', 'try_recv', 'recv_bytes', 'recv_data', 'recv_async', 'recv_bytes_async']) {
        const sent = bytes.slice();
        recv.startsWith('recv_bytes') || recv === 'recv_data' ? first.send_bytes(sent) : first.send(sent);
        sent.fill(1);
        const received = await second[recv]();
        assertEqual(received, bytes);
        received.fill(2);
    }
    assertEqual(bytes, new Uint8Array([7, 7]));
});

test('/js/connection/async-tries-first', async () => {
    const [first, second] = Mp.pipe();
    for (const recv of ['recv_async', 'recv_bytes_async', 'recv_message_async']) {
        let count = 0;
        for (let i = 0; i < 10; i++) {
            first.send(1);
            const received = second[recv]();
            count += !second.poll();
            await received;
        }
        // Not each of them: after two milliseconds one waits for its turn.
        assert(count > 0, recv);
    }
});

test('/js/connection/async', async () => {
    const [first, second] = Mp.pipe();
    const received = second.recv_async();
    await first.send_async({a: new Uint8Array([1])});
    assertEqual(await received, {a: new Uint8Array([1])});
    await first.send_async('at once');
    assertEqual(await second.recv_async(), 'at once');
});

test('/js/connection/async-cancel', async () => {
    const [first, second] = Mp.pipe();
    const cancellable = new Gio.Cancellable();
    const received = second.recv_async(GLib.PRIORITY_DEFAULT, cancellable);
    cancellable.cancel();
    await assertRejects(received, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    first.send(1);
    assertEqual(second.recv(0), 1);
});

test('/js/connection/iterate', async () => {
    const [first, second] = Mp.pipe();
    [1, 'two', null].forEach(value => first.send(value));
    first.close();
    assertEqual([...second], [1, 'two', null]);
    assertThrows(() => second.recv(), Mp.Error, Mp.Error.END_OF_STREAM);

    const [third, fourth] = Mp.pipe();
    third.send(5);
    third.send(null);
    await third.close_async();
    const values = [];
    for await (const value of fourth)
        values.push(value);
    assertEqual(values, [5, null]);
});

test('/js/connection/closed', () => {
    const [first] = Mp.pipe();
    const reasons = [];
    first.connect('closed', (_connection, reason) => reasons.push(reason));
    first.close();
    first.close();
    assert(first.closed);
    assertEqual(reasons, [null]);
    assertThrows(() => first.send(1), Mp.Error, Mp.Error.CLOSED);
});

test('/js/connection/signal', async () => {
    const [first, second] = Mp.pipe();
    const values = [];
    let closed = false, notified = false;
    second.connect('message', (_connection, message) => values.push(message.value));
    second.connect('notify::closed', () => (notified = second.closed));
    second.connect('closed', (_connection, reason) => {
        closed = second.closed && notified && reason.matches(Mp.Error, Mp.Error.END_OF_STREAM);
    });
    second.start();
    first.send([1]);
    first.send(new Uint8Array([2]));
    first.close();
    await until(() => closed);
    assertEqual(values, [[1], new Uint8Array([2])]);
});

for (const format of ['GVARIANT', 'JSON', 'PICKLE']) {
    test(`/js/connection/call/${format}`, async () => {
        const [client, server] = Mp.pipe();
        const later = [];
        client.format = server.format = Mp.Format[format];
        server.connect('called', (_connection, invocation) => {
            const {value} = invocation;
            if (value === 'refuse')
                invocation.return_error(new GLib.Error(Gio.io_error_quark(), Gio.IOErrorEnum.EXISTS, 'no'));
            else if (value === 'later')
                later.push(invocation);
            else
                invocation.return_value([value, {more: null}]);
        });
        server.start();
        const first = client.call_async('later');
        assertEqual(await client.call_async({a: [1, 2.5, 'b']}), [{a: [1, 2.5, 'b']}, {more: null}]);
        await assertRejects(client.call_async('refuse'), Gio.IOErrorEnum, Gio.IOErrorEnum.EXISTS);
        await assertRejects(client.call_async('later', 1000), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);
        later[0].return_value(7);
        assertEqual(await first, 7);
    });
}

test('/js/connection/formats', () => {
    for (const format of [Mp.Format.JSON, Mp.Format.PICKLE, Mp.Format.GVARIANT]) {
        const [first, second] = Mp.pipe();
        first.format = second.format = format;
        first.send({a: [1, 2.5, 'b', null]});
        assertEqual(second.recv(), {a: [1, 2.5, 'b', null]});
    }
});

test('/js/connection/shareable', () => {
    const [first, second] = Mp.pipe();
    const queue = new Mp.JoinableQueue();
    first.send_shareable(queue);
    const same = second.recv_shareable();
    assert(same instanceof Mp.JoinableQueue);
    same.put({a: 1});
    assertEqual(queue.get(), {a: 1});
});

// What one process does not receive is left for the others that share the end.
test('/js/connection/shared-end', async () => {
    const [mine, theirs] = Mp.pipe();
    const results = new Mp.Queue();
    for (let i = 0; i < 12; i++)
        mine.send(i);
    assertEqual(theirs.recv(), 0);
    for (const role of ['receiveOne', 'receiveOneLater', 'receiveOne', 'receiveOneLater']) {
        const child = startChild({connection: theirs, results}, role);
        await child.join_async();
        assertEqual(child.exit_code, 0);
    }
    assertEqual(results.get_many(4), [1, 2, 3, 4]);
    assertEqual(await theirs.recv_async(), 5);
    mine.close();
    assertEqual([...theirs], [6, 7, 8, 9, 10, 11]);
});

// While it reads ahead an end is not shared, since others would miss what was read.
test('/js/connection/read-ahead', async () => {
    const [mine, theirs] = Mp.pipe();
    const values = [];
    const describe = () => theirs.describe(new Gio.UnixFDList());
    theirs.connect('message', (_connection, message) => values.push(message.value));
    assert(theirs.get_fd() >= 0);
    theirs.start();
    mine.send(1);
    await until(() => values.length === 1);
    assert(theirs.get_fd() < 0);
    assertThrows(describe, Mp.Error, Mp.Error.UNSUPPORTED);

    theirs.stop();
    assert(theirs.get_fd() >= 0);
    describe();
    theirs.read_ahead = true;
    assertThrows(describe, Mp.Error, Mp.Error.UNSUPPORTED);
});

test('/js/connection/child', async () => {
    const [mine, theirs] = Mp.pipe();
    const child = startChild({connection: theirs}, 'echo');
    const value = {id: 1, data: new Uint8Array([1, 2]), big: 2n ** 60n};
    mine.send(value);
    assertEqual(await mine.recv_async(), value);
    mine.send(value);
    assertEqual(mine.recv(), value);

    mine.close();
    await child.join_async();
    assertEqual(child.exit_code, 0);
});

await run();
