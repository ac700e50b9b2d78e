// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The workers of window.js.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';

const tasks = Mp.inherit('tasks');
const results = Mp.inherit('results');
const pid = new Gio.Credentials().get_unix_pid();

for (const task of tasks) {
    GLib.usleep(200000); // stands for the actual work
    results.put(`Task ${task} was done by process ${pid}`);
    tasks.task_done();
}
