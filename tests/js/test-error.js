// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';

import {assert, assertThrows, run, test} from './tap.js';

test('/js/error/domain', () => {
    const error = assertThrows(() => {
        throw new GLib.Error(Mp.Error, Mp.Error.EMPTY, 'nothing there');
    }, Mp.Error, Mp.Error.EMPTY);
    assert(error instanceof Mp.Error);
    assert(error.message === 'nothing there');
});

await run();
