# SPDX-License-Identifier: LGPL-2.1-or-later
"""The list of queues."""

from gi.repository import GObject, Gtk, Pango

from .graph import Graph

WIDTH = 260


class QueueRow(Gtk.Box):
    """A queue in the list: its name, who uses it, and what it did lately."""

    def __init__(self):
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=3, margin_top=6, margin_bottom=6)
        self._title = Gtk.Label(xalign=0, hexpand=True, ellipsize=Pango.EllipsizeMode.END)
        self._title.add_css_class('heading')
        self._badge = Gtk.Image(icon_name='dialog-warning-symbolic')
        self._badge.add_css_class('warning')
        self._subtitle = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END)
        self._size = Gtk.Label(xalign=1)
        for label in (self._subtitle, self._size):
            label.add_css_class('caption')
            label.add_css_class('dim-label')
        self._size.add_css_class('numeric')
        self._graph = Graph(24)
        for children in ((self._title, self._badge), (self._subtitle,), (self._graph, self._size)):
            line = Gtk.Box(spacing=6)
            for child in children:
                line.append(child)
            self.append(line)
        self._queue = None
        self._handler = 0

    def show_queue(self, queue):
        if self._queue is not None:
            self._queue.disconnect(self._handler)
        self._queue = queue
        if queue is not None:
            self._handler = queue.connect('changed', self._update)
            self._update(queue)

    def _update(self, queue):
        self._title.set_label(queue.title)
        self._subtitle.set_label(queue.subtitle)
        self._size.set_label(f'{queue.monitor.props.size:,}')
        self._badge.set_visible(queue.warning is not None)
        self._badge.set_tooltip_text(queue.warning)
        self._graph.show_samples(queue.history)


class Sidebar(Gtk.Box):
    """`selected` is the queue that is shown, or None."""

    selected = GObject.Property(type=GObject.Object)

    def __init__(self, queues):
        super().__init__(orientation=Gtk.Orientation.VERTICAL, width_request=WIDTH)
        self.search = Gtk.SearchEntry(placeholder_text='Search queues', margin_start=6, margin_end=6,
                                      margin_top=6, margin_bottom=6)
        self._filter = Gtk.CustomFilter.new(self._matches)
        self.search.connect('search-changed',
                            lambda entry: self._filter.changed(Gtk.FilterChange.DIFFERENT))
        self._selection = Gtk.SingleSelection(
            model=Gtk.FilterListModel(model=queues, filter=self._filter))
        self._selection.bind_property('selected-item', self, 'selected',
                                      GObject.BindingFlags.SYNC_CREATE)

        factory = Gtk.SignalListItemFactory()
        factory.connect('setup', lambda factory, item: item.set_child(QueueRow()))
        factory.connect('bind', lambda factory, item: item.get_child().show_queue(item.get_item()))
        factory.connect('unbind', lambda factory, item: item.get_child().show_queue(None))
        view = Gtk.ListView(model=self._selection, factory=factory)
        view.add_css_class('navigation-sidebar')
        self.append(self.search)
        self.append(Gtk.ScrolledWindow(child=view, vexpand=True,
                                       hscrollbar_policy=Gtk.PolicyType.NEVER))

    def select(self, queue):
        for position, item in enumerate(self._selection):
            if item is queue:
                self._selection.set_selected(position)

    def _matches(self, queue):
        return self.search.get_text().casefold() in f'{queue.title} {queue.owner}'.casefold()
