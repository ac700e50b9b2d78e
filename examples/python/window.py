#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A window that stays responsive while workers work:  window.py [--begin]

With --begin the first tasks are put without pressing the button.
"""

import os
import sys
import time

import gi

gi.require_version('Mp', '1.0')

from gi.repository import GLib, Mp  # noqa: E402

N_WORKERS = 2
N_TASKS = 12
TICK_MS = 50


def work(tasks, results):
    for task in tasks:
        time.sleep(0.2)  # stands for the actual work
        results.put(f'Task {task} was done by process {os.getpid()}')
        tasks.task_done()


# A worker has no window, so it does not load GTK.
if sys.argv[1:] == ['work']:
    sys.exit(work(Mp.inherit('tasks'), Mp.inherit('results')))

gi.require_version('Gtk', '4.0')

from gi.repository import Gtk  # noqa: E402


class Window:
    def __init__(self, app, tasks, results):
        self.tasks = tasks
        self.n_ticks = 0

        self.bar = Gtk.ProgressBar(show_text=True, text='Nothing to do', margin_start=12, margin_end=12)
        self.clock = Gtk.Label()
        self.list = Gtk.ListBox()
        button = Gtk.Button(label=f'Add {N_TASKS} Tasks')
        button.connect('clicked', self.add_tasks)
        self.show(app, button)

        # The progress and the results of the workers arrive in the main loop.
        tasks.bind_property('progress', self.bar, 'fraction')
        tasks.connect('notify::n-done', self.count)
        tasks.set_report_progress(True)
        results.connect('message', self.list_result)
        results.start()
        GLib.timeout_add(TICK_MS, self.tick)

    def show(self, app, button):
        header = Gtk.HeaderBar()
        header.pack_start(button)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        for child in (self.bar, self.clock, Gtk.ScrolledWindow(child=self.list, vexpand=True)):
            box.append(child)
        Gtk.ApplicationWindow(application=app, title='Workers', titlebar=header, child=box,
                              default_width=420, default_height=520).present()

    def add_tasks(self, button=None):
        """The queue has no bound, so put does not wait."""
        first = self.tasks.get_n_total() + 1
        for task in range(first, first + N_TASKS):
            self.tasks.put(task)

    def count(self, *ignored):
        text = f'{self.tasks.get_n_done()} of {self.tasks.get_n_total()} done'
        if text != self.bar.get_text():
            self.bar.set_text(text)
            print(f'{text} at tick {self.n_ticks}', flush=True)

    def list_result(self, results, message):
        self.list.append(Gtk.Label(label=message.get_variant().get_string(), xalign=0))

    def tick(self):
        """The window is responsive as long as the clock ticks."""
        self.n_ticks += 1
        self.clock.set_text(f'The clock has ticked {self.n_ticks} times')
        return GLib.SOURCE_CONTINUE


def start_worker(tasks, results):
    worker = Mp.Process([sys.executable, __file__, 'work'], die_with_parent=True)
    worker.give('tasks', tasks)
    worker.give('results', results)
    worker.start()
    return worker


def main():
    tasks, results = Mp.JoinableQueue(), Mp.Queue()
    workers = [start_worker(tasks, results) for _ in range(N_WORKERS)]
    app = Gtk.Application()

    def activate(app):
        window = Window(app, tasks, results)
        if '--begin' in sys.argv:
            window.add_tasks()

    app.connect('activate', activate)
    app.run()

    # The window is closed: workers finish their current task, and take no other one.
    tasks.shutdown(immediate=True)
    for worker in workers:
        worker.join()
    print('Closed')


main()
