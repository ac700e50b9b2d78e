# SPDX-License-Identifier: LGPL-2.1-or-later
"""Benchmarks of the library in Python and JavaScript.

Has the same arguments and output as the C programs. Workers in any language put or get the values
below repeatedly, and sum up their numbers; the values are created beforehand, so that only put and
get are timed."""

import argparse
import itertools
import json
import multiprocessing
import operator
import os
import sys
import time

import gi

gi.require_version('Mp', '1.0')

from gi.module import get_introspection_module  # noqa: E402
from gi.repository import Mp  # noqa: E402

FOLDER = os.path.dirname(os.path.abspath(__file__))
N_VALUES = 256
DEADLINE = 25

# The commands of workers that are not forked.
PROGRAMS = {
    'gjs': ['gjs', '-m', os.path.join(FOLDER, 'language-peer.js')],
    'c': [os.path.join(os.environ.get('MP_BENCH_PROGRAMS', ''), 'bench-language-reader')],
}


def pin(cpu):
    os.sched_setaffinity(0, {cpu % os.cpu_count()})
    if 'MP_BENCH_REALTIME' in os.environ:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def make_values(kind, size):
    if kind == 'bytes':
        return [bytes([number]) + bytes(size - 1) for number in range(N_VALUES)]
    if kind == 'int':
        return list(range(N_VALUES))
    return [{'id': number, 'name': 'a task', 'ratio': 0.5, 'tags': ['x', 'y']} for number in range(N_VALUES)]


def key_of(kind):
    return 0 if kind == 'bytes' else 'id'


def reader_of(kind):
    """Returns what makes the number of a value."""
    return int if kind == 'int' else operator.itemgetter(key_of(kind))


def sum_of(n):
    """The sum of the numbers of the first @n values."""
    rounds, rest = divmod(n, N_VALUES)
    return rounds * (N_VALUES * (N_VALUES - 1) // 2) + rest * (rest - 1) // 2


def cycle(values, n):
    return itertools.islice(itertools.cycle(values), n)


# --- Workers: each reports that it is ready, waits for the start, and reports its result ----------

class Link:
    """The queues between a worker and the measuring process."""

    def __init__(self):
        self.reports, self.starts = Mp.Queue(), Mp.Queue()

    def wait(self):
        self.reports.put({})
        self.starts.get()
        return time.monotonic_ns() / 1000

    def report(self, **facts):
        self.reports.put(facts)


def produce(link, put, values, n):
    start = link.wait()
    for value in cycle(values, n):
        put(value)
    link.report(start=start)


def consume(link, get, key, n):
    total = 0
    link.wait()
    for _ in range(n):
        total += get()[key]
    link.report(end=time.monotonic_ns() / 1000, sum=total)


def produce_many(link, put_many, values, n):
    start = link.wait()
    put_many(cycle(values, n))
    link.report(start=start)


def consume_many(link, get_many, read, n):
    total = count = 0
    link.wait()
    while count < n:
        values = get_many()
        count += len(values)
        total += sum(map(read, values))
    link.report(end=time.monotonic_ns() / 1000, sum=total)


def consume_ints(link, get, n):
    total = 0
    link.wait()
    for _ in range(n):
        total += get()
    link.report(end=time.monotonic_ns() / 1000, sum=total)


def echo(link, get, put, n):
    link.wait()
    for _ in range(n):
        put(get())
    link.report()


def ask(link, get, put, values, key, n):
    total = 0
    start = link.wait()
    for value in cycle(values, n):
        put(value)
        total += get()[key]
    link.report(start=start, end=time.monotonic_ns() / 1000, sum=total)


def fork(cpu, target, *arguments, module=multiprocessing):
    def run():
        pin(cpu)
        target(*arguments)

    # At its end, a process of a module flushes that module's queues.
    process = module.get_context('fork').Process(target=run)
    process.start()
    return process


def spawn(cpu, language, link, queue, *arguments):
    process = Mp.Process([*PROGRAMS[language], *map(str, arguments)])
    for name, given in (('values', queue), ('reports', link.reports), ('starts', link.starts)):
        process.give(name, given)
    before = os.sched_getaffinity(0)
    pin(cpu)
    process.start()
    os.sched_setaffinity(0, before)
    return process


# --- Measurements: each function returns its workers ----------------------------------------------

def one_way(link, options, kind, producer='python', consumer='python'):
    queue, n = Mp.Queue(options.depth), options.messages
    if consumer == 'python':
        last = fork(1, consume, link, queue.get, key_of(kind), n)
    else:
        last = spawn(1, consumer, link, queue, 'get', kind, options.size, n)
    if producer == 'python':
        return fork(0, produce, link, queue.put, make_values(kind, options.size), n), last
    return spawn(0, producer, link, queue, 'put', kind, options.size, n), last


def many(link, options, kind):
    queue, n = __import__('mproc').Queue(options.depth), options.messages
    return (fork(0, produce_many, link, queue.put_many, make_values(kind, options.size), n),
            fork(1, consume_many, link, queue.get_many, reader_of(kind), n))


def peer_ints(link, options):
    queue, n = multiprocessing.Queue(options.depth), options.messages
    return (fork(0, produce, link, queue.put, make_values('int', 0), n),
            fork(1, consume_ints, link, queue.get, n))


def peer_one_way(link, options, module, name, kind):
    module = __import__(module)
    queue = module.SimpleQueue() if name == 'SimpleQueue' else module.Queue(options.depth)
    n = options.messages
    return (fork(0, produce, link, queue.put, make_values(kind, options.size), n, module=module),
            fork(1, consume, link, queue.get, key_of(kind), n, module=module))


def trip(link, options, there, back):
    n = options.messages
    return (fork(0, ask, link, back[0], there[1], make_values('dict', 0), 'id', n),
            fork(1, echo, link, there[0], back[1], n))


def queue_trip(link, options):
    there, back = Mp.Queue(), Mp.Queue()
    return trip(link, options, (there.get, there.put), (back.get, back.put))


def pipe_trip(link, options, module):
    ours, theirs = (Mp if module == 'Mp' else multiprocessing).Pipe()
    return trip(link, options, (theirs.recv, ours.send), (ours.recv, theirs.send))


def alone(link, options, bare):
    """Puts and gets in one process, by the override or by the introspected call."""
    queue = Mp.Queue()
    if not bare:
        return (fork(0, ask, link, queue.get, queue.put, make_values('bytes', options.size), 0,
                     options.messages),)
    below = get_introspection_module('Mp').Queue
    return (fork(0, ask_below, link, queue, below.put_payload, below.get_payload,
                 make_values('bytes', options.size), options.messages),)


def ask_below(link, queue, put, get, values, n):
    total, form, forms = 0, int(Mp.Format.BYTES), int(Mp.Formats.BYTES)
    start = link.wait()
    for value in cycle(values, n):
        put(queue, form, value, 0)
        total += get(queue, forms, 0)[0][0]
    link.report(start=start, end=time.monotonic_ns() / 1000, sum=total)


def gjs_alone(link, options, role):
    return (spawn(0, 'gjs', link, Mp.Queue(), role, 'dict', options.size, options.messages),)


MODES = {
    'bytes': (one_way, 'bytes'),
    'dict': (one_way, 'dict'),
    'gjs-bytes': (one_way, 'bytes', 'gjs', 'gjs'),
    'gjs-dict': (one_way, 'dict', 'gjs', 'gjs'),
    'python-c': (one_way, 'dict', 'python', 'c'),
    'gjs-c': (one_way, 'dict', 'gjs', 'c'),
    'simple-bytes': (peer_one_way, 'multiprocessing', 'SimpleQueue', 'bytes'),
    'simple-dict': (peer_one_way, 'multiprocessing', 'SimpleQueue', 'dict'),
    'stdlib-bytes': (peer_one_way, 'multiprocessing', 'Queue', 'bytes'),
    'stdlib-dict': (peer_one_way, 'multiprocessing', 'Queue', 'dict'),
    'dill-bytes': (peer_one_way, 'multiprocess', 'Queue', 'bytes'),
    'dill-dict': (peer_one_way, 'multiprocess', 'Queue', 'dict'),
    'many-int': (many, 'int'),
    'many-dict': (many, 'dict'),
    'many-bytes': (many, 'bytes'),
    'stdlib-int': (peer_ints,),
    'queue-trip': (queue_trip,),
    'pipe-trip': (pipe_trip, 'Mp'),
    'stdlib-trip': (pipe_trip, 'multiprocessing'),
    'override': (alone, False),
    'bare': (alone, True),
    'gjs-override': (gjs_alone, 'alone'),
    'gjs-bare': (gjs_alone, 'below'),
}


def measure(link, workers, n, expected):
    """Starts the workers, and prints the result; @expected is the sum that the consumer has to report."""
    for _ in workers:
        link.reports.get(timeout=DEADLINE)
    for _ in workers:
        link.starts.put(True)
    facts = {}
    for _ in workers:
        facts.update(link.reports.get(timeout=DEADLINE))
    for worker in workers:
        worker.join(DEADLINE)

    verified = all(worker.exitcode == 0 for worker in workers) and facts['sum'] == expected
    print(json.dumps({'seconds': (facts['end'] - facts['start']) / 1e6, 'messages': n, 'verified': verified}))
    return 0 if verified else 1


def run(options):
    make, *arguments = MODES[options.mode]
    link = Link()
    workers = make(link, options, *arguments)
    return measure(link, workers, options.messages, sum_of(options.messages))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--mode', choices=MODES, required=True)
    for name, default in (('size', 64), ('producers', 1), ('consumers', 1), ('messages', 10000),
                          ('depth', 256)):
        parser.add_argument('--' + name, type=int, default=default)
    sys.exit(run(parser.parse_args()))


if __name__ == '__main__':
    main()
