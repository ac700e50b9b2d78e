// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';

/** Starts child.js in a role, and passes it objects by name. */
export function startChild(shareables, ...words) {
    const program = GLib.build_filenamev([GLib.getenv('G_TEST_SRCDIR'), 'js', 'child.js']);
    const child = new Mp.Process({argv: ['gjs', '-m', program, ...words], die_with_parent: true});
    for (const [name, shareable] of Object.entries(shareables))
        child.give(name, shareable);
    child.start();
    return child;
}
