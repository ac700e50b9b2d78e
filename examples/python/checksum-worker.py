#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker of "checksum a tree": gets paths and puts digests until the queue of tasks is shut down.

The coordinator starts it and passes it both queues; or, with --queue URI, it opens those that the
coordinator has been given.
"""

import argparse
import hashlib
import os
import signal
import time

# Ctrl-C ends a worker without a traceback, also while it is still importing.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import gi  # noqa: E402

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

CHUNK_SIZE = 256 * 1024


def checksum(task, path):
    """Returns the digest and the size of the file at @path, which is bytes."""
    digest, size = hashlib.sha256(), 0
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 'rb', buffering=0) as file:
        whole = os.fstat(file.fileno()).st_size
        while chunk := file.read(CHUNK_SIZE):
            digest.update(chunk)
            size += len(chunk)
            # Of files that take a while, `mproc top` shows how far they are.
            if whole > CHUNK_SIZE:
                name = os.path.basename(path).decode(errors='replace')
                task.set_progress(min(size / whole, 1), name)
    return {'digest': digest.hexdigest(), 'size': size}


def next_task(tasks):
    """Returns None when the queue was shut down and nothing is left in it."""
    try:
        return tasks.get_task()
    except ValueError:
        return None


def get_queues(uri):
    if uri:
        return Mp.queue_open(uri, mode='joinable'), Mp.queue_open(f'{uri}-results')
    return Mp.inherit('tasks'), Mp.inherit('results')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--queue', metavar='URI')
    parser.add_argument('name', nargs='?', default='python')
    options = parser.parse_args()
    tasks, results = get_queues(options.queue)
    while task := next_task(tasks):
        start, path = time.monotonic(), task.value
        try:
            result = checksum(task, path)
        except OSError as error:
            result = {'error': error.strerror}
        # Put the result before marking the task as done: if the worker is killed in between,
        # nothing is lost.
        results.put({'path': path, 'worker': options.name, 'seconds': time.monotonic() - start, **result})
        task.done()


main()
