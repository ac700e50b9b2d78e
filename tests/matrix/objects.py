# SPDX-License-Identifier: LGPL-2.1-or-later
"""The objects that Python puts and gets in the matrix; see tests/js/test-matrix.js."""

import sys

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Gio, GLib, GObject, Mp  # noqa: E402


class Inner(GObject.Object):
    __gtype_name__ = 'MpMatrixInner'

    number = GObject.Property(type=int)


class Thing(GObject.Object):
    __gtype_name__ = 'MpMatrixThing'

    text = GObject.Property(type=str)
    nothing = GObject.Property(type=str)
    number = GObject.Property(type=int)
    fraction = GObject.Property(type=float)
    truth = GObject.Property(type=bool, default=False)
    kind = GObject.Property(type=Gio.FileType, default=Gio.FileType.UNKNOWN)
    options = GObject.Property(type=Gio.ConverterFlags, default=Gio.ConverterFlags.NONE)
    words = GObject.Property(type=GObject.TYPE_STRV)
    inner = GObject.Property(type=Inner)
    things = GObject.Property(type=Gio.ListModel)
    extra = GObject.Property(type=GObject.TYPE_VARIANT)


class Disabled(Inner):
    """Known in all languages, but not enabled."""

    __gtype_name__ = 'MpMatrixDisabled'


class Unknown(GObject.Object):
    """Known only in this language."""

    __gtype_name__ = 'MpMatrixUnknownOfPython'


def list_of(*numbers):
    things = Gio.ListStore(item_type=Inner)
    for number in numbers:
        things.append(Inner(number=number))
    return things


def make(inner):
    return Thing(
        text='häß 😀',
        nothing=None,
        number=-2 ** 31,
        fraction=0.1,
        truth=True,
        kind=Gio.FileType.DIRECTORY,
        options=Gio.ConverterFlags.INPUT_AT_END | Gio.ConverterFlags.FLUSH,
        words=['one', '', 'three'],
        inner=inner,
        things=list_of(1, 2),
        extra=GLib.Variant('(si)', ('a', 5)),
    )


MAKERS = {
    'thing': lambda: make(Inner(number=7)),
    'unknown': Unknown,
    'disabled': lambda: Disabled(number=7),
    'disabled inside': lambda: make(Disabled(number=7)),
}


def put():
    values = Mp.inherit('values')
    for name, maker in MAKERS.items():
        values.put(name)
        values.put(maker())


def content(thing):
    return [
        type(thing), thing.text, thing.nothing, thing.number, thing.fraction, thing.truth,
        thing.kind, thing.options, thing.words, type(thing.inner), thing.inner.number,
        [(type(item), item.number) for item in thing.things], thing.extra.print_(True),
    ]


def check_thing(message):
    got, wanted = content(message.get_object(Thing)), content(MAKERS['thing']())
    return '' if got == wanted else f'{got} is not {wanted}'


def check_refused(message, name):
    try:
        message.get_object(GObject.Object)
    except TypeError as error:
        return '' if name in str(error) else str(error)
    return 'it is not refused'


def get():
    values, results = Mp.inherit('values'), Mp.inherit('results')
    for type_ in (Thing, Inner):
        Mp.serializable_enable(type_)
    for name in values:
        message = values.get_message(-1)
        if name == 'thing':
            results.put([name, check_thing(message)])
        else:
            culprit = 'MpMatrixUnknownOf' if name == 'unknown' else 'MpMatrixDisabled'
            results.put([name, check_refused(message, culprit)])


{'put': put, 'get': get}[sys.argv[1]]()
