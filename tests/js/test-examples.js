// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The examples in C, JavaScript and Vala print the same lines, in any order of their processes.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import {assert, assertEqual, run, skip, test} from './tap.js';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_utf8_async');

const LANGUAGES = {
    c: name => [`${GLib.getenv('MP_BUILD_ROOT')}/examples/c/${name}`],
    js: name => ['gjs', '-m', `${GLib.getenv('MP_SOURCE_ROOT')}/examples/js/${name}.js`],
    vala: name => [`${GLib.getenv('MP_BUILD_ROOT')}/examples/vala/${name}`],
};

/** The lines that an example prints. */
async function linesOf(language, name) {
    const argv = LANGUAGES[language](name);
    if (language !== 'js' && !GLib.file_test(argv[0], GLib.FileTest.IS_EXECUTABLE))
        skip('built without these examples');

    const process = Gio.Subprocess.new(argv,
        Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_MERGE);
    const [output] = await process.communicate_utf8_async(null, null);
    assert(process.get_successful(), output);
    return output.trim().split('\n');
}

function testExample(name, check) {
    for (const language of Object.keys(LANGUAGES)) {
        test(`/js/examples/${language}/${name}`, async () =>
            check(await linesOf(language, name), language));
    }
}

const beginningWith = (lines, start) => lines.filter(line => line.startsWith(start));
const numbers = n => Array.from({length: n}, (_, i) => i);

testExample('basic-queue', lines => {
    const items = ['item1', 'item2', 'item3', 'item4'];
    assertEqual(beginningWith(lines, 'Producing'), items.map(item => `Producing ${item}`));
    assertEqual(beginningWith(lines, 'Consuming'), items.map(item => `Consuming ${item}`));
    assertEqual(lines.length, 8);
});

testExample('joinable-queue', lines => {
    assertEqual(beginningWith(lines, 'Processing').sort(), numbers(5).map(i => `Processing task-${i}`));
    assert(lines.some(line => /^\d+ % done$/.test(line)));
    assertEqual(lines.at(-1), 'All tasks completed');
});

testExample('pool', lines => {
    assertEqual(lines.filter(line => !line.startsWith('One task failed: ')), ['1229 primes below 10000']);
    assertEqual(lines.length, 2);
});

testExample('pipe', lines => {
    const words = ['Hello', 'World', 'From', 'Pipe'];
    assertEqual(beginningWith(lines, 'Sending'), words.map(word => `Sending: ${word}`));
    assertEqual(beginningWith(lines, 'Received'), words.map(word => `Received: ${word}`));
});

testExample('ping-pong', lines => {
    const expected = numbers(3).flatMap(i => ['ping', 'pong'].flatMap(word =>
        [`Sent: ${word}-${i}`, `Received: ${word}-${i}`]));
    assertEqual(lines.sort(), expected.sort());
});

testExample('producers-consumers', lines => {
    const items = numbers(2).flatMap(id => numbers(5).map(i => `Producer-${id}-Item-${i}`));
    assertEqual(beginningWith(lines, 'Produced').map(line => line.split(' ')[1]).sort(), items);
    assertEqual(lines.filter(line => line.includes(' consumed: '))
        .map(line => line.split(' ')[2]).sort(), items);
    assertEqual(lines.filter(line => line.endsWith('nothing more to come')).length, 3);
});

testExample('objects', (lines, language) => {
    const values = language === 'js'
        ? ['bigint: 9223372036854775808', 'number: -Infinity', 'Map: 1,one,2,two']
        : ['t: 9223372036854775808', 'd: -inf', "a{is}: {1: 'one', 2: 'two'}"];
    assertEqual(lines, ['attic: 21.5 C are 70.7 F', ...values]);
});

testExample('listener', lines => {
    assert(lines[0].startsWith('Server listening on tcp:'), lines[0]);
    assertEqual(lines.slice(1).sort(), [
        'Client received: Echo: hello', 'Client received: Echo: world', 'Connection accepted',
        'Server received: hello', 'Server received: quit', 'Server received: world',
    ]);
});

// No promise settles in a main loop that runs after a top-level await.
test('/js/examples/no-loop-below-await', () => {
    const folder = Gio.File.new_for_path(`${GLib.getenv('MP_SOURCE_ROOT')}/examples/js`);
    for (const info of folder.enumerate_children('standard::name', Gio.FileQueryInfoFlags.NONE, null)) {
        const [, bytes] = folder.get_child(info.get_name()).load_contents(null);
        const text = new TextDecoder().decode(bytes);
        assert(!/^[^ /].*\bawait import\(/m.test(text) || !/\b(app|loop)\.run\(/.test(text), info.get_name());
    }
});

await run();
