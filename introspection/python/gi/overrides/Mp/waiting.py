# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocking calls that signals end, so that Python runs its handlers."""

import functools
import math
import os
import signal
import threading
from time import monotonic

from gi.repository import GLib

from .errors import is_busy
from .module import Mp

# How long a blocking call waits at first, in microseconds, before Python looks for signals. A signal
# that arrives while the call sleeps ends the sleep; one that arrives just before is noticed after
# this time.
SLICE = 30_000

# How long it waits after that if such a signal would not be noticed: an old kernel, or a program
# that uses signal.set_wakeup_fd () itself.
_LONG_SLICE = 1_000_000

# For the other waits, which are as long as the library supports.
_FOR_EVER = -1

_wait_for_one = Mp.Waitable.wait
_interrupts_begin = Mp.interrupts_begin
_interrupts_end = Mp.interrupts_end
_iterate = Mp.interrupts_iterate
INTERRUPTIBLE = Mp.WaitFlags.INTERRUPTIBLE


def _sleep(condition, obj, us):
    return _wait_for_one(obj, condition, INTERRUPTIBLE, us, None)


# Each waits for one condition of an object, for at most the given microseconds, and returns whether
# it holds; it may return earlier.
sleep_until_readable = functools.partial(_sleep, Mp.Condition.READABLE)
sleep_until_writable = functools.partial(_sleep, Mp.Condition.WRITABLE)
sleep_until_done = functools.partial(_sleep, Mp.Condition.DONE)

# Whether signals write to a descriptor of the library.
_is_heard = False


def _forget_in_child():
    """In a child that was forked by another thread meanwhile, signals would write to the file of the
    parent."""
    global _is_heard
    if _is_heard:
        _is_heard = False
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_in_child)


class _HeardSignals:
    """While the block runs, signals end a wait even if they arrive before it sleeps.

    The value is the longest time for one wait. Only the main thread runs handlers of signals."""

    def __enter__(self):
        global _is_heard
        self.fd = -1
        if threading.current_thread() is not threading.main_thread():
            return _FOR_EVER
        if (fd := _interrupts_begin()) < 0:
            return _LONG_SLICE
        _is_heard = True
        self.before = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        if self.before not in (-1, fd):
            signal.set_wakeup_fd(self.before)
            return _LONG_SLICE
        self.fd = fd
        return _FOR_EVER

    def __exit__(self, *exception):
        global _is_heard
        # A handler may have waited, too, or have set a descriptor of its own.
        if self.fd < 0 or self.before == self.fd:
            return
        if (now := signal.set_wakeup_fd(-1)) not in (-1, self.fd):
            signal.set_wakeup_fd(now)
        _is_heard = False
        _interrupts_end()


def microseconds(timeout):
    """Returns the length of the first wait, for a timeout of @timeout seconds."""
    if timeout is None or timeout * 1_000_000 >= SLICE:
        return SLICE
    return math.ceil(timeout * 1_000_000) if timeout > 0 else 0


def is_early(error, us):
    """Returns whether the first wait, for @us, ended before the call's timeout because another process
    holds a lock. Then the call goes on waiting."""
    return us == SLICE and is_busy(error)


def end_of(timeout):
    return None if timeout is None else monotonic() + timeout


def left(end):
    """Returns the seconds until the time @end, or None if there is no end."""
    return None if end is None else max(0, end - monotonic())


def wait_on(end, function, *arguments):
    """Calls @function with @arguments and how long to wait, in microseconds, until the time @end.
    Returns that and the result.

    Between two calls, Python runs the handlers of signals that have arrived."""
    with _HeardSignals() as longest:
        while True:
            whole = _FOR_EVER if end is None else math.ceil(left(end) * 1_000_000)
            us = whole if longest < 0 else longest if whole < 0 else min(whole, longest)
            try:
                return us, function(*arguments, us)
            except GLib.Error as error:
                if us == whole or not is_busy(error):
                    raise


def wait_until(end, function, *arguments):
    """The same until the result is true or the time @end. Returns the result."""
    while True:
        us, result = wait_on(end, function, *arguments)
        if result or not us:
            return result


def wait_for(function, timeout, *arguments):
    """The same for at most @timeout seconds. At first it waits for a short time only, without the
    preparations for signals.

    Not for queues on a server: a call whose time is over while there is no connection fails, and may
    not know what the server has done."""
    end = end_of(timeout)
    us = microseconds(timeout)
    try:
        result = function(*arguments, us)
    except GLib.Error as error:
        if not is_early(error, us):
            raise
        result = None
    return result if result or not us else wait_until(end, function, *arguments)


def iterate_until(context, results):
    """Iterates @context until there are @results.

    Between two iterations, Python runs the handlers of signals that have arrived."""
    with _HeardSignals() as longest:
        while not results:
            _iterate(context, longest)
