# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queues of this user, sampled."""

import collections
import os

from gi.repository import Gio, GLib, GObject, Mp

N_SAMPLES = 120  # two minutes
SAMPLE_MS = 1000
SCAN_EVERY = 2  # samples
PROCESSES_EVERY = 10

Sample = collections.namedtuple('Sample', 'put_rate get_rate size')

# An empty history is drawn like one in which nothing happened.
NOTHING = Sample(0, 0, 0)


class Queue(GObject.Object):
    """One queue, with what it did in the last two minutes."""

    __gsignals__ = {'changed': (GObject.SignalFlags.RUN_FIRST, None, ())}

    def __init__(self, monitor):
        super().__init__()
        self.monitor = monitor
        self.history = collections.deque([NOTHING] * N_SAMPLES, maxlen=N_SAMPLES)
        self.processes = []
        self.is_shown = False
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
        """The command of the first process that uses the queue."""
        commands = [process['command'] for process in self.processes if 'command' in process]
        return os.path.basename(commands[0]) if commands else '?'

    @property
    def subtitle(self):
        n = self.monitor.props.n_processes
        return f'{self.owner} · {n} {"process" if n == 1 else "processes"}'

    @property
    def warning(self):
        """What is wrong with the queue, or None."""
        values = self.monitor.props
        if values.damaged:
            return 'Its memory is damaged'
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
        """Raises OSError when no process uses the queue any more."""
        self.monitor.refresh()
        values = self.monitor.props
        self.history.append(Sample(values.put_rate, values.get_rate, values.size))
        # To know who uses a queue, each process is asked whether it still does: not each time.
        self._n_samples += 1
        if self.is_shown or self._n_samples % PROCESSES_EVERY == 0:
            self._read()
        self.emit('changed')


class Queues(Gio.ListStore):
    """The queues that exist, in the order in which they were found."""

    def __init__(self):
        super().__init__(item_type=Queue)
        self._timer = 0
        self._n_samples = 0

    def find_all(self, key):
        """Returns the queues with that name or id."""
        return [queue for queue in self if key in (queue.monitor.props.name, str(queue.id))]

    def find(self, key):
        """Returns the first of them, or None."""
        return next(iter(self.find_all(key)), None)

    def scan(self):
        try:
            monitors = {monitor.props.id: monitor for monitor in Mp.QueueMonitor.find(None)}
        except OSError:
            return
        for queue in self:
            monitors.pop(queue.id, None)
        for monitor in monitors.values():
            self.append(Queue(monitor))

    def sample(self):
        for position in reversed(range(len(self))):
            try:
                self[position].sample()
            except OSError:
                self.remove(position)

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
