# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program: its options and its window."""

import argparse
import json
import sys

import gi

from . import rows
from .queues import Queues

APPLICATION_ID = 'org.mproc_glib.Inspector'
PAGES = ('overview', 'tasks', 'messages', 'processes')


def parse(arguments):
    parser = argparse.ArgumentParser(prog='mproc-inspector',
                                     description='Shows the queues of this user, and those of servers, in a window.')
    parser.add_argument('--queue', metavar='NAME', help='the queue to show first, by name, number or URI')
    parser.add_argument('--server', metavar='URI', action='append', default=[],
                        help='also the queues of a server, such as redis://HOST/0; can be repeated')
    parser.add_argument('--page', choices=PAGES, help='the page to show first')
    parser.add_argument('--dump', action='store_true',
                        help='print what the window would show as JSON, and end')
    return parser.parse_args(arguments)


def dump(queues, key):
    """Prints all queues, or the one that was asked for."""
    problems = []
    queues.connect('problem', lambda queues, text: problems.append(text))
    queues.scan()
    queues.wait()
    for text in problems:
        print(f'mproc-inspector: {rows.clean(text)}', file=sys.stderr)
    shown = list(queues) if key is None else queues.find_all(key)
    json.dump([rows.dump(queue) for queue in shown], sys.stdout, indent=2)
    print()
    return 0 if (shown or key is None) and not problems else 1


def show(queues, options, command):
    gi.require_version('Gtk', '4.0')
    gi.require_version('Adw', '1')

    from gi.repository import Adw, Gio

    from .window import Window

    def activate(application):
        queues.scan()
        window = Window(application, queues, command)
        window.choose(options.queue, options.page)
        window.present()

    # Each start is a window of its own, with its own choice.
    application = Adw.Application(application_id=APPLICATION_ID,
                                  flags=Gio.ApplicationFlags.NON_UNIQUE)
    application.connect('activate', activate)
    return application.run([])


def main(arguments, command):
    """@command is the program `mproc`, which does what is asked of a queue."""
    options = parse(arguments[1:])
    addresses = [*options.server, options.queue] if '://' in (options.queue or '') else options.server
    queues = Queues(addresses)
    if options.dump:
        return dump(queues, options.queue)
    return show(queues, options, command)
