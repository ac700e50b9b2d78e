// SPDX-License-Identifier: LGPL-2.1-or-later

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GIRepository from 'gi://GIRepository';
import GObject from 'gi://GObject';
import Mp from 'gi://Mp';
import {assert, assertEqual, run, test} from './tap.js';

const program = GLib.build_filenamev([GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]), 'bare.js']);

function isClass(value) {
    return typeof value === 'function' && value.prototype instanceof GObject.Object &&
        !GObject.type_test_flags(value.$gtype, GObject.TypeFlags.ABSTRACT);
}

// The methods of a class in the GIR, those of what it derives from included.
function methodsOf(name) {
    const names = [];
    const repository = GIRepository.Repository.get_default();
    for (let info = repository.find_by_name('Mp', name); info?.get_namespace() === 'Mp'; info = GIRepository.object_info_get_parent(info)) {
        for (let i = 0; i < GIRepository.object_info_get_n_methods(info); i++) {
            const method = GIRepository.object_info_get_method(info, i);
            if (GIRepository.function_info_get_flags(method) & GIRepository.FunctionInfoFlags.IS_METHOD)
                names.push(method.get_name());
        }
    }
    return names;
}

const classes = Object.keys(Mp).filter(name => isClass(Mp[name]));

test('/js/bare/classes', () => assert(classes.length >= 8));

for (const name of classes) {
    test(`/js/bare/${name}`, () => {
        const child = Gio.Subprocess.new(['gjs', '-m', program, name],
            Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_SILENCE);
        const [, output] = child.communicate_utf8(null, null);

        // The last line is the call that was about to be made.
        assertEqual(output.trim().split('\n').at(-1), 'end');
    });
}

await run();
