// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Every kind of value, and objects of a class that each language defines itself, are put in each
// language and got in each. The values are in tests/matrix, in a file for each language.

import GLib from 'gi://GLib';
import Mp from 'gi://Mp';
import {assert, assertEqual, run, skip, test} from './tap.js';

const SOURCE = `${GLib.getenv('G_TEST_SRCDIR')}/matrix`;
const BUILD = `${GLib.getenv('G_TEST_BUILDDIR')}/matrix`;

// The commands of the peers for each kind.
const LANGUAGES = {
    c: kind => [`${BUILD}/matrix-${kind}-c`, ...TABLES[kind]],
    js: kind => ['gjs', '-m', `${SOURCE}/${kind}.js`],
    python: kind => ['/usr/bin/python3', `${SOURCE}/${kind}.py`],
    vala: kind => [`${BUILD}/matrix-${kind}-vala`, ...TABLES[kind]],
};
const TABLES = {values: [`${SOURCE}/values.ini`], objects: []};

// How many values each puts, so that a forgotten one is noticed.
const COUNTS = {
    values: {c: 51, js: 51, python: 57, vala: 51},
    objects: {c: 4, js: 4, python: 4, vala: 4},
};

function start(argv, role, shareables) {
    const peer = new Mp.Process({argv: [...argv, role], die_with_parent: true});
    for (const [name, shareable] of Object.entries(shareables))
        peer.give(name, shareable);
    peer.start();
    return peer;
}

/** Returns the reader's output for each value that the writer put, by name. */
async function verdicts(writer, reader) {
    const [values, results] = [new Mp.Queue(), new Mp.Queue()];
    const writing = start(writer, 'put', {values});
    const reading = start(reader, 'get', {values, results});
    await writing.join_async();
    values.shutdown();
    await reading.join_async();
    results.shutdown();

    assertEqual([writing.exit_code, reading.exit_code], [0, 0]);
    return [...results];
}

async function check(kind, writer, reader) {
    const argvs = [LANGUAGES[writer](kind), LANGUAGES[reader](kind)];
    if (argvs.some(([program]) => program.endsWith('-vala') && !GLib.file_test(program, GLib.FileTest.EXISTS)))
        skip('built without Vala');

    const all = await verdicts(...argvs);
    assertEqual(all.length, COUNTS[kind][writer]);
    const wrong = all.filter(([, difference]) => difference !== '');
    assert(wrong.length === 0, wrong.map(line => line.join(': ')).join('\n'));
}

for (const kind of Object.keys(COUNTS)) {
    for (const writer of Object.keys(LANGUAGES)) {
        for (const reader of Object.keys(LANGUAGES))
            test(`/js/matrix/${kind}/${writer}-to-${reader}`, () => check(kind, writer, reader));
    }
}

await run();
