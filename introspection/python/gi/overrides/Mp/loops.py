# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting under asyncio, or in coroutines on a GLib main loop."""

import collections
import concurrent.futures
import sys
import threading
import weakref
from time import monotonic

from gi.repository import GLib

from .module import Mp, export

# Also for a connection that reads ahead, whose own get_fd () returns no descriptor.
_get_fd = Mp.Waitable.get_fd


def running_loop():
    """Returns the asyncio loop that runs in this thread, if any."""
    asyncio = sys.modules.get('asyncio')
    return None if asyncio is None else asyncio._get_running_loop()


class Pause:
    """What coroutines that run_coroutine () runs can await. @start is called with a function that
    continues the coroutine, and makes that function be called, with any arguments, in the main
    context."""

    def __init__(self, start):
        self.start = start

    def __await__(self):
        return (yield self)


def _dispatch(source, go_on, context=None):
    # Below the priority at which a window is drawn: a full queue would leave it no time.
    source.set_priority(GLib.PRIORITY_DEFAULT_IDLE)
    source.set_callback(go_on)
    source.attach(context or GLib.MainContext.get_thread_default())


# --- Turns -----------------------------------------------------------------------------------

# A call that has its result at once does not wait, so a coroutine that always finds another result
# would never let the loop run. After this many such calls, or this many seconds of them, a call
# lets it run.
_CALLS_PER_TURN = 32
_SECONDS_PER_TURN = 0.002

# The packages that have such loops.
_LOOPS_UPON_GLIB = ('gi', 'gbulb')


class _Turn(threading.local):
    n_calls = 0
    end = 0.0


_turn = _Turn()


def _begin_turn():
    _turn.n_calls = 0
    _turn.end = monotonic() + _SECONDS_PER_TURN


async def take_turn():
    """Lets the loop run other callbacks now and then; to be awaited before each attempt."""
    _turn.n_calls += 1
    if _turn.n_calls > _CALLS_PER_TURN or monotonic() > _turn.end:
        await _yield_turn()
        _begin_turn()


async def _yield_turn():
    loop = running_loop()
    if loop is None:
        await Pause(lambda go_on: _dispatch(GLib.idle_source_new(), go_on))
    elif is_upon_glib(loop) and (source := GLib.main_current_source()) is not None:
        future = loop.create_future()
        _dispatch(GLib.idle_source_new(), lambda *_: future.done() or future.set_result(None), source.get_context())
        await future
    else:
        await sys.modules['asyncio'].sleep(0)


def is_upon_glib(loop):
    """Whether a loop of asyncio runs upon a main loop of GLib, which may have a window to draw."""
    return any(kind.__module__.partition('.')[0] in _LOOPS_UPON_GLIB for kind in type(loop).__mro__)


# --- Waiting ---------------------------------------------------------------------------------

async def readable(waited):
    """Waits until @waited, which has a descriptor and a source, may be readable."""
    loop = running_loop()
    if loop is None:
        await Pause(lambda go_on: _dispatch(waited.create_source(None), go_on))
    else:
        await _watch(loop, waited.fileno(), loop.add_reader, loop.remove_reader)
    _begin_turn()


async def writable(waited):
    """Waits until @waited, which has a descriptor, may be writable."""
    loop = running_loop()
    if loop is None:
        await Pause(lambda go_on: _dispatch(
            GLib.unix_fd_source_new(_get_fd(waited), GLib.IOCondition.OUT), go_on))
    else:
        await _watch(loop, _get_fd(waited), loop.add_writer, loop.remove_writer)
    _begin_turn()


async def until(lines, attempt, watch, start, finish):
    """Waits until @attempt returns True: under asyncio with the object that @watch creates, on a
    GLib main loop with the library's functions @start and @finish."""
    loop = running_loop()
    if loop is None:
        _, result = await Pause(lambda go_on: start(GLib.PRIORITY_DEFAULT_IDLE, None, go_on))
        finish(result)
    else:
        await _in_line(loop, lines, attempt, watch)
    _begin_turn()


class _Line:
    """The coroutines of one asyncio loop that wait for the same condition. One of them watches the
    descriptor and the others wait in line, so that they complete in order and a thousand need no
    more descriptors than one."""

    def __init__(self, watch):
        self.watch, self.turn, self.n_members = watch, sys.modules['asyncio'].Lock(), 0


async def _in_line(loop, lines, attempt, watch):
    line = lines.get(loop)
    if line is None:
        line = lines[loop] = _Line(watch())
    line.n_members += 1
    try:
        async with line.turn:
            # After is_ready (), the descriptor becomes readable for any later change, including one
            # before the attempt.
            line.watch.is_ready()
            while not attempt():
                await _watch(loop, line.watch.get_fd(), loop.add_reader, loop.remove_reader)
                line.watch.is_ready()
    finally:
        line.n_members -= 1
        if line.n_members == 0:
            del lines[loop]


# The futures that wait for a descriptor in an asyncio loop, which has only one callback for each
# descriptor.
_watchers = weakref.WeakKeyDictionary()


async def _watch(loop, fd, add, remove):
    _run_endings(loop)
    key = add.__name__, fd
    watched = _watchers.setdefault(loop, {})
    watchers = watched.setdefault(key, collections.deque())
    future = loop.create_future()
    if not watchers:
        add(fd, _wake_watcher, watchers)
    watchers.append(future)
    try:
        await future
    finally:
        if future in watchers:
            watchers.remove(future)
        # Unless the descriptor was closed, since its number may be in use for another file by now.
        if not watchers and watched.get(key) is watchers:
            del watched[key]
            remove(fd)


def watchers_are_there():
    return bool(_watchers)


# The descriptors that a loop has to stop watching, since they were closed.
_endings = weakref.WeakKeyDictionary()


def end_watches(fd):
    """Wakes all coroutines that wait for @fd in asyncio loops, when it is closed."""
    for loop, watched in list(_watchers.items()):
        for name, remove in (('add_reader', loop.remove_reader), ('add_writer', loop.remove_writer)):
            watchers = watched.pop((name, fd), None)
            if watchers is not None and not loop.is_closed():
                _endings.setdefault(loop, collections.deque()).append((remove, fd, watchers))
                loop.call_soon_threadsafe(_run_endings, loop)


def _run_endings(loop):
    """Runs in the thread of the loop, before it watches another descriptor of the same number."""
    endings = _endings.get(loop)
    while endings:
        remove, fd, watchers = endings.popleft()
        remove(fd)
        for future in watchers:
            if not future.done():
                future.set_result(None)


def _wake_watcher(watchers):
    """Wakes the first waiter; if there is more data, this is called again."""
    for future in watchers:
        if not future.done():
            future.set_result(None)
            return


@export
def run_coroutine(coroutine):
    """Runs @coroutine on the GLib main loop of this thread, and returns its Future.

    The coroutine may await the asynchronous functions of this module. Under asyncio this function
    is not needed."""
    result = concurrent.futures.Future()

    def go_on(*answer):
        try:
            pause = coroutine.send(answer or None)
        except StopIteration as end:
            result.set_result(end.value)
        except BaseException as error:
            result.set_exception(error)
        else:
            pause.start(go_on)
        return GLib.SOURCE_REMOVE

    go_on()
    return result
