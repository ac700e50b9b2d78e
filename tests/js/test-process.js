// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {startChild} from './children.js';
import {assert, assertEqual, assertRejects, assertThrows, run, test, until} from './tap.js';

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

test('/js/process/wait-check', async () => {
    const good = Mp.Process.new(['true']);
    good.start();
    assert(good.wait_check());

    const bad = Mp.Process.new(['sh', '-c', 'exit 4']);
    bad.start();
    assert(await bad.wait_check_async().then(() => false, error => error.matches(GLib.spawn_exit_error_quark(), 4)));
});

test('/js/process/streams', () => {
    const child = new Mp.Process({
        argv: ['sh', '-c', 'echo $VARIABLE; echo two >&2'],
        flags: Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_MERGE,
        environment: ['PATH=/usr/bin:/bin', 'VARIABLE=one'],
    });
    child.start();
    child.wait_check();
    const bytes = child.stdout_pipe.read_bytes(100, null);
    assertEqual(new TextDecoder().decode(bytes.toArray()), 'one\ntwo\n');
});

test('/js/process/stdin', async () => {
    const child = new Mp.Process({
        argv: ['tr', 'a-z', 'A-Z'],
        flags: Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_PIPE,
    });
    child.start();
    child.stdin_pipe.write_all('text', null);
    child.stdin_pipe.close(null);
    await child.wait_check_async();
    const text = pipe => new TextDecoder().decode(pipe.read_bytes(100, null).toArray());
    assertEqual([text(child.stdout_pipe), text(child.stderr_pipe)], ['TEXT', '']);
});

test('/js/process/notify', async () => {
    const child = new Mp.Process({argv: ['sh', '-c', 'exit 5']});
    const seen = [];
    const codes = [];
    child.connect('notify::exit-code', () => codes.push(child.exit_code));
    const ended = new Promise(resolve => {
        child.connect('notify::alive', () => {
            seen.push([child.alive, child.exit_code]);
            if (!child.alive)
                resolve();
        });
    });
    child.start();
    await ended;
    assertEqual(seen.at(-1), [false, 5]);
    await until(() => codes.at(-1) === 5);
});

test('/js/process/no-such-program', () => {
    const child = Mp.Process.new(['/nonexistent/program']);
    assertThrows(() => child.start(), Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND);
});

// The bindings would cut a text at its NUL.
test('/js/process/nul', () => {
    const child = Mp.Process.new(['/bin/true']);
    for (const call of [
        () => Mp.Process.new(['/bin/echo', 'a\0b']),
        () => new Mp.Process({argv: ['/bin/echo', 'a\0b']}),
        () => new Mp.Process({argv: ['/bin/true'], cwd: '/tmp\0/x'}),
        () => new Mp.Process({argv: ['/bin/true'], stdoutFilePath: '/tmp/a\0b'}),
        () => new Mp.Process({argv: ['/bin/true'], environment: ['A=a\0b']}),
        () => child.set_argv(['/bin/echo', 'a\0b']),
        () => child.set_cwd('/tmp\0/x'),
        () => child.set_env('A', 'a\0b'),
        () => child.set_stdin_file_path('/dev/null\0'),
    ])
        assertThrows(call, Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_ARGUMENT);

    child.set_argv(['/bin/sh', '-c', 'exit $A']);
    child.set_env('A', '7');
    child.start();
    child.join();
    assertEqual(child.exit_code, 7);
});

test('/js/process/wait', async () => {
    const queue = new Mp.Queue();
    const [first, second] = Mp.pipe();
    const child = new Mp.Process({argv: ['sleep', '1000'], die_with_parent: true});
    child.start();
    assertEqual(Mp.wait([queue, first, child], Mp.WaitFlags.NONE, 0), []);

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
