// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import {assert, assertEqual, run, test} from './tap.js';

// The maximum number of sources at any time: far more than needed, far fewer than created.
const MAX_SOURCES = '200';

test('/js/async/kept-results', () => {
    const program = GLib.build_filenamev([GLib.getenv('G_TEST_SRCDIR'), 'js', 'keep-results.js']);
    const counter = GLib.build_filenamev([GLib.getenv('G_TEST_BUILDDIR'), 'libsource-count.so']);
    const launcher = Gio.SubprocessLauncher.new(Gio.SubprocessFlags.STDOUT_PIPE);
    launcher.setenv('LD_PRELOAD', counter, true);
    launcher.setenv('MP_TEST_MAX_SOURCES', MAX_SOURCES, true);
    const [, output] = launcher.spawnv(['gjs', '-m', program]).communicate_utf8(null, null);
    assertEqual(output.trim(), '30000');
});

// Starts a process that stops while it holds a lock of the queue.
function holdLock(queue, lock) {
    const program = GLib.build_filenamev([GLib.getenv('G_TEST_BUILDDIR'), 'hold-lock']);
    const descriptors = new Gio.UnixFDList();
    const launcher = Gio.SubprocessLauncher.new(Gio.SubprocessFlags.NONE);
    queue.describe(descriptors);
    launcher.take_fd(descriptors.get(0), 10);
    launcher.take_fd(descriptors.get(1), 11);
    const holder = launcher.spawnv([program, lock, '10', '11']);
    const status = `/proc/${holder.get_identifier()}/stat`;
    while (!/\) T /.test(new TextDecoder().decode(GLib.file_get_contents(status)[1])))
        GLib.usleep(1000);
    return holder;
}

const SIGCONT = 18;

test('/js/async/stopped', async () => {
    const queue = Mp.Queue.new(0);
    const bytes = new Uint8Array([1]);
    for (let i = 0; i < 4; i++)
        queue.put(bytes);
    // From now on the queue first looks for bytes.
    assertEqual(queue.try_get(), bytes);

    const holder = holdLock(queue, 'head');
    assert(queue.try_get() === undefined);
    const later = queue.get_async();
    holder.send_signal(SIGCONT);
    assertEqual(await later, bytes);
    assert(holder.wait_check(null));
    assertEqual(queue.size, 2);
});

await run();
