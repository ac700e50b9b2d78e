// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The coordinator of "checksum a tree" in JavaScript; see examples/run.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import System from 'system';

Gio._promisify(Gio.Subprocess.prototype, 'communicate_async');

const SOURCE = GLib.getenv('MP_EXAMPLES_SOURCE');
const BUILD = GLib.getenv('MP_EXAMPLES_BUILD');
const WORKERS = {
    c: [`${BUILD}/c/checksum-worker`],
    python: ['/usr/bin/python3', `${SOURCE}/python/checksum-worker.py`],
    js: ['gjs', '-m', `${SOURCE}/js/checksum-worker.js`],
    vala: [`${BUILD}/vala/checksum-worker`],
};
const SLASH = 0x2f;
const SIGINT = 2;
const SIGTERM = 15;
const MAX_RESTARTS = 5;
const MAX_LINES = 10;

/** A path is bytes, since a file name need not be UTF-8; a URI can represent all of them. */
function pathOf(file) {
    const bytes = file.get_uri().slice('file://'.length)
        .match(/%[0-9A-Fa-f]{2}|[^%]/g)
        .map(part => part.length > 1 ? parseInt(part.slice(1), 16) : part.charCodeAt(0));
    return Uint8Array.from(bytes);
}

function exists(path) {
    const escaped = Array.from(path, byte => byte === SLASH
        ? '/' : `%${byte.toString(16).padStart(2, '0')}`);
    return Gio.File.new_for_uri(`file://${escaped.join('')}`).query_exists(null);
}

/** The key of a path in a Map: a string with one character for each byte. */
const keyOf = path => Array.from(path, byte => String.fromCharCode(byte)).join('');
const printable = path => JSON.stringify(new TextDecoder().decode(path));

function* filesBelow(folder, odd) {
    let children;
    try {
        children = folder.enumerate_children('standard::name,standard::type,standard::size',
            Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, null);
    } catch (error) {
        odd.push(`${printable(pathOf(folder))}: ${error.message}`);
        return;
    }
    for (let info; (info = children.next_file(null)) !== null;) {
        const child = children.get_child(info);
        switch (info.get_file_type()) {
        case Gio.FileType.REGULAR:
            yield pathOf(child);
            break;
        case Gio.FileType.DIRECTORY:
            yield* filesBelow(child, odd);
            break;
        case Gio.FileType.SPECIAL:
            odd.push(`${printable(pathOf(child))} is no regular file`);
            break;
        }
    }
    children.close(null);
}

/** Keeps one worker running: a killed process is replaced. */
class Worker {
    constructor(kind, name, queues) {
        Object.assign(this, {kind, name, queues, stopping: false});
    }

    async run() {
        for (let i = 0; i <= MAX_RESTARTS && !this.stopping; i++) {
            this.process = new Mp.Process({
                argv: [...WORKERS[this.kind], this.name],
                die_with_parent: true,
            });
            for (const [name, queue] of Object.entries(this.queues))
                this.process.give(name, queue);
            this.process.start();
            print(`${this.name} is process ${this.process.pid}`);
            await this.process.join_async();
            // Ctrl-C on a terminal reaches the workers too, perhaps before the coordinator.
            if (this.process.exit_code === -SIGINT)
                return;
            if (!this.stopping)
                print(`${this.name} ended with ${this.process.exit_code}`);
        }
    }

    stop() {
        this.stopping = true;
        this.process.terminate();
    }
}

/** Returns a function that shows a progress bar on a terminal, and prints a line every two seconds
 * elsewhere. */
function progress(total) {
    const terminal = GLib.log_writer_supports_color(1);
    const start = GLib.get_monotonic_time();
    let last = start;
    return done => {
        const now = GLib.get_monotonic_time();
        if (now - last < (terminal ? 100000 : 2000000))
            return;
        last = now;
        const rate = done * 1000000 / (now - start);
        const text = `${done} of ${total} files, ${rate.toFixed()} files/s, ` +
            `${((total - done) / rate).toFixed()} s left`;
        if (terminal)
            write(`\r\x1b[K[${'#'.repeat(30 * done / total).padEnd(30)}] ${text}`);
        else
            print(text);
    };
}

function write(text) {
    const stdout = Gio.UnixOutputStream.new(1, false);
    stdout.write_all(new TextEncoder().encode(text), null);
}

async function gather(total, results) {
    const found = new Map();
    const show = progress(total);
    for await (const result of results) {
        // If a worker was killed before it marked its task as done, the result comes twice.
        const key = keyOf(result.path);
        if (!found.has(key))
            found.set(key, result);
        show(found.size);
    }
    return found;
}

function printTable(found) {
    const row = (name, ...cells) =>
        print(name.padEnd(12) + cells.map(cell => cell.padStart(11)).join(''));
    const all = [...found.values()];
    print('');
    row('worker', 'files', 'MB', 'seconds', 'MB/s');
    for (const worker of [...new Set(all.map(result => result.worker))].sort()) {
        const mine = all.filter(result => result.worker === worker);
        const megabytes = mine.reduce((sum, result) => sum + (result.size ?? 0), 0) / 1e6;
        const seconds = mine.reduce((sum, result) => sum + result.seconds, 0);
        row(worker, `${mine.length}`, megabytes.toFixed(1), seconds.toFixed(2),
            (megabytes / seconds).toFixed(1));
    }
}

async function sha256sum(files) {
    const process = Gio.Subprocess.new(
        ['xargs', '-0', '-r', 'sha256sum', '--zero', '--'],
        Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE |
        Gio.SubprocessFlags.STDERR_SILENCE);
    const list = Uint8Array.from(files.flatMap(path => [...path, 0]));
    const [output] = await process.communicate_async(new GLib.Bytes(list), null);
    const records = keyOf(output.toArray()).split('\0').filter(record => record !== '');
    return new Map(records.map(record => [record.slice(66), record.slice(0, 64)]));
}

/** Prints the results; returns whether none is missing and all digests agree. */
async function conclude(files, odd, found) {
    printTable(found);
    const expected = await sha256sum(files);
    const lines = odd.map(line => `${line}: left out`);
    let wrong = 0;
    for (const path of files) {
        const result = found.get(keyOf(path));
        if (result?.digest === undefined)
            lines.push(`${printable(path)}: ${result?.error ?? 'missing'}`);
        // A file that was removed meanwhile has no digest to compare with.
        if (result === undefined || result.digest !== expected.get(keyOf(path)) && exists(path))
            wrong++;
    }
    lines.slice(0, MAX_LINES).forEach(line => print(line));
    if (lines.length > MAX_LINES)
        print(`and ${lines.length - MAX_LINES} more`);
    const verdict = wrong > 0 ? `${wrong} digests do not agree` : 'all digests agree';
    print(`${found.size} of ${files.length} files: ${verdict}`);
    return wrong === 0;
}

function parse(words) {
    const options = {workers: 'c,python,js,vala', n: '1', directory: '/usr/share'};
    for (let i = 0; i < words.length; i++) {
        const [, name, value] = words[i].match(/^--(workers|n|queue)(?:=(.*))?$/) ?? [];
        if (name)
            options[name] = value ?? words[++i];
        else
            options.directory = words[i];
    }
    return options;
}

/** Returns queues for tasks and for results; those at a URI can be opened by any worker. */
function makeQueues(uri) {
    if (uri)
        return [Mp.queue_open(uri, {mode: 'joinable'}), Mp.queue_open(`${uri}-results`)];
    // The names are for people who look on with `mproc top`.
    return [new Mp.JoinableQueue({name: 'tasks'}), new Mp.Queue({name: 'results'})];
}

async function main() {
    const options = parse(ARGV);
    const odd = [];
    const files = [...filesBelow(Gio.File.new_for_path(options.directory), odd)];
    print(`${files.length} files in ${options.directory}`);

    const [tasks, results] = makeQueues(options.queue);
    const workers = options.workers.split(',').flatMap(kind =>
        Array.from({length: options.n}, (_, i) =>
            new Worker(kind, `${kind}-${i + 1}`, {tasks, results})));

    let interrupted = false;
    const stop = () => {
        interrupted = true;
        workers.forEach(worker => worker.stop());
        tasks.shutdown(true);
        results.shutdown(true);
        return GLib.SOURCE_CONTINUE;
    };
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, SIGINT, stop);
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, SIGTERM, stop);

    const running = Promise.all(workers.map(worker => worker.run()));
    files.forEach(path => tasks.put(path));
    // When all tasks are done, all results are in the queue: the loop over results drains it and
    // ends.  So it does when there is an interrupt, which makes join_async() fail.
    const ends = workers.length > 0 ? [tasks.join_async(), running] : [tasks.join_async()];
    const end = () => results.shutdown(false);
    Promise.race(ends).then(end, end);
    const found = await gather(files.length, results);

    workers.forEach(worker => (worker.stopping = true));
    tasks.shutdown(true);
    await running;
    if (options.queue) {
        // The tasks last: no worker that starts now opens new tasks and old results.
        Mp.Queue.remove(`${options.queue}-results`, null);
        Mp.Queue.remove(options.queue, null);
    }
    if (interrupted) {
        print('Interrupted.');
        return 130;
    }
    return await conclude(files, odd, found) ? 0 : 1;
}

System.exit(await main());
