# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page with the graph and the numbers of a queue."""

from gi.repository import Adw, GLib, Gtk

from . import rows
from .graph import Graph

GRAPH_HEIGHT = 160


# What a server does not record.
UNKNOWN = '–'


def size(values):
    limit = f'{values.max_size:,}' if values.max_size else 'unlimited'
    return f'{values.size:,} of {limit}'


def state(values):
    if values.damaged:
        return 'damaged'
    return 'shut down' if values.shut_down else 'open'


def created(values):
    if not values.created_at:
        return UNKNOWN
    time = GLib.DateTime.new_from_unix_local(values.created_at // 1_000_000).format('%x %X')
    return f'{time} by process {values.creator}' if values.creator else time


NUMBERS = (
    ('Size', size),
    ('Put', lambda values: f'{values.n_put:,} · {rows.format_rate(values.put_rate)}'),
    ('Taken', lambda values: f'{values.n_got:,} · {rows.format_rate(values.get_rate)}'),
    ('Bytes', lambda values: rows.format_size(values.n_bytes)),
    ('Memory', lambda values: rows.format_size(values.memory)),
    ('State', state),
)
TASKS = (
    ('Unfinished', lambda values: f'{values.n_unfinished:,} ({values.n_held:,} held)'),
    ('Waiting for another delivery', lambda values: f'{values.n_again:,}'),
    ('Redelivered', lambda values: f'{values.n_redelivered:,}'),
    ('Dead letters', lambda values: f'{values.n_dead:,}'),
    ('Oldest', lambda values: rows.format_seconds(values.oldest_us)),
    ('Created', created),
)


# The properties that are not known of every queue, by the title of their row.
NOT_EVERYWHERE = {'Memory': 'memory', 'Redelivered': 'n-redelivered'}


class Overview(Gtk.ScrolledWindow):
    def __init__(self):
        super().__init__(hscrollbar_policy=Gtk.PolicyType.NEVER, vexpand=True)
        self._graph = Graph(GRAPH_HEIGHT, with_scale=True)
        self._warning = Gtk.Label(xalign=0, visible=False)
        self._warning.add_css_class('warning')
        self._labels = []
        groups = Gtk.Box(spacing=18, homogeneous=True)
        for numbers in (NUMBERS, TASKS):
            groups.append(self._make_group(numbers))

        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=18, margin_start=18, margin_end=18,
                      margin_top=18, margin_bottom=18)
        for child in (Gtk.Frame(child=self._graph), self._warning, groups):
            box.append(child)
        self.set_child(box)

    def _make_group(self, numbers):
        group = Adw.PreferencesGroup()
        for title, text in numbers:
            label = Gtk.Label(xalign=1)
            label.add_css_class('numeric')
            label.add_css_class('dim-label')
            row = Adw.ActionRow(title=title)
            row.add_suffix(label)
            if title == 'Dead letters':
                row.add_suffix(Gtk.Button(label='Requeue', action_name='win.requeue',
                                          valign=Gtk.Align.CENTER))
            group.add(row)
            self._labels.append((label, text, NOT_EVERYWHERE.get(title)))
        return group

    def show_queue(self, queue):
        self._graph.show_samples(queue.history)
        self._warning.set_label(queue.warning or '')
        self._warning.set_visible(queue.warning is not None)
        for label, text, name in self._labels:
            is_known = name is None or queue.monitor.knows(name)
            label.set_label(text(queue.monitor.props) if is_known else UNKNOWN)
