# SPDX-License-Identifier: LGPL-2.1-or-later
"""A graph of the last two minutes of a queue, one bar for each second."""

from gi.repository import Gdk, Graphene, Gtk

from .queues import N_SAMPLES


def colour(text):
    value = Gdk.RGBA()
    value.parse(text)
    return value


PUT = colour('#3584e4')
GOT = colour('#ff7800')
SIZE = colour('#9a9996')

BAR_PART = 0.8  # of the width of a second
LINE = 2


class Graph(Gtk.Widget):
    """What was put and taken as bars side by side, and the size as a line.

    Each has a scale of its own: the largest value that is shown."""

    def __init__(self, height, with_scale=False):
        super().__init__(hexpand=True, overflow=Gtk.Overflow.HIDDEN)
        self.set_size_request(-1, height)
        self._samples = []
        self._scale = None
        if with_scale:
            self._scale = Gtk.Label(halign=Gtk.Align.START, valign=Gtk.Align.START,
                                    margin_start=6, margin_top=3)
            self._scale.add_css_class('caption')
            self._scale.add_css_class('dim-label')
            self._scale.set_parent(self)
            self.set_layout_manager(Gtk.BinLayout())
            self.connect('destroy', lambda graph: self._scale.unparent())

    def show_samples(self, samples):
        self._samples = list(samples)
        if self._scale is not None:
            rate, size = self._find_largest()
            self._scale.set_label(f'{rate:,.0f}/s · {size:,.0f} queued')
        self.queue_draw()

    def _find_largest(self):
        return (max((max(sample.put_rate, sample.get_rate) for sample in self._samples), default=0),
                max((sample.size for sample in self._samples), default=0))

    def do_snapshot(self, snapshot):
        width, height = self.get_width(), self.get_height()
        largest_rate, largest_size = self._find_largest()
        step = width / N_SAMPLES

        def draw(colour, left, bottom, width, height):
            rectangle = Graphene.Rect().init(left, bottom - height, width, height)
            snapshot.append_color(colour, rectangle)

        for position, sample in enumerate(self._samples):
            left = position * step
            for colour, rate in ((PUT, sample.put_rate), (GOT, sample.get_rate)):
                if rate > 0:
                    draw(colour, left, height, step * BAR_PART / 2, max(1, height * rate / largest_rate))
                left += step * BAR_PART / 2
            if largest_size > 0:
                top = (height - LINE) * sample.size / largest_size
                draw(SIZE, position * step, height - top, step, LINE)
        if self._scale is not None:
            self.snapshot_child(self._scale, snapshot)
