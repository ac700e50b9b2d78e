# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forks soon after the end of a thread.

Thread.join () returns before the thread has ended for the system: it still gives back the memory
that GLib keeps for each thread, under a lock of GLib. A child that is forked in that moment would
wait for this lock for ever. GLib has no such memory since 2.76."""

import os
import threading
from time import monotonic, sleep

from gi.repository import GLib

# In seconds; the longest time is for a number of a thread that is in use again.
_INTERVAL, _LONGEST = 0.0001, 0.1


def _exists(thread):
    return os.path.exists(f'/proc/self/task/{thread.native_id}')


def _wait_for_ended_threads():
    # The threads that Python still has an object of.
    ending = [thread for thread in list(threading._dangling)
              if thread.native_id is not None and not thread.is_alive() and _exists(thread)]
    if not ending:
        return
    alive = {thread.native_id for thread in threading.enumerate()}
    end = monotonic() + _LONGEST
    for thread in ending:
        while thread.native_id not in alive and _exists(thread) and monotonic() < end:
            sleep(_INTERVAL)


if (GLib.MAJOR_VERSION, GLib.MINOR_VERSION) < (2, 76):
    os.register_at_fork(before=_wait_for_ended_threads)
