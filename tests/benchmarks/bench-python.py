#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares Mp with multiprocessing, and with multiprocess if it is installed.

bench-python.py [--seconds S] [--rounds N]

Every number is between two processes. The rounds of all kinds alternate, so that whatever
else the machine does meets them alike; the best round counts.
"""

import argparse
import multiprocessing
import time

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

try:
    import multiprocess
except ImportError:
    multiprocess = None

SMALL_DICT = {'id': 12345, 'name': 'a task', 'ratio': 0.5, 'tags': ['x', 'y']}
VALUES = {'16 B': bytes(16), '1 KiB': bytes(1024), '64 KiB': bytes(65536), 'small dict': SMALL_DICT}

KINDS = {
    'Mp.Queue': lambda: Mp.Queue(1000),
    'Mp.SimpleQueue': Mp.SimpleQueue,
    'multiprocessing.SimpleQueue': multiprocessing.SimpleQueue,
    'multiprocessing.Queue': lambda: multiprocessing.Queue(1000),
}
PIPES = {'Mp.Pipe': Mp.Pipe, 'multiprocessing.Pipe': multiprocessing.Pipe}
if multiprocess is not None:
    KINDS['multiprocess.Queue'] = lambda: multiprocess.Queue(1000)

RATIOS = [
    ('16 B', 'Mp.Queue', 'multiprocessing.SimpleQueue', 4),
    ('1 KiB', 'Mp.Queue', 'multiprocessing.SimpleQueue', 4),
    ('16 B', 'Mp.Queue', 'multiprocess.Queue', 8),
    ('1 KiB', 'Mp.Queue', 'multiprocess.Queue', 8),
    ('small dict', 'Mp.Queue', 'multiprocessing.Queue', 2.5),
    ('small dict', 'Mp.Queue', 'multiprocess.Queue', 12),
    ('64 KiB', 'Mp.Queue', 'multiprocessing.Queue', 8),
]


def drain(queue, n, done):
    done.send('ready')
    for _ in range(n):
        queue.get()
    done.send(True)


def one_way(make, value, n):
    """Returns the messages per second from one process to another."""
    queue = make()
    done, its_done = multiprocessing.Pipe()
    child = multiprocessing.Process(target=drain, args=(queue, n, its_done))
    child.start()
    its_done.close()
    done.recv()
    begin = time.perf_counter()
    for _ in range(n):
        queue.put(value)
    done.recv()
    elapsed = time.perf_counter() - begin
    child.join()
    return n / elapsed


def answer(receive, send, n):
    for _ in range(n):
        send(receive())


def round_trips(there, back, n):
    """Returns the round trips of a small dict per second; each way is a (receive, send)."""
    child = multiprocessing.Process(target=answer, args=(there[0], back[1], n + 1))
    child.start()
    there[1](SMALL_DICT)
    back[0]()
    begin = time.perf_counter()
    for _ in range(n):
        there[1](SMALL_DICT)
        back[0]()
    elapsed = time.perf_counter() - begin
    child.join()
    return n / elapsed


def over_queues(make):
    there, back = make(), make()
    return (there.get, there.put), (back.get, back.put)


def over_a_pipe(make):
    ours, theirs = make()
    return (theirs.recv, ours.send), (ours.recv, theirs.send)


def calibrated(measure, seconds):
    """Measures for about so long."""
    rate = measure(1000)
    return measure(max(1000, int(rate * seconds)))


def measure_all(seconds, rounds):
    best = {}
    for _ in range(rounds):
        for name, make in KINDS.items():
            for label, value in VALUES.items():
                rate = calibrated(lambda n: one_way(make, value, n), seconds)
                best[label, name] = max(best.get((label, name), 0), rate)
        for name, make in PIPES.items():
            rate = calibrated(lambda n: round_trips(*over_a_pipe(make), n), seconds)
            best['round trip', name] = max(best.get(('round trip', name), 0), rate)
        rate = calibrated(lambda n: round_trips(*over_queues(Mp.Queue), n), seconds)
        best['round trip', 'two Mp.Queue'] = max(best.get(('round trip', 'two Mp.Queue'), 0), rate)
    return best


def report(best):
    print(f'{"":12} {"":30} {"µs":>8} {"per second":>11}')
    for (label, name), rate in sorted(best.items()):
        print(f'{label:12} {name:30} {1e6 / rate:8.2f} {rate:11.0f}')
    print(f'\n{"messages per second, as a ratio":58} {"is":>7} {"goal":>6}')
    for label, ours, theirs, goal in RATIOS:
        if (label, theirs) in best:
            ratio = best[label, ours] / best[label, theirs]
            print(f'{label + ": " + ours + " / " + theirs:58} {ratio:7.2f} {goal:6}')
    print('\ntime of a round trip, as a ratio')
    pipe = best['round trip', 'multiprocessing.Pipe']
    for ours, goal in (('two Mp.Queue', 0.1), ('Mp.Pipe', 0.8)):
        label = f'small dict: {ours} / multiprocessing.Pipe'
        print(f'{label:58} {pipe / best["round trip", ours]:7.2f} {goal:6}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=0.3)
    parser.add_argument('--rounds', type=int, default=5)
    options = parser.parse_args()
    report(measure_all(options.seconds, options.rounds))


if __name__ == '__main__':
    main()
