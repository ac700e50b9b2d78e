# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the frames of a window beside a queue or connection that always has another message:
frames.py MODE

Ends after so many frames; a stream that leaves no time to draw never does.
"""

import asyncio
import sys
import time

import gi

gi.require_version('Gtk', '4.0')
gi.require_version('Mp', '1.0')

from gi.repository import Gio, GLib, Gtk, Mp  # noqa: E402

N_FRAMES = 60
N_QUEUED = 20


class Counter:
    def __init__(self):
        self.n_frames = self.n_messages = 0
        self.queue, self.jobs = Mp.Queue(), Mp.JoinableQueue()
        self.receiver, self.sender = Mp.Pipe(False)
        for i in range(N_QUEUED):
            self.queue.put(i)
            self.jobs.put(i)
            self.sender.send(i)
        self.app = Gtk.Application(flags=Gio.ApplicationFlags.NON_UNIQUE)
        self.app.connect('activate', self.show)

    def show(self, app):
        self.label = Gtk.Label()
        window = Gtk.ApplicationWindow(application=app, child=self.label)
        window.add_tick_callback(self.count_frame)
        window.present()

    def count_frame(self, *ignored):
        self.n_frames += 1
        self.label.set_label(f'{self.n_frames} frames')
        if self.n_frames < N_FRAMES:
            return GLib.SOURCE_CONTINUE
        print(f'{self.n_frames} frames beside {self.n_messages} messages')
        self.app.quit()
        return GLib.SOURCE_REMOVE

    def put_again(self, *ignored):
        self.n_messages += 1
        self.queue.put(self.n_messages)

    def send_again(self, *ignored):
        self.n_messages += 1
        self.sender.send(self.n_messages)

    # What a program may do with what comes; each is a mode.

    def message(self):
        self.queue.connect('message', self.put_again)
        self.queue.start()

    def connection_message(self):
        self.receiver.connect('message', self.send_again)
        self.receiver.start()

    def callback(self):
        def got(queue, result):
            queue.get_finish(result)
            self.put_again()
            self.callback()

        self.queue.get_async(GLib.PRIORITY_DEFAULT_IDLE, None, got)

    async def get(self):
        while True:
            await self.queue.get_async()
            self.put_again()

    async def iterate(self):
        async for _ in self.queue:
            self.put_again()

    async def slow(self):
        async for _ in self.queue:
            time.sleep(0.001)
            self.put_again()

    async def tasks(self):
        while True:
            (await self.jobs.get_task_async()).done()
            self.jobs.put(self.n_messages)
            self.n_messages += 1

    async def put(self):
        while True:
            await self.queue.put_async(self.n_messages)
            self.queue.get()
            self.n_messages += 1

    async def recv(self):
        while True:
            await self.receiver.recv_async()
            self.send_again()

    async def send(self):
        while True:
            await self.sender.send_async(self.n_messages)
            self.receiver.recv()
            self.n_messages += 1


def run_on_gbulb(counter, coroutine):
    """Runs @coroutine in a loop of asyncio upon that of GLib, which draws the window."""
    import gbulb

    loop = gbulb.GLibEventLoop(context=GLib.MainContext.default(), application=counter.app)
    asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    loop.run_forever()
    check(task)


def check(future):
    """What came has come without end."""
    if future.done():
        future.result()


def main(mode):
    counter = Counter()
    mode, _, upon = mode.partition('@')
    begun = getattr(counter, mode.replace('-', '_'))()
    if upon == 'gbulb':
        run_on_gbulb(counter, begun)
        return
    if begun is None:
        counter.app.run()
        return
    futures = []
    GLib.idle_add(lambda: futures.append(Mp.run_coroutine(begun)))
    counter.app.run()
    check(*futures)


main(*sys.argv[1:])
