// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The program that tests start as another process: child.js ROLE [ARGUMENT…]. It gets the objects
// passed to it by name.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import System from 'system';

const roles = {
    produce(count) {
        const results = Mp.inherit('results');
        for (let i = 0; i < Number(count); i++)
            results.put({i, text: `item ${i}`});
    },

    // Takes one task, reports that, and never ends by itself.
    take() {
        const tasks = Mp.inherit('tasks');
        Mp.inherit('results').put(tasks.get());
        tasks.join();
    },

    double() {
        const tasks = Mp.inherit('tasks');
        const results = Mp.inherit('results');
        for (const task of tasks.tasks()) {
            results.put(task.value * 2);
            task.done();
        }
    },

    echo() {
        const connection = Mp.inherit('connection');
        for (const value of connection)
            connection.send(value);
    },

    // Answers calls until the other end is closed, but for those of 'later'.
    answer() {
        const connection = Mp.inherit('connection');
        const loop = new GLib.MainLoop(null, false);
        const later = [];
        connection.connect('called', (_connection, invocation) => {
            if (invocation.value === 'later')
                later.push(invocation);
            else if (invocation.value === 'refuse')
                invocation.return_error_literal('com.example.Error', 3, 'unheard of');
            else
                invocation.return_value([invocation.value]);
        });
        connection.connect('closed', () => loop.quit());
        connection.start();
        loop.run();
    },

    // Receives one message of several, and leaves the others where they are.
    receiveOne() {
        Mp.inherit('results').put(Mp.inherit('connection').recv());
    },

    receiveOneLater() {
        const results = Mp.inherit('results');
        const loop = new GLib.MainLoop(null, false);
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            Mp.inherit('connection').recv_async().then(value => {
                results.put(value);
                loop.quit();
            });
            return GLib.SOURCE_REMOVE;
        });
        loop.run();
    },

    exit(code) {
        System.exit(Number(code));
    },
};

const [role, ...args] = ARGV;
roles[role](...args);
