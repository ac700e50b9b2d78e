// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';

/** Starts the program at @url again in another role, with the given queues and connections. */
export function startChild(url, role, shareables, ...words) {
    const [program] = GLib.filename_from_uri(url);
    const child = new Mp.Process({
        argv: ['gjs', '-m', program, role, ...words],
        die_with_parent: true,
    });
    for (const [name, shareable] of Object.entries(shareables))
        child.give(name, shareable);
    child.start();
    return child;
}
