// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The objects that JavaScript puts and gets in the matrix; see tests/js/test-matrix.js.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Mp from 'gi://Mp';
import {assert, assertEqual, assertThrows} from '../js/tap.js';

const {READWRITE} = GObject.ParamFlags;

const Inner = GObject.registerClass({
    GTypeName: 'MpMatrixInner',
    Properties: {
        number: GObject.ParamSpec.int('number', '', '', READWRITE, GLib.MININT32, GLib.MAXINT32, 0),
    },
}, class extends GObject.Object {});

const Thing = GObject.registerClass({
    GTypeName: 'MpMatrixThing',
    Properties: {
        text: GObject.ParamSpec.string('text', '', '', READWRITE, null),
        nothing: GObject.ParamSpec.string('nothing', '', '', READWRITE, null),
        number: GObject.ParamSpec.int('number', '', '', READWRITE, GLib.MININT32, GLib.MAXINT32, 0),
        fraction: GObject.ParamSpec.double('fraction', '', '', READWRITE, -1e308, 1e308, 0),
        truth: GObject.ParamSpec.boolean('truth', '', '', READWRITE, false),
        kind: GObject.ParamSpec.enum('kind', '', '', READWRITE, Gio.FileType, Gio.FileType.UNKNOWN),
        options: GObject.ParamSpec.flags('options', '', '', READWRITE, Gio.ConverterFlags, 0),
        words: GObject.ParamSpec.boxed('words', '', '', READWRITE, GLib.strv_get_type()),
        inner: GObject.ParamSpec.object('inner', '', '', READWRITE, Inner),
        things: GObject.ParamSpec.object('things', '', '', READWRITE, Gio.ListModel),
        extra: GObject.param_spec_variant('extra', '', '', new GLib.VariantType('*'), null, READWRITE),
    },
}, class extends GObject.Object {});

// Known in all languages, but not enabled.
const Disabled = GObject.registerClass({
    GTypeName: 'MpMatrixDisabled',
}, class extends Inner {});

// Known only in this language.
const Unknown = GObject.registerClass({
    GTypeName: 'MpMatrixUnknownOfJs',
}, class extends GObject.Object {});

function listOf(...numbers) {
    const things = new Gio.ListStore({item_type: Inner});
    numbers.forEach(number => things.append(new Inner({number})));
    return things;
}

const make = inner => new Thing({
    text: 'häß 😀',
    number: -(2 ** 31),
    fraction: 0.1,
    truth: true,
    kind: Gio.FileType.DIRECTORY,
    options: Gio.ConverterFlags.INPUT_AT_END | Gio.ConverterFlags.FLUSH,
    words: ['one', '', 'three'],
    inner,
    things: listOf(1, 2),
    extra: new GLib.Variant('(si)', ['a', 5]),
});

const MAKERS = {
    'thing': () => make(new Inner({number: 7})),
    'unknown': () => new Unknown(),
    'disabled': () => new Disabled({number: 7}),
    'disabled inside': () => make(new Disabled({number: 7})),
};

function put() {
    const values = Mp.inherit('values');
    for (const [name, maker] of Object.entries(MAKERS)) {
        values.put(name);
        values.put(maker());
    }
}

function numbersOf(things) {
    return Array.from({length: things.get_n_items()}, (_, i) => things.get_item(i).number);
}

function checkThing(message) {
    const [thing, wanted] = [message.get_object(Thing), MAKERS['thing']()];
    for (const name of ['text', 'nothing', 'number', 'fraction', 'truth', 'kind', 'options', 'words'])
        assertEqual(thing[name], wanted[name]);
    assert(thing instanceof Thing && thing.inner instanceof Inner && thing.things instanceof Gio.ListModel);
    assertEqual(thing.inner.number, 7);
    assertEqual(numbersOf(thing.things), [1, 2]);
    assert(thing.extra.equal(wanted.extra), thing.extra.print(true));
}

function checkRefused(message, name) {
    const error = assertThrows(() => message.get_object(), Mp.Error, Mp.Error.UNSUPPORTED);
    assert(error.message.includes(name), error.message);
}

function verdict(message, name) {
    try {
        if (name === 'thing')
            checkThing(message);
        else
            checkRefused(message, name === 'unknown' ? 'MpMatrixUnknownOf' : 'MpMatrixDisabled');
    } catch (error) {
        return error.message;
    }
    return '';
}

function get() {
    const [values, results] = [Mp.inherit('values'), Mp.inherit('results')];
    [Thing, Inner].forEach(type => Mp.serializable_enable(type.$gtype));
    for (const name of values)
        results.put([name, verdict(values.get_message(), name)]);
}

({put, get})[ARGV[0]]();
