# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queues of this user, and those of servers, sampled."""

import collections
import os
from multiprocessing import ProcessError

from gi.repository import Gio, GLib, GObject, Mp

N_SAMPLES = 120  # two minutes
SAMPLE_MS = 1000
SCAN_EVERY = 2  # samples
PROCESSES_EVERY = 10
MAX_MESSAGES = 64

# What a monitor may raise, and what the exception says if the queue does not exist any more.
FAILURES = (OSError, ProcessError, TypeError, ValueError, GLib.Error)
GONE = 'handle is closed'

Sample = collections.namedtuple('Sample', 'put_rate get_rate size')

# An empty history is drawn like one in which nothing happened.
NOTHING = Sample(0, 0, 0)


class Queue(GObject.Object):
    """One queue, with what it did in the last two minutes.

    A queue on a server is asked without waiting; `problem` says why that failed, or is None."""

    __gsignals__ = {'changed': (GObject.SignalFlags.RUN_FIRST, None, ()),
                    'gone': (GObject.SignalFlags.RUN_FIRST, None, ())}

    def __init__(self, monitor, address=None):
        super().__init__()
        self.monitor = monitor
        self.address = address  # the URI by which it was asked for
        self.is_on_server = '://' in (monitor.dup_uri() or '')
        self.history = collections.deque([NOTHING] * N_SAMPLES, maxlen=N_SAMPLES)
        self.processes = []
        self.is_shown = self.are_messages_shown = False
        self.problem = None
        self.found = ([], 0)  # the messages of a server, and the position behind them
        self._is_asking = False
        self._n_samples = 0
        self._read()

    @property
    def id(self):
        return self.monitor.props.id

    @property
    def title(self):
        name = self.monitor.props.name
        return name if name else f'{self.monitor.props.kind} {self.id}'

    @property
    def owner(self):
        """The command of the first process that uses the queue, or where that is."""
        names = [process.get('command', process.get('host')) for process in self.processes]
        return next((os.path.basename(name) for name in names if name), '?')

    @property
    def subtitle(self):
        n = self.monitor.props.n_processes
        return f'{self.owner} · {n} {"process" if n == 1 else "processes"}'

    @property
    def warning(self):
        """What is wrong with the queue, or None."""
        values = self.monitor.props
        if self.problem:
            return self.problem
        if values.damaged:
            return 'It is damaged' if self.is_on_server else 'Its memory is damaged'
        if values.n_dead:
            return f'{values.n_dead} dead letters'
        if values.size and not values.get_rate and not values.n_held and not values.n_waiting:
            return 'Nobody takes what is queued'
        return None

    def _read(self):
        """Reads who uses the queue."""
        try:
            self.processes = self.monitor.list_processes().unpack()
        except OSError:
            self.processes = []

    def sample(self):
        """Emits `changed` when there is a new sample, and `gone` when there is no such queue any more."""
        if self.is_on_server:
            if not self._is_asking:
                self._is_asking = True
                self.monitor.refresh_async(GLib.PRIORITY_DEFAULT, None, self._finish)
            return
        try:
            self.monitor.refresh()
        except OSError:
            self.emit('gone')
        else:
            self._note()

    def _finish(self, monitor, result):
        self._is_asking = False
        try:
            monitor.refresh_finish(result)
        except FAILURES as error:
            self.problem = str(error)
            self.emit('gone' if self.problem == GONE else 'changed')
            return
        self.problem = None
        if self.are_messages_shown:
            self._is_asking = True
            monitor.peek_async(0, MAX_MESSAGES, GLib.PRIORITY_DEFAULT, None, self._finish_peek)
        self._note()

    def _finish_peek(self, monitor, result):
        self._is_asking = False
        try:
            self.found = monitor.peek_finish(result)
        except FAILURES as error:
            self.found = (error, None)
        self.emit('changed')

    def _note(self):
        values = self.monitor.props
        self.history.append(Sample(values.put_rate, values.get_rate, values.size))
        # To know who uses a queue, each process is asked whether it still does: not each time. On a
        # server that is a part of the sample.
        self._n_samples += 1
        if self.is_on_server or self.is_shown or self._n_samples % PROCESSES_EVERY == 0:
            self._read()
        self.emit('changed')


class Queues(Gio.ListStore):
    """The queues that exist, in the order in which they were found.

    @addresses are URIs of queues on servers, and of servers, all of whose queues are meant.
    `problem` says why one could not be asked."""

    __gsignals__ = {'problem': (GObject.SignalFlags.RUN_FIRST, None, (str,))}

    def __init__(self, addresses=()):
        super().__init__(item_type=Queue)
        self._addresses = addresses
        self._searching = set()
        self._timer = 0
        self._n_samples = 0

    def find_all(self, key):
        """Returns the queues with that name, number or URI."""
        return [queue for queue in self if key in (queue.monitor.props.name, str(queue.id), queue.address)]

    def find(self, key):
        """Returns the first of them, or None."""
        return next(iter(self.find_all(key)), None)

    def _add(self, monitors, address=None):
        known = {queue.id for queue in self}
        for monitor in monitors:
            if monitor.props.id not in known:
                queue = Queue(monitor, address)
                queue.connect('gone', self._remove)
                self.append(queue)

    def _remove(self, queue):
        found, position = super().find(queue)
        if found:
            self.remove(position)

    def scan(self):
        try:
            self._add(Mp.QueueMonitor.find(None))
        except OSError:
            pass
        for address in self._addresses:
            if address not in self._searching:
                self._searching.add(address)
                Mp.QueueMonitor.find_on_server_async(address, GLib.PRIORITY_DEFAULT, None, self._found, address)

    def _found(self, _, result, address):
        self._searching.discard(address)
        try:
            monitors = Mp.QueueMonitor.find_on_server_finish(result)
        except FAILURES as error:
            self.emit('problem', str(error))
        else:
            self._add(monitors, address)

    def wait(self):
        """Waits for the servers that `scan ()` has asked."""
        while self._searching:
            GLib.MainContext.default().iteration(True)

    def sample(self):
        for queue in list(self):
            queue.sample()

    def start(self):
        """Scans and samples until `stop ()`."""
        if self._timer == 0:
            self.scan()
            self._timer = GLib.timeout_add(SAMPLE_MS, self._tick)

    def stop(self):
        if self._timer != 0:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _tick(self):
        self._n_samples += 1
        self.sample()
        if self._n_samples % SCAN_EVERY == 0:
            self.scan()
        return GLib.SOURCE_CONTINUE
