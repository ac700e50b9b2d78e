# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passing queues and connections to another process."""

import contextlib
import importlib
import os
import threading
import types
from multiprocessing import context, reduction

from gi.repository import Gio, GLib

from .errors import call
from .module import Mp, export, exported

# The attributes that the classes of the library set, and that another process makes anew.
OWN_ATTRIBUTES = frozenset(('_accepted', '_calls', '_closed', '_codec', '_codec_name', '_encoder', '_joiners', '_prefix',
                            '_putters', '_remote'))

_here = threading.local()


@contextlib.contextmanager
def no_handing():
    """Refuses to pass any queue or connection while the block runs."""
    _here.refuses = True
    try:
        yield
    finally:
        _here.refuses = False


def reduce(shareable, codec, own_fds=None):
    """Describes @shareable for the start of a child, which inherits the original descriptors or
    duplicates of them, or for a message, whose receiver fetches them from this process."""
    if getattr(_here, 'refuses', False):
        raise TypeError(f'{type(shareable).__name__} cannot be passed on: descriptors can be sent over Unix sockets '
                        'only, within one machine')
    descriptors = Gio.UnixFDList.new()
    description = call(shareable.describe, descriptors)
    if own_fds is None:
        own_fds = descriptors.peek_fds()
        # The duplicates have to stay open until the child was started.
        if (popen := context.get_spawning_popen()) is not None:
            popen.kept_for_mp = getattr(popen, 'kept_for_mp', []) + [descriptors]
    return _rebuild, (description.print_(True), [reduction.DupFd(fd) for fd in own_fds],
                      codec.__name__ if isinstance(codec, types.ModuleType) else codec, *_derived_parts(shareable))


def _derived_parts(shareable):
    """Returns the class of @shareable and its attributes, unless the class is one of the library."""
    kind = type(shareable)
    if kind in exported.values():
        return ()
    if getattr(kind, '__getstate__', None) is not getattr(object, '__getstate__', None):
        return kind, shareable.__getstate__()
    return kind, {name: value for name, value in vars(shareable).items() if name not in OWN_ATTRIBUTES}


def _make_derived(made, kind, state):
    # The GType stays that of the library: its constructor is not the one of the derived class.
    made.__class__ = kind
    if hasattr(made, '__setstate__'):
        made.__setstate__(state)
    else:
        vars(made).update(state)


@export
def _rebuild(description, fds, codec, kind=None, state=None):
    descriptors = Gio.UnixFDList.new()
    for fd in fds:
        fd = fd.detach()
        descriptors.append(fd)
        os.close(fd)
    made = call(Mp.shareable_open, call(GLib.Variant.parse, None, description, None, None), descriptors)
    if codec is not None:
        made.codec = importlib.import_module(codec) if isinstance(codec, str) else codec
    if kind is not None:
        _make_derived(made, kind, state)
    return made
