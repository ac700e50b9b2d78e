// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import {assertEqual, run, test} from './tap.js';

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

await run();
