# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of the tables: dictionaries that a table shows and `--dump` prints."""

import os

from gi.repository import GLib, Mp

from .queues import FAILURES

MAX_TASKS = 1000
MAX_MESSAGES = 100
LONGEST_PREVIEW = 200


def clean(text):
    """Returns @text in one line and without control characters."""
    return ''.join(c if c.isprintable() else '\N{REPLACEMENT CHARACTER}' for c in text)


def describe_process(process):
    pid = process.get('pid', process['pid-inside'])
    command = os.path.basename(process['command']) if 'command' in process else ''
    place = f'on {process["host"]}' if 'host' in process else ''
    away = 'away' if process.get('away') else ''
    return clean(' '.join(word for word in (command, str(pid), place, away) if word))


def tasks(queue):
    holders = {process['slot']: describe_process(process) for process in queue.processes}
    rows = queue.monitor.list_tasks(MAX_TASKS).unpack()
    for row in rows:
        row['holder'] = holders.get(row.get('slot'), '')
        row['text'] = clean(row['text'])
    return rows


def processes(queue):
    return [{**process, 'process': describe_process(process),
             'waits-for': ', '.join(process['waits'])} for process in queue.processes]


def content(message):
    """Returns the message as text: as JSON if it can be read."""
    try:
        return message.get_json()
    except (ValueError, TypeError, OSError) as error:
        return f'({error})'


def describe_messages(found, after):
    return [{'position': position, 'format': message.get_format().value_nick, 'size': message.get_size(),
             'content': content(message)} for position, message in enumerate(found, after - len(found))]


def describe_failure(error):
    return {'position': None, 'format': '', 'size': 0, 'content': f'({error})'}


def messages(queue):
    """The messages that are taken next; one that cannot be shown is a row with its error."""
    rows, start = [], 0
    while len(rows) < MAX_MESSAGES:
        try:
            found, after = queue.monitor.peek(start, MAX_MESSAGES - len(rows))
        except FAILURES as error:
            rows.append(describe_failure(error))
            break
        if not found:
            break
        rows += describe_messages(found, after)
        start = after
    return rows


def shown_messages(queue):
    """The same without waiting for a server: what it has told last."""
    if not queue.is_on_server:
        return messages(queue)
    found, after = queue.found
    return [describe_failure(found)] if after is None else describe_messages(found, after)


def preview(row):
    text = clean(row['content'])
    return text if len(text) <= LONGEST_PREVIEW else text[:LONGEST_PREVIEW] + '…'


def values(queue):
    """What is known of the queue itself; None is not known."""
    monitor = queue.monitor
    return {specification.name: getattr(monitor.props, specification.name.replace('-', '_'))
            if monitor.knows(specification.name) else None for specification in Mp.QueueMonitor.list_properties()}


def dump(queue):
    return {**values(queue), 'uri': queue.monitor.dup_uri(), 'warning': queue.warning,
            'processes': processes(queue), 'tasks': tasks(queue), 'messages': messages(queue)}



def format_size(n):
    return GLib.format_size_full(n, GLib.FormatSizeFlags.IEC_UNITS)


def format_rate(rate):
    return f'{rate:,.0f}/s' if rate >= 10 or rate == 0 else f'{rate:.1f}/s'


def format_seconds(us):
    seconds = us / 1_000_000
    if seconds < 60:
        return f'{seconds:.1f} s'
    if seconds < 3600:
        return f'{seconds // 60:.0f} min {seconds % 60:.0f} s'
    return f'{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min'
