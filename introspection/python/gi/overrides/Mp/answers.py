# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asynchronous calls of queues that may have to wait for something else than messages or room: for the
answer of a server, or for a process that holds a lock."""

import sys

from gi.repository import Gio, GLib

from .calls import run
from .loops import Pause, is_upon_glib, running_loop
from .module import Mp

_watch_answers = Mp.Queue.watch_answers


def is_remote(queue):
    """Whether the queue is on a server."""
    if queue._remote is None:
        queue._remote = (queue.get_uri() or '').startswith('redis')
    return queue._remote


class _Attempts:
    """Lets an asyncio loop carry out the calls of one queue in memory: they belong to a main context that
    is iterated now and then, since a call has not ended at once only if a process holds a lock."""

    _INTERVAL = 0.02

    def __init__(self, loop, queue):
        self.loop, self.context, self.n_calls, self.timer = loop, GLib.MainContext.new(), 0, None

    def begin(self, start, cancellable, go_on):
        self.n_calls += 1
        self.context.push_thread_default()
        try:
            start(GLib.PRIORITY_DEFAULT, cancellable, go_on)
        finally:
            self.context.pop_thread_default()
        self.step()

    def step(self):
        run(self.context)
        self._stop()
        self.timer = self.loop.call_later(self._INTERVAL, self.step)

    def _stop(self):
        if self.timer is not None:
            self.timer.cancel()

    def end(self):
        self.n_calls -= 1
        if self.n_calls == 0:
            self._stop()
        return self.n_calls == 0


class _Answers(_Attempts):
    """The same for a queue on a server: the context is iterated when the queue's descriptor is readable."""

    def __init__(self, loop, queue):
        super().__init__(loop, queue)
        self.watch = _watch_answers(queue)

    def begin(self, start, cancellable, go_on):
        if self.n_calls == 0:
            self.loop.add_reader(self.watch.get_fd(), self.step)
        super().begin(start, cancellable, go_on)

    def step(self):
        self.watch.is_ready()
        run(self.context)

    def _stop(self):
        self.loop.remove_reader(self.watch.get_fd())


class _UponGLib:
    """The same for a loop that iterates the main context itself."""

    def __init__(self, loop, queue):
        pass

    def begin(self, start, cancellable, go_on):
        start(GLib.PRIORITY_DEFAULT, cancellable, go_on)

    def step(self):
        pass

    def end(self):
        return True


async def answered(queue, start, finish, give_up=None):
    """Calls @start, and returns what @finish makes of the answer. If the coroutine is cancelled
    after the answer has come, @give_up is called with that."""
    loop = running_loop()
    if loop is None:
        _, result = await Pause(lambda go_on: start(GLib.PRIORITY_DEFAULT, None, go_on))
        return finish(result)

    calls = queue.__dict__.setdefault('_answers', {})
    answers = calls.get(loop)
    if answers is None:
        kind = _UponGLib if is_upon_glib(loop) else _Answers if is_remote(queue) else _Attempts
        answers = calls[loop] = kind(loop, queue)
    future, cancellable = loop.create_future(), Gio.Cancellable()
    came = []

    def go_on(_, result):
        came.append(result)
        if not future.done():
            future.set_result(None)

    answers.begin(start, cancellable, go_on)
    try:
        await future
        return finish(came[0])
    except sys.modules['asyncio'].CancelledError:
        _cancel(answers, cancellable, came, finish, give_up)
        raise
    finally:
        if answers.end():
            calls.pop(loop, None)


async def first_of(coroutines):
    """Waits until one of them has ended, and returns the results of all that have."""
    asyncio = sys.modules['asyncio']
    tasks = list(map(asyncio.ensure_future, coroutines))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    values = [result for result in results if not isinstance(result, BaseException)]
    if not values:
        raise results[0]
    return values


def _cancel(answers, cancellable, came, finish, give_up):
    cancellable.cancel()
    answers.step()
    if came and give_up is not None:
        try:
            value = finish(came[0])
        except GLib.Error:
            return
        give_up(value)
