# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls in slices, so that signal handlers run between two of them."""

import functools
import math
from time import monotonic

from .module import Mp

# How often a blocking call returns, in microseconds, to let a handler run whose signal arrived just
# before the call slept. Later signals end the sleep themselves.
SLICE = 1_000_000

_wait_for_one = Mp.Waitable.wait
INTERRUPTIBLE = Mp.WaitFlags.INTERRUPTIBLE


def _sleep(condition, obj, us):
    return _wait_for_one(obj, condition, INTERRUPTIBLE, us, None)


# Each waits for one condition of an object, for at most the given microseconds, and returns whether
# it holds; it may return earlier.
sleep_until_readable = functools.partial(_sleep, Mp.Condition.READABLE)
sleep_until_writable = functools.partial(_sleep, Mp.Condition.WRITABLE)
sleep_until_done = functools.partial(_sleep, Mp.Condition.DONE)


def microseconds(timeout):
    """Returns the maximum length of one sleep, for a timeout of @timeout seconds."""
    if timeout is None or timeout * 1_000_000 >= SLICE:
        return SLICE
    return math.ceil(timeout * 1_000_000) if timeout > 0 else 0


def wait_for(sleep, timeout):
    """Calls @sleep with microseconds until it returns True or the timeout expires.

    Between two calls, Python runs the handlers of signals that have arrived."""
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
