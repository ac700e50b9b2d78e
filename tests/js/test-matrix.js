// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Every kind of value is put in each language, and got in each. The tables of values are in
// tests/matrix, one for each language.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, run, skip, test} from './tap.js';

const SOURCE = GLib.getenv('G_TEST_SRCDIR');
const BUILD = GLib.getenv('G_TEST_BUILDDIR');
const PEERS = {
    js: ['gjs', '-m', `${SOURCE}/matrix/peer.js`],
    python: ['/usr/bin/python3', `${SOURCE}/matrix/peer.py`],
    vala: [`${BUILD}/matrix-peer`],
};

// How many kinds each can put; a kind that was forgotten is noticed.
const N_KINDS = {js: 25, python: 28, vala: 23};

function start(language, role, shareables) {
    const peer = new Mp.Process({argv: [...PEERS[language], role], die_with_parent: true});
    for (const [name, shareable] of Object.entries(shareables))
        peer.give(name, shareable);
    peer.start();
    return peer;
}

/** Returns what is wrong, by the kind of value, with all that one language puts and one gets. */
async function differences(writer, reader) {
    const [values, results] = [new Mp.Queue(), new Mp.Queue()];
    const writing = start(writer, 'put', {values});
    const reading = start(reader, 'get', {values, results});
    await writing.join_async();
    values.shutdown();
    await reading.join_async();
    results.shutdown();

    assertEqual([writing.exit_code, reading.exit_code], [0, 0]);
    const verdicts = [...results];
    assertEqual(verdicts.length, N_KINDS[writer]);
    return verdicts.filter(([, difference]) => difference !== '');
}

for (const writer of Object.keys(PEERS)) {
    for (const reader of Object.keys(PEERS)) {
        test(`/js/matrix/${writer}-to-${reader}`, async () => {
            if ([writer, reader].includes('vala') && !GLib.file_test(PEERS.vala[0], GLib.FileTest.IS_EXECUTABLE))
                skip('built without Vala');
            const wrong = await differences(writer, reader);
            assert(wrong.length === 0, wrong.map(line => line.join(': ')).join('\n'));
        });
    }
}

await run();
