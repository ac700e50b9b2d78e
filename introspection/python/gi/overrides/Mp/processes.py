# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for several objects at once, and child processes that run other programs."""

import os
import subprocess

from gi.repository import GLib

from .describing import describing_repr
from .errors import call, check_texts, exception_of
from .module import Mp, export
from .values import as_path
from .waiting import INTERRUPTIBLE, wait_for

_wait_for_many = Mp.wait


def _as_waitable(obj):
    if isinstance(obj, Mp.Waitable):
        if isinstance(obj, Mp.Connection):
            obj._check()
        return obj
    return Mp.Waitable.new_for_fd(obj if isinstance(obj, int) else obj.fileno())


@export
def wait(object_list, timeout=None):
    """Returns those of @object_list that are ready, as soon as one is, or [] after the timeout.
    They may be connections, queues, processes, descriptors, or have a fileno () method."""
    objects = list(object_list)
    waitables = [_as_waitable(obj) for obj in objects]
    of = dict(zip(waitables, objects))
    if len(of) < len(objects) or len(set(map(id, objects))) < len(objects):
        raise KeyError('an object is in the list twice')
    ready = []

    def look(us):
        ready[:] = _wait_for_many(waitables, INTERRUPTIBLE, us, None)
        return bool(ready)

    try:
        wait_for(look, timeout)
    except GLib.Error as error:
        raise exception_of(error) from None
    return [of[waitable] for waitable in ready]


# The properties that may be any bytes, for which a property of GObject has no type.
_PATHS = {'cwd', 'environment', 'stdin_file_path', 'stdout_file_path', 'stderr_file_path'}


def _as_paths(value, what):
    if value is None:
        return None
    if isinstance(value, (str, bytes, os.PathLike)):
        return as_path(value, what)
    return [as_path(item, what) for item in value]


@export
class Process(Mp.Process):
    """A child process that runs a program in any language."""

    def __init__(self, argv, **properties):
        paths = {name: _as_paths(properties.pop(name), name) for name in _PATHS & properties.keys()}
        argv = [as_path(argument, 'an argument') for argument in argv]
        super().__init__(**properties)
        self.set_argv(argv)
        for name, value in paths.items():
            getattr(self, f'set_{name}')(value)

    def start(self):
        call(super().start)

    def join(self, timeout=None):
        """Waits until the process has ended, for at most @timeout seconds."""
        wait([self], timeout)

    def wait_check(self, timeout=None):
        """Waits as join () does, and raises an exception unless the process was successful."""
        self.join(timeout)
        code = self.exitcode
        if code is None:
            raise TimeoutError(f'process {self.get_pid()} still runs')
        if code != 0:
            raise subprocess.CalledProcessError(code, list(self.get_argv()))

    def is_alive(self):
        return self.get_alive()

    @property
    def exitcode(self):
        """The exit code, the negative number of the signal that ended it, or None."""
        code = self.get_exit_code()
        return None if code == Mp.PROCESS_STILL_ALIVE else code

    __repr__ = describing_repr


@export
def inherit(name):
    """Returns the object that the parent process passed to this one as @name."""
    check_texts(name)
    return call(Mp.inherit, name)
