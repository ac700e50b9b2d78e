// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A worker of "checksum a tree": gets paths and puts digests until the queue of tasks is shut down.
// The coordinator starts it and passes it both queues; or it opens those that the coordinator has
// been given:
//
//   checksum-worker.js [--queue URI] [NAME]

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';

const CHUNK_SIZE = 256 * 1024;

const SLASH = 0x2f;

// A path is bytes, since a file name need not be UTF-8; a URI can represent all of them.
function fileOf(path) {
    const escaped = Array.from(path,
        byte => byte === SLASH ? '/' : `%${byte.toString(16).padStart(2, '0')}`);
    return Gio.File.new_for_uri(`file://${escaped.join('')}`);
}

function checksum(task, path) {
    const digest = new GLib.Checksum(GLib.ChecksumType.SHA256);
    const file = fileOf(path);
    const stream = file.read(null);
    const whole = stream.query_info('standard::size', null).get_size();
    const name = GLib.path_get_basename(file.get_parse_name());
    let size = 0;
    for (;;) {
        const chunk = stream.read_bytes(CHUNK_SIZE, null);
        if (chunk.get_size() === 0)
            break;
        digest.update(chunk.toArray());
        size += chunk.get_size();
        // Of files that take a while, `mproc top` shows how far they are.
        if (whole > CHUNK_SIZE)
            task.set_progress(Math.min(size / whole, 1), name);
    }
    stream.close(null);
    return {digest: digest.get_string(), size};
}

function getQueues(uri) {
    if (uri)
        return [Mp.queue_open(uri, {mode: 'joinable'}), Mp.queue_open(`${uri}-results`)];
    return [Mp.inherit('tasks'), Mp.inherit('results')];
}

const words = [...ARGV];
const uri = words[0] === '--queue' ? words.splice(0, 2)[1] : null;
const [worker = 'js'] = words;
const [tasks, results] = getQueues(uri);

for (const task of tasks.tasks()) {
    const path = task.value;
    const start = GLib.get_monotonic_time();
    let result;
    try {
        result = checksum(task, path);
    } catch (error) {
        result = {error: error.message};
    }
    const seconds = (GLib.get_monotonic_time() - start) / 1000000;
    // Put the result before marking the task as done: if the worker is killed in between, nothing
    // is lost.
    results.put({path, worker, seconds, ...result});
    task.done();
}
