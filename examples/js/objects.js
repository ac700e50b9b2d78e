// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Sends objects of a class, and bytes and numbers that JSON cannot represent: gjs -m objects.js

import GObject from 'gi://GObject';
import Mp from 'gi://Mp?version=1.0';
import {startChild} from './child.js';

const {READWRITE} = GObject.ParamFlags;

const Reading = GObject.registerClass({
    GTypeName: 'ExampleReading',
    Properties: {
        sensor: GObject.ParamSpec.string('sensor', '', '', READWRITE, ''),
        celsius: GObject.ParamSpec.double('celsius', '', '', READWRITE, -273.15, 1e6, 0),
    },
}, class extends GObject.Object {
    get fahrenheit() {
        return this.celsius * 9 / 5 + 32;
    }
});

// Objects are created from messages only if their class is enabled.
Mp.serializable_enable(Reading.$gtype);

function work(objects, values) {
    const reading = objects.get_message().get_object(Reading);
    print(`${reading.sensor}: ${reading.celsius} C are ${reading.fahrenheit} F`);

    for (const value of values) {
        const type = typeof value === 'object' ? value.constructor.name : typeof value;
        print(`${type}: ${value instanceof Map ? [...value] : value}`);
    }
}

async function main() {
    const [objects, values] = [new Mp.Queue(), new Mp.Queue()];
    const worker = startChild(import.meta.url, 'work', {objects, values});

    objects.put(new Reading({sensor: 'attic', celsius: 21.5}));
    values.put(2n ** 63n);
    values.put(-Infinity);
    values.put(new Map([[1, 'one'], [2, 'two']]));
    values.shutdown();
    await worker.join_async();
}

if (ARGV[0] === 'work')
    work(Mp.inherit('objects'), Mp.inherit('values'));
else
    await main();
