// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The program that tests start as another process: child.js ROLE [ARGUMENT…]. It gets the objects
// passed to it by name.

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

    exit(code) {
        System.exit(Number(code));
    },
};

const [role, ...args] = ARGV;
roles[role](...args);
