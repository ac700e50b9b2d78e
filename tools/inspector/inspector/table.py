# SPDX-License-Identifier: LGPL-2.1-or-later
"""A table of rows that change while they are shown."""

import dataclasses
from collections.abc import Callable

from gi.repository import Gio, GObject, Gtk, Pango


# The least width of a column that takes the rest of the width.
MIN_CHARS = 14


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    text: Callable  # of a row
    key: Callable = None  # by which rows are sorted; the text if None
    numeric: bool = False
    expand: bool = False
    fraction: Callable = None  # of a row: shown as a progress bar with the text


class Row(GObject.Object):
    __gsignals__ = {'changed': (GObject.SignalFlags.RUN_FIRST, None, ())}

    def __init__(self, values):
        super().__init__()
        self.values = values


class Table(Gtk.ScrolledWindow):
    """Shows rows with a key each. `activated` has the values of the row that was chosen."""

    __gsignals__ = {'activated': (GObject.SignalFlags.RUN_FIRST, None, (object,))}

    def __init__(self, columns, key):
        super().__init__(vexpand=True, hexpand=True)
        self._key = key
        self._rows = Gio.ListStore(item_type=Row)
        self._view = Gtk.ColumnView(show_column_separators=False, reorderable=False)
        self._sorted = Gtk.SortListModel(model=self._rows, sorter=self._view.get_sorter())
        self._view.set_model(Gtk.SingleSelection(model=self._sorted, autoselect=False))
        for column in columns:
            self._view.append_column(self._make_column(column))
        self._view.connect('activate', self._activate)
        self._view.add_css_class('data-table')
        self.set_child(self._view)

    def show_rows(self, rows):
        """Rows that stay keep their place, so that selection and scrolling do."""
        known = {self._key(row.values): row for row in self._rows}
        keys = [self._key(values) for values in rows]
        if keys != list(known):
            self._rows.splice(0, len(self._rows),
                              [known.get(key) or Row(values) for key, values in zip(keys, rows)])
        for row, values in zip(self._rows, rows):
            if row.values != values:
                row.values = values
                row.emit('changed')

    def _activate(self, view, position):
        self.emit('activated', self._sorted.get_item(position).values)

    def _make_column(self, column):
        factory = Gtk.SignalListItemFactory()
        factory.connect('setup', self._set_up, column)
        factory.connect('bind', self._bind, column)
        factory.connect('unbind', self._unbind)
        made = Gtk.ColumnViewColumn(title=column.title, factory=factory, expand=column.expand,
                                    resizable=True)
        made.set_sorter(Gtk.CustomSorter.new(self._compare, column.key or column.text))
        return made

    @staticmethod
    def _compare(one, other, key):
        one, other = key(one.values), key(other.values)
        return (one > other) - (one < other)

    @staticmethod
    def _set_up(factory, item, column):
        if column.fraction is not None:
            item.set_child(Gtk.ProgressBar(show_text=True, valign=Gtk.Align.CENTER,
                                           ellipsize=Pango.EllipsizeMode.END, width_request=120))
            return
        label = Gtk.Label(xalign=1 if column.numeric else 0, single_line_mode=True)
        if column.expand:
            label.set_ellipsize(Pango.EllipsizeMode.END)
            label.set_width_chars(MIN_CHARS)
        label.add_css_class('numeric')
        item.set_child(label)

    def _bind(self, factory, item, column):
        row = item.get_item()
        item.handler = row.connect('changed', self._show, item, column)
        self._show(row, item, column)

    @staticmethod
    def _unbind(factory, item):
        item.get_item().disconnect(item.handler)

    @staticmethod
    def _show(row, item, column):
        text = column.text(row.values)
        if column.fraction is None:
            item.get_child().set_label(text)
            return
        fraction = column.fraction(row.values)
        item.get_child().set_visible(fraction is not None)
        item.get_child().set_fraction(fraction or 0)
        item.get_child().set_text(text)
