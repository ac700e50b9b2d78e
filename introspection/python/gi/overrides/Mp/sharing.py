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
from .module import Mp, export


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
                      codec.__name__ if isinstance(codec, types.ModuleType) else codec)


@export
def _rebuild(description, fds, codec):
    descriptors = Gio.UnixFDList.new()
    for fd in fds:
        fd = fd.detach()
        descriptors.append(fd)
        os.close(fd)
    made = call(Mp.shareable_open, call(GLib.Variant.parse, None, description, None, None), descriptors)
    if codec is not None:
        made.codec = importlib.import_module(codec) if isinstance(codec, str) else codec
    return made
