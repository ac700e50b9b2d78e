# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pages with tasks, messages and processes of a queue."""

from gi.repository import Adw, Gtk

from . import rows
from .table import Column, Table


def progress_text(task):
    if 'progress' not in task:
        return ''
    return f'{task["progress"]:.0%} {task["text"]}'.strip()


def held(task):
    """A server does not record since when, so that is only known at least."""
    if 'seen-us' in task:
        return f'≥ {rows.format_seconds(task["seen-us"])}'
    return rows.format_seconds(task['held-us']) if 'held-us' in task else ''


def held_us(task):
    return task.get('held-us', task.get('seen-us', -1))


def make_tasks():
    return Table((
        Column('Task', lambda task: str(task['serial']), lambda task: task['serial'], numeric=True),
        Column('State', lambda task: task['state']),
        Column('Held By', lambda task: task['holder'], expand=True),
        Column('Progress', progress_text, lambda task: task.get('progress', -1),
               fraction=lambda task: task.get('progress')),
        Column('Since', held, held_us, numeric=True),
        Column('Tries', lambda task: str(task['n-deliveries']), lambda task: task['n-deliveries'],
               numeric=True),
        Column('Size', lambda task: rows.format_size(task['size']), lambda task: task['size'],
               numeric=True),
        Column('Format', lambda task: task['format']),
    ), key=lambda task: (task['state'], task['serial']))


def taken(process):
    return f'{process["n-got"]:,}' if 'n-got' in process else ''


def make_processes():
    return Table((
        Column('Process', lambda process: process['process'], expand=True),
        Column('Put', lambda process: f'{process["n-put"]:,}', lambda process: process['n-put'],
               numeric=True),
        Column('Taken', taken, lambda process: process.get('n-got', -1), numeric=True),
        Column('Holds', lambda process: f'{process["n-held"]:,}', lambda process: process['n-held'],
               numeric=True),
        Column('Waits For', lambda process: process['waits-for'], expand=True),
    ), key=lambda process: process['slot'])


def make_messages():
    table = Table((
        Column('Position', lambda message: str(message['position']),
               lambda message: -1 if message['position'] is None else message['position'], numeric=True),
        Column('Format', lambda message: message['format']),
        Column('Size', lambda message: rows.format_size(message['size']), lambda message: message['size'],
               numeric=True),
        Column('Content', rows.preview, expand=True),
    ), key=lambda message: message['position'])
    table.connect('activated', open_message)
    return table


def open_message(table, message):
    """Shows a whole message in a window of its own."""
    text = Gtk.TextView(editable=False, monospace=True, wrap_mode=Gtk.WrapMode.WORD_CHAR, top_margin=12,
                        bottom_margin=12, left_margin=12, right_margin=12)
    text.get_buffer().set_text(message['content'])
    copy = Gtk.Button(icon_name='edit-copy-symbolic', tooltip_text='Copy as JSON')
    copy.connect('clicked', lambda button: button.get_clipboard().set(message['content']))
    header = Adw.HeaderBar(title_widget=Adw.WindowTitle(
        title=f'Message {message["position"]}',
        subtitle=f'{message["format"]} · {rows.format_size(message["size"])}'))
    header.pack_end(copy)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
    box.append(header)
    box.append(Gtk.ScrolledWindow(child=text, vexpand=True))
    Adw.Window(content=box, transient_for=table.get_root(), modal=True, default_width=560,
               default_height=420).present()
