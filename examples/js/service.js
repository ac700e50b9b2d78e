// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A service that has texts analysed by a worker, an ordinary Python program: gjs -m service.js
//
// It reads lines from its standard input, and prints the worker's answer to each. If the worker is
// killed, a new one is started, and gets the request again.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';
import System from 'system';

Gio._promisify(Gio.DataInputStream.prototype, 'read_line_async', 'read_line_finish_utf8');

const [WORKER] = GLib.filename_from_uri(
    GLib.uri_resolve_relative(import.meta.url, '../python/service-worker.py', 0));
const PRIORITY = GLib.PRIORITY_DEFAULT;
const MAX_TRIES = 3;

class Service {
    #key = GLib.uuid_string_random();
    #listener = new Mp.Listener({
        address: 'unix:',
        auth_key: new GLib.Bytes(new TextEncoder().encode(this.#key)),
        legacy_digests: true, // needed for Python up to 3.11
    });
    #connection = null;

    constructor() {
        this.#listener.listen();
    }

    async #startWorker() {
        const path = this.#listener.address.slice('unix:'.length);
        const worker = new Mp.Process({argv: ['python3', WORKER, path], die_with_parent: true});
        worker.set_env('SERVICE_KEY', this.#key);
        worker.start();
        print(`The worker is process ${worker.pid}`);

        // The worker either connects or ends.
        const ended = new Gio.Cancellable();
        worker.join_async().then(() => ended.cancel());
        this.#connection = await this.#listener.accept_async(PRIORITY, ended);
        this.#connection.format = Mp.Format.PICKLE;
    }

    async ask(text) {
        for (let i = 0; i < MAX_TRIES; i++) {
            try {
                if (this.#connection === null)
                    await this.#startWorker();
                await this.#connection.send_async(text);
                return await this.#connection.recv_async();
            } catch (error) {
                print(`The worker is gone: ${error.message}`);
                this.#connection = null;
            }
        }
        printerr('Nobody answers');
        System.exit(1);
    }

    // The worker ends when its connection is closed.
    close() {
        this.#connection?.close();
    }
}

const service = new Service();
const input = new Gio.DataInputStream({base_stream: Gio.UnixInputStream.new(0, false)});

for (;;) {
    const [text] = await input.read_line_async(PRIORITY, null);
    if (text === null)
        break;
    const {words, letters, longest} = await service.ask(text);
    print(`words: ${words}, letters: ${letters}, longest: ${longest}`);
}
service.close();
print('Closed');
