// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A window that stays responsive while workers work:  gjs -m window.js [--begin]
//
// With --begin the first tasks are put without pressing the button.

import GLib from 'gi://GLib';
import Gtk from 'gi://Gtk?version=4.0';
import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const N_WORKERS = 2;
const N_TASKS = 12;
const TICK_MS = 50;

// A worker has no window, so it is a separate program that does not load GTK.
const WORKER = GLib.Uri.resolve_relative(import.meta.url, 'window-worker.js', GLib.UriFlags.NONE);

class Window {
    #tasks;
    #nTicks = 0;
    #bar = new Gtk.ProgressBar({show_text: true, text: 'Nothing to do', margin_start: 12, margin_end: 12});
    #clock = new Gtk.Label();
    #list = new Gtk.ListBox();

    constructor(app, tasks, results) {
        this.#tasks = tasks;
        this.#show(app);

        // The progress and the results of the workers arrive in the main loop.
        tasks.bind_property('progress', this.#bar, 'fraction', 0);
        tasks.connect('notify::n-done', () => this.#count());
        tasks.report_progress = true;
        results.connect('message', (_results, message) => this.#listResult(message));
        results.start();
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, TICK_MS, () => this.#tick());
    }

    // The queue has no bound, so put does not wait.
    addTasks() {
        const nTotal = this.#tasks.n_total;
        for (let i = 1; i <= N_TASKS; i++)
            this.#tasks.put(nTotal + i);
    }

    #show(app) {
        const button = new Gtk.Button({label: `Add ${N_TASKS} Tasks`});
        const titlebar = new Gtk.HeaderBar();
        const child = new Gtk.Box({orientation: Gtk.Orientation.VERTICAL, spacing: 12});
        button.connect('clicked', () => this.addTasks());
        titlebar.pack_start(button);
        child.append(this.#bar);
        child.append(this.#clock);
        child.append(new Gtk.ScrolledWindow({child: this.#list, vexpand: true}));
        new Gtk.ApplicationWindow({
            application: app, title: 'Workers', titlebar, child,
            default_width: 420, default_height: 520,
        }).present();
    }

    #count() {
        const text = `${this.#tasks.n_done} of ${this.#tasks.n_total} done`;
        if (text !== this.#bar.text) {
            this.#bar.text = text;
            print(`${text} at tick ${this.#nTicks}`);
        }
    }

    #listResult(message) {
        this.#list.append(new Gtk.Label({label: message.value, xalign: 0}));
    }

    // The window is responsive as long as the clock ticks.
    #tick() {
        this.#nTicks += 1;
        this.#clock.label = `The clock has ticked ${this.#nTicks} times`;
        return GLib.SOURCE_CONTINUE;
    }
}

const [tasks, results] = [new Mp.JoinableQueue(), new Mp.Queue()];
const workers = Array.from({length: N_WORKERS}, () =>
    startChild(WORKER, 'work', {tasks, results}));
const app = new Gtk.Application();

app.connect('activate', () => {
    const window = new Window(app, tasks, results);
    if (ARGV.includes('--begin'))
        window.addTasks();
});
app.run([]);

// The window is closed: workers finish their current task, and take no other one.
tasks.shutdown(true);
for (const worker of workers)
    worker.join();
print('Closed');
