# SPDX-License-Identifier: LGPL-2.1-or-later
"""The window: queues at the left, pages of the selected one at the right."""

from gi.repository import Adw, Gio, GLib, Gtk

from . import lists, rows
from .actions import Actions
from .overview import Overview
from .sidebar import Sidebar

SIZE = (980, 600)


class Window(Adw.ApplicationWindow):
    def __init__(self, application, queues, command):
        super().__init__(application=application, title='Queues', default_width=SIZE[0],
                         default_height=SIZE[1])
        self.queue = None
        self._wanted = None
        self._problem = None
        self._queues = queues
        self._handler = 0
        self._sidebar = Sidebar(queues)
        self._sidebar.connect('notify::selected', lambda *ignored: self._select())
        self._overview = Overview()
        self._lists = {'tasks': (lists.make_tasks(), rows.tasks),
                       'messages': (lists.make_messages(), rows.shown_messages),
                       'processes': (lists.make_processes(), rows.processes)}
        self._pages = self._make_pages()
        self._actions = Actions(self, command)
        self.add_action(self._make_pause())
        self._make_content()
        queues.connect('items-changed', lambda *ignored: self._show_whether_empty())
        queues.connect('problem', lambda queues, text: self._say_problem(text))
        self._select()
        self._show_whether_empty()

        # Nothing is sampled for a window that nobody sees.
        self.connect('map', lambda window: self._keep_sampling())
        self.connect('unmap', lambda window: queues.stop())

    def choose(self, key, page):
        """Shows the queue of that name or number, and a page; None leaves what is shown."""
        self._wanted = key
        self._select_wanted()
        if page is not None:
            self._pages.set_visible_child_name(page)

    def _select_wanted(self):
        """One on a server is found later."""
        queue = self._queues.find(self._wanted) if self._wanted is not None else None
        if queue is not None:
            self._wanted = None
            self._sidebar.select(queue)

    def _say_problem(self, text):
        """Of a server; said once."""
        if text != self._problem:
            self._problem = text
            self.say(text)

    def say(self, text):
        self._toasts.add_toast(Adw.Toast(title=GLib.markup_escape_text(text)))

    # --- Building ------------------------------------------------------------------------------

    def _make_pages(self):
        pages = Adw.ViewStack(vexpand=True)
        pages.add_titled_with_icon(self._overview, 'overview', 'Overview', 'view-grid-symbolic')
        for name, icon in (('tasks', 'emblem-ok-symbolic'), ('messages', 'mail-unread-symbolic'),
                           ('processes', 'system-run-symbolic')):
            pages.add_titled_with_icon(self._lists[name][0], name, name.capitalize(), icon)
        pages.connect('notify::visible-child', lambda *ignored: self._update())
        return pages

    def _make_pause(self):
        self._pause = Gio.SimpleAction(name='pause', state=GLib.Variant('b', False))
        self._pause.connect('change-state', self._change_pause)
        return self._pause

    def _make_content(self):
        menu = Gio.Menu()
        menu.append('Requeue Dead Letters', 'win.requeue')
        menu.append('Shut Down', 'win.shutdown')
        menu.append('Purge…', 'win.purge')
        header = Adw.HeaderBar(title_widget=Adw.ViewSwitcher(
            stack=self._pages, policy=Adw.ViewSwitcherPolicy.WIDE))
        header.pack_end(Gtk.MenuButton(icon_name='open-menu-symbolic', menu_model=menu, primary=True,
                                       tooltip_text='Menu'))
        header.pack_end(Gtk.ToggleButton(icon_name='media-playback-pause-symbolic',
                                         action_name='win.pause', tooltip_text='Pause the display'))
        self._stack = Gtk.Stack()
        self._stack.add_named(self._pages, 'queue')
        self._stack.add_named(Adw.StatusPage(
            icon_name='view-list-symbolic', title='No Queues',
            description='Programs that use mproc-glib show up here, for example\n'
                        '<tt>examples/python/window.py</tt>'), 'empty')
        paned = Gtk.Paned(start_child=self._sidebar, end_child=self._stack, shrink_start_child=False,
                          resize_start_child=False, shrink_end_child=False, vexpand=True)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
        box.append(header)
        box.append(paned)
        self._toasts = Adw.ToastOverlay(child=box)
        self.set_content(self._toasts)

    # --- Showing -------------------------------------------------------------------------------

    def _keep_sampling(self):
        if not self._pause.get_state().get_boolean():
            self._queues.start()

    def _change_pause(self, action, state):
        action.set_state(state)
        if state.get_boolean():
            self._queues.stop()
        else:
            self._queues.start()

    def _select(self):
        if self.queue is not None:
            self.queue.disconnect(self._handler)
            self.queue.is_shown = self.queue.are_messages_shown = False
        self.queue = self._sidebar.selected
        if self.queue is not None:
            self.queue.is_shown = True
            self._handler = self.queue.connect('changed', lambda queue: self._update())
        self._update()

    def _show_whether_empty(self):
        self._select_wanted()
        self._stack.set_visible_child_name('queue' if len(self._queues) else 'empty')

    def _update(self):
        self._actions.enable(self.queue)
        if self.queue is None:
            return
        page = self._pages.get_visible_child_name()
        self.queue.are_messages_shown = page == 'messages'
        if page == 'overview':
            self._overview.show_queue(self.queue)
        else:
            table, get_rows = self._lists[page]
            table.show_rows(get_rows(self.queue))
