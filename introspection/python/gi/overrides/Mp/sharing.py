# SPDX-License-Identifier: LGPL-2.1-or-later
"""Handing queues and connections to another process."""

import importlib
import os
import types
from multiprocessing import context, reduction

from gi.repository import Gio, GLib

from .errors import call
from .module import Mp, export


def reduce(shareable, codec, own_fds=None):
    """Describes @shareable, by its own descriptors or else by duplicates of them, which have to
    stay open until the child is started."""
    descriptors = Gio.UnixFDList.new()
    description = call(shareable.describe, descriptors)
    if own_fds is None:
        own_fds = descriptors.peek_fds()
        popen = context.get_spawning_popen()
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
    made = Mp.shareable_open(GLib.Variant.parse(None, description, None, None), descriptors)
    if codec is not None:
        made.codec = importlib.import_module(codec) if isinstance(codec, str) else codec
    return made
