# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls in slices, so that handlers of signals run between two of them."""

import functools
import math
from time import monotonic

from .module import Mp

# A blocking call comes back this often, in microseconds, to let a handler run whose signal
# came just before the call slept. Signals that come later end the sleep themselves.
SLICE = 1_000_000

_wait_for_one = Mp.Waitable.wait
INTERRUPTIBLE = Mp.WaitFlags.INTERRUPTIBLE


def _sleep(condition, obj, us):
    return _wait_for_one(obj, condition, INTERRUPTIBLE, us, None)


# Each waits for one condition of an object, for so many microseconds at most, and says whether
# it holds; it may return earlier.
sleep_until_readable = functools.partial(_sleep, Mp.Condition.READABLE)
sleep_until_writable = functools.partial(_sleep, Mp.Condition.WRITABLE)
sleep_until_done = functools.partial(_sleep, Mp.Condition.DONE)


def microseconds(timeout):
    """Returns how long to sleep at most, in one go, of @timeout seconds."""
    if timeout is None or timeout * 1_000_000 >= SLICE:
        return SLICE
    return math.ceil(timeout * 1_000_000) if timeout > 0 else 0


def wait_for(sleep, timeout):
    """Calls @sleep with microseconds until it says True or the time is over.

    Between two calls Python runs the handlers of the signals that came."""
    if timeout is None:
        while not sleep(SLICE):
            pass
        return True

    end = monotonic() + timeout
    while not sleep(microseconds(timeout)):
        timeout = end - monotonic()
        if timeout <= 0:
            return sleep(0)
    return True


def end_of(timeout):
    return None if timeout is None else monotonic() + timeout


def left(end):
    return SLICE if end is None else microseconds(end - monotonic())
