// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test} from './tap.js';

test('/js/process/exit-code', () => {
    const child = startChild({}, 'exit', '7');
    assert(child.pid > 0);
    child.join();
    assertEqual([child.exit_code, child.alive], [7, false]);
});

test('/js/process/join-in-time', async () => {
    const child = new Mp.Process({argv: ['sleep', '1000'], die_with_parent: true});
    child.start();
    assertThrows(() => child.join(0), Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT);

    const cancellable = new Gio.Cancellable();
    const joined = child.join_async(0, cancellable);
    cancellable.cancel();
    await assertRejects(joined, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);

    child.terminate();
    await child.join_async();
    assertEqual(child.exit_code, -15);
});

test('/js/process/no-such-program', () => {
    const child = Mp.Process.new(['/nonexistent/program']);
    assertThrows(() => child.start(), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

test('/js/process/wait', async () => {
    const queue = new Mp.Queue();
    const [first, second] = Mp.pipe();
    const child = new Mp.Process({argv: ['sleep', '1000'], die_with_parent: true});
    child.start();
    assertEqual(Mp.wait([queue, first, child], 0), []);

    queue.put(1);
    const ready = Mp.wait([child, first, queue]);
    assert(ready.length === 1 && ready[0] === queue);

    second.send(1);
    child.kill();
    child.join();
    const all = await Mp.wait_async([child, first, queue]);
    assert(all.length === 3 && all[0] === child && all[2] === queue);
});

test('/js/process/inherit-nothing', () => {
    assertEqual(Mp.inherit_names(), []);
    assertThrows(() => Mp.inherit('nothing'), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

await run();
