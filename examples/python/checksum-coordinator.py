#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The coordinator of "checksum a tree" in Python; see examples/run."""

import argparse
import os
import queue
import signal
import stat
import subprocess
import sys
import time

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

SOURCE, BUILD = os.environ['MP_EXAMPLES_SOURCE'], os.environ['MP_EXAMPLES_BUILD']
WORKERS = {
    'c': [f'{BUILD}/c/checksum-worker'],
    'python': ['/usr/bin/python3', f'{SOURCE}/python/checksum-worker.py'],
    'js': ['gjs', '-m', f'{SOURCE}/js/checksum-worker.js'],
    'vala': [f'{BUILD}/vala/checksum-worker'],
}
MAX_RESTARTS = 5
MAX_LINES = 10


def find_files(directory):
    """Returns the paths of the regular files below @directory, as bytes, and messages about other
    entries."""
    files, odd = [], []
    for folder, _, names in os.walk(os.fsencode(directory), onerror=lambda error: odd.append(str(error))):
        for path in (os.path.join(folder, name) for name in names):
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                files.append(path)
            elif not stat.S_ISLNK(mode):
                odd.append(f'{path!r} is no regular file')
    return files, odd


class Workers:
    """Starts workers, and replaces those that are killed."""

    def __init__(self, **queues):
        self.queues = queues
        self.processes = {}
        self.restarts = {}

    def start_all(self, kinds, n):
        for kind in kinds:
            for i in range(n):
                self.start(kind, f'{kind}-{i + 1}')

    def start(self, kind, name):
        process = Mp.Process(argv=[*WORKERS[kind], name], die_with_parent=True)
        for queue_name, shared in self.queues.items():
            process.give(queue_name, shared)
        process.start()
        self.processes[name] = kind, process
        print(f'{name} is process {process.props.pid}')

    def look_after(self):
        for name, (kind, process) in list(self.processes.items()):
            if process.props.alive:
                continue
            # Ctrl-C on a terminal reaches the workers too, perhaps before the coordinator.
            if process.props.exit_code == -signal.SIGINT:
                raise KeyboardInterrupt
            print(f'{name} ended with {process.props.exit_code}')
            del self.processes[name]
            self.restarts[name] = self.restarts.get(name, 0) + 1
            if self.restarts[name] <= MAX_RESTARTS:
                self.start(kind, name)

    def terminate(self):
        for _, process in self.processes.values():
            process.terminate()

    def stop(self, seconds=5):
        deadline = time.monotonic() + seconds
        for _, process in self.processes.values():
            try:
                process.join(max(0, deadline - time.monotonic()))
            except TimeoutError:
                pass
            if process.props.alive:
                process.kill()
                process.join()


class Progress:
    """A progress bar on a terminal, a line every two seconds elsewhere."""

    def __init__(self, n_files):
        self.n_files = n_files
        self.terminal = sys.stdout.isatty()
        self.start = self.last = time.monotonic()

    def show(self, n_done):
        now = time.monotonic()
        if now - self.last < (0.1 if self.terminal else 2):
            return
        self.last = now
        rate = n_done / (now - self.start)
        text = (f'{n_done} of {self.n_files} files, {rate:.0f} files/s, '
                f'{(self.n_files - n_done) / rate:.0f} s left')
        if self.terminal:
            bar = '#' * (30 * n_done // self.n_files)
            print(f'\r\033[K[{bar:30}] {text}', end='', flush=True)
        else:
            print(text)


def is_joined(tasks):
    try:
        tasks.join(timeout=0)
    except TimeoutError:
        return False
    return True


def gather(files, workers, tasks, results):
    """Returns the results by path, once every task is done and its result was received."""
    found, progress = {}, Progress(len(files))
    any_started = bool(workers.processes)
    finished = False
    while True:
        try:
            result = results.get(timeout=0.1)
        except queue.Empty:
            if any_started and not workers.processes:
                return found
            workers.look_after()
            if not finished and is_joined(tasks):
                # What is in the queue can still be got.
                results.shutdown(False)
                finished = True
            continue
        except ValueError:
            return found
        # If a worker was killed before it marked its task as done, the result comes twice.
        found.setdefault(result['path'], result)
        progress.show(len(found))


def print_table(found):
    print(f'\n{"worker":12} {"files":>8} {"MB":>12} {"seconds":>9} {"MB/s":>9}')
    for worker in sorted({result['worker'] for result in found.values()}):
        mine = [result for result in found.values() if result['worker'] == worker]
        megabytes = sum(result.get('size', 0) for result in mine) / 1e6
        seconds = sum(result['seconds'] for result in mine)
        print(f'{worker:12} {len(mine):8} {megabytes:12.1f} {seconds:9.2f} {megabytes / seconds:9.1f}')


def sha256sum(files):
    output = subprocess.run(['xargs', '-0', '-r', 'sha256sum', '--zero', '--'], check=False,
                            input=b'\0'.join(files), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL).stdout
    return {record[66:]: record[:64].decode() for record in output.split(b'\0') if record}


def conclude(files, odd, found):
    """Prints the results; returns whether none is missing and all digests agree."""
    print_table(found)
    expected = sha256sum(files)
    lines = [f'{line}: left out' for line in odd]
    wrong = 0
    for path in files:
        result = found.get(path, {'error': 'missing'})
        if 'error' in result:
            lines.append(f'{path!r}: {result["error"]}')
        if result.get('digest') != expected.get(path) or path not in found:
            # A file that was removed meanwhile has no digest to compare with.
            wrong += os.path.exists(path) or path not in found
    print(*lines[:MAX_LINES], sep='\n')
    if len(lines) > MAX_LINES:
        print(f'and {len(lines) - MAX_LINES} more')
    print(f'{len(found)} of {len(files)} files:',
          f'{wrong} digests do not agree' if wrong else 'all digests agree')
    return wrong == 0


def make_queues(uri):
    """Returns queues for tasks and for results; those at a URI can be opened by any worker."""
    if uri:
        return Mp.queue_open(uri, mode='joinable'), Mp.queue_open(f'{uri}-results')
    # The names are for people who look on with `mproc top`.
    return Mp.JoinableQueue(name='tasks'), Mp.Queue(name='results')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--workers', default='c,python,js,vala')
    parser.add_argument('--n', type=int, default=1)
    parser.add_argument('--queue', metavar='URI')
    parser.add_argument('directory', nargs='?', default='/usr/share')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[attr-defined]

    files, odd = find_files(options.directory)
    print(f'{len(files)} files in {options.directory}')
    tasks, results = make_queues(options.queue)
    workers = Workers(tasks=tasks, results=results)
    try:
        workers.start_all(options.workers.split(','), options.n)
        for path in files:
            tasks.put(path)
        found = gather(files, workers, tasks, results)
    except KeyboardInterrupt:
        workers.terminate()
        print('\nInterrupted.')
        return 130
    finally:
        tasks.shutdown(True)
        workers.stop()
        if options.queue:
            # The tasks last: no worker that starts now opens new tasks and old results.
            Mp.Queue.remove(f'{options.queue}-results', None)
            Mp.Queue.remove(options.queue, None)
    return 0 if conclude(files, odd, found) else 1


sys.exit(main())
