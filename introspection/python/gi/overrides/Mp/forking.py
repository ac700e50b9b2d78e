# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forks soon after the end of a thread.

Thread.join () returns before the thread has ended for the system: the thread still frees the
memory that GLib keeps for each thread, while it holds a lock of GLib. A child that is forked in
that moment would wait for this lock for ever. Since 2.76 GLib does not keep such memory."""

import os
import threading
from time import monotonic, sleep

from gi.repository import GLib

# In seconds. A thread that is still there after the longest time is not one of Python.
_INTERVAL, _LONGEST = 0.0001, 0.2

_foreign = set()


def _read_name(task):
    try:
        with open(f'/proc/self/task/{task}/comm', encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return None


def _is_foreign(task):
    """Threads of Python have the name of the process, and most others have one of their own."""
    name = _read_name(task)
    if name is not None and name != _read_name(os.getpid()):
        _foreign.add(task)
    return task in _foreign


def _find_ending_threads():
    try:
        tasks = {int(task) for task in os.listdir('/proc/self/task')}
    except OSError:
        return set()
    if len(tasks) == 1:
        return set()
    # After the list was made, so that one that has ended meanwhile is found.
    alive = {thread.native_id for thread in threading.enumerate()} | {os.getpid()}
    _foreign.intersection_update(tasks)
    return {task for task in tasks - alive - _foreign if not _is_foreign(task)}


def _wait_for_ending_threads():
    end = None
    while ending := _find_ending_threads():
        end = end or monotonic() + _LONGEST
        if monotonic() > end:
            _foreign.update(ending)
            return
        sleep(_INTERVAL)


if (GLib.MAJOR_VERSION, GLib.MINOR_VERSION) < (2, 76):
    os.register_at_fork(before=_wait_for_ending_threads)
