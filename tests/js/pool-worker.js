// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A worker of the pools in the tests:  gjs -m pool-worker.js [async]

import Mp from 'gi://Mp';
import System from 'system';

const functions = {
    square: x => x * x,
    echo: x => x,
    fail: x => {
        throw new TypeError(`${x} is wrong`);
    },
    exit: () => System.exit(3),
};

if (System.programArgs[0] === 'async')
    await Mp.pool_work_async({...functions, later: async x => await x * x});
else
    Mp.pool_work(functions);
