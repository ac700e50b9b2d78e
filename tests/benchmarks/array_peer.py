# SPDX-License-Identifier: LGPL-2.1-or-later
"""Benchmarks of arrays of numbers in Python.

Has the same arguments and output as the C programs; `size` is that of an array in bytes. The arrays
are created beforehand. The consumer gets each as an array of its own, which it can change."""

import argparse
import itertools
import multiprocessing
import sys
import time
from multiprocessing import resource_tracker, shared_memory

import numpy

import language_peer
from language_peer import Link, fork

N_ARRAYS = 4


def make_arrays(size):
    return [numpy.full(size // 8, number, dtype='f8') for number in range(N_ARRAYS)]


def produce(link, put, size, n):
    arrays = make_arrays(size)
    start = link.wait()
    for array in itertools.islice(itertools.cycle(arrays), n):
        put(array)
    link.report(start=start)


def consume(link, get, size, n):
    total = 0
    link.wait()
    for _ in range(n):
        array = get()
        if array.nbytes != size or array[0] != array[-1] or not array.flags.writeable:
            sys.exit('another array')
        total += int(array[0])
    link.report(end=time.monotonic_ns() / 1000, sum=total)


class Segments:
    """A queue of names of shared memory, written by hand: one segment for each array, or the same
    ones again and again."""

    def __init__(self, depth, size, again):
        # One for both processes, or each would complain about what the other unlinks.
        resource_tracker.ensure_running()
        self.full, self.free = multiprocessing.Queue(depth), multiprocessing.SimpleQueue()
        self.open = {}
        self.again = again
        self.made = [shared_memory.SharedMemory(create=True, size=size) for _ in range(depth if again else 0)]
        for segment in self.made:
            self.free.put(segment.name)

    def put(self, array):
        segment = self.attach(self.free.get()) if self.again else \
            shared_memory.SharedMemory(create=True, size=array.nbytes)
        numpy.ndarray(array.shape, array.dtype, segment.buf)[:] = array
        self.full.put((segment.name, array.shape, array.dtype.str))
        if not self.again:
            segment.close()

    def get(self):
        name, shape, kind = self.full.get()
        segment = self.attach(name) if self.again else shared_memory.SharedMemory(name)
        array = numpy.array(numpy.ndarray(shape, kind, segment.buf))
        if self.again:
            self.free.put(name)
        else:
            segment.close()
            segment.unlink()
        return array

    def attach(self, name):
        if name not in self.open:
            self.open[name] = shared_memory.SharedMemory(name)
        return self.open[name]

    def clear(self):
        for segment in self.made:
            segment.close()
            segment.unlink()


def queue(module, options):
    made = __import__(module).Queue(options.depth)
    return made.put, made.get


def pipe(module, options):
    receiver, sender = __import__(module).Pipe(False)
    return sender.send, receiver.recv


def segments(again, options):
    made = Segments(options.depth, options.size, again)
    return made.put, made.get, made.clear


MODES = {
    'mproc': (queue, 'mproc'),
    'mproc-pipe': (pipe, 'mproc'),
    'stdlib': (queue, 'multiprocessing'),
    'stdlib-pipe': (pipe, 'multiprocessing'),
    'dill': (queue, 'multiprocess'),
    'segments': (segments, False),
    'segments-again': (segments, True),
}


def run(options):
    make, argument = MODES[options.mode]
    put, get, *clear = make(argument, options)
    link = Link()
    module = multiprocessing if options.mode != 'dill' else __import__('multiprocess')
    workers = (fork(0, produce, link, put, options.size, options.messages, module=module),
               fork(1, consume, link, get, options.size, options.messages, module=module))
    rounds, rest = divmod(options.messages, N_ARRAYS)
    expected = rounds * (N_ARRAYS * (N_ARRAYS - 1) // 2) + rest * (rest - 1) // 2
    try:
        return language_peer.measure(link, workers, options.messages, expected)
    finally:
        for call in clear:
            call()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--mode', choices=MODES, required=True)
    for name, default in (('size', 1 << 20), ('producers', 1), ('consumers', 1), ('messages', 100), ('depth', 4)):
        parser.add_argument('--' + name, type=int, default=default)
    sys.exit(run(parser.parse_args()))


if __name__ == '__main__':
    main()
