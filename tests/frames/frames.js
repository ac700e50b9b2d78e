// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Counts the frames of a window beside a queue or connection that always has another message:
// gjs -m frames.js MODE
//
// Ends after so many frames; a stream that leaves no time to draw never does.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gtk from 'gi://Gtk?version=4.0';
import Mp from 'gi://Mp?version=1.0';

const N_FRAMES = 60;
const N_QUEUED = 20;

const app = new Gtk.Application({flags: Gio.ApplicationFlags.NON_UNIQUE});
const queue = new Mp.Queue();
const jobs = new Mp.JoinableQueue();
const [receiver, sender] = Mp.pipe(false);
let nFrames = 0;
let nMessages = 0;

function putAgain() {
    queue.put(++nMessages);
}

function sendAgain() {
    sender.send(++nMessages);
}

// What a program may do with what comes.
const modes = {
    'message': () => {
        queue.connect('message', putAgain);
        queue.start();
    },
    'connection-message': () => {
        receiver.connect('message', sendAgain);
        receiver.start();
    },
    'get': async () => {
        for (;;) {
            await queue.get_async();
            putAgain();
        }
    },
    'get-message': async () => {
        for (;;) {
            await queue.get_message_async();
            putAgain();
        }
    },
    'iterate': async () => {
        for await (const _value of queue)
            putAgain();
    },
    'tasks': async () => {
        for await (const task of jobs.tasks()) {
            task.done();
            jobs.put(++nMessages);
        }
    },
    'put': async () => {
        for (;;) {
            await queue.put_async(++nMessages);
            queue.get();
        }
    },
    'recv': async () => {
        for (;;) {
            await receiver.recv_async();
            sendAgain();
        }
    },
    'connection-iterate': async () => {
        for await (const _value of receiver)
            sendAgain();
    },
    'send': async () => {
        for (;;) {
            await sender.send_async(++nMessages);
            receiver.recv();
        }
    },
    // What is done with each message takes time.
    'slow': async () => {
        for await (const _value of queue) {
            GLib.usleep(1000);
            putAgain();
        }
    },
};

function countFrame(label) {
    label.label = `${++nFrames} frames`;
    if (nFrames < N_FRAMES)
        return GLib.SOURCE_CONTINUE;
    print(`${nFrames} frames beside ${nMessages} messages`);
    app.quit();
    return GLib.SOURCE_REMOVE;
}

app.connect('activate', () => {
    const child = new Gtk.Label();
    const window = new Gtk.ApplicationWindow({application: app, child});
    window.add_tick_callback(() => countFrame(child));
    window.present();
});

for (let i = 0; i < N_QUEUED; i++) {
    queue.put(i);
    jobs.put(i);
    sender.send(i);
}
GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
    modes[ARGV[0]]()?.catch?.(logError);
    return GLib.SOURCE_REMOVE;
});
app.run([]);
