# SPDX-License-Identifier: LGPL-2.1-or-later
"""Benchmarks of Python's own queues and pipes.

Has the same arguments and output as the C programs."""

import argparse
import json
import os
import resource
import struct
import sys
import time

NUMBER = struct.Struct('<Q')
MARKER = (1 << 64) - 1


def pin(cpu):
    os.sched_setaffinity(0, {cpu % os.cpu_count()})
    if 'MP_BENCH_REALTIME' in os.environ:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def make(number, tail):
    return NUMBER.pack(number) + tail


class Queue:
    """One way over a queue of @context."""

    def __init__(self, context, kind, depth):
        self.queue = context.SimpleQueue() if kind == 'SimpleQueue' else context.Queue(depth)

    def produce(self, numbers, tail):
        for number in numbers:
            self.queue.put(make(number, tail))

    def finish(self, tail, n_consumers):
        for _ in range(n_consumers):
            self.queue.put(make(MARKER, tail))

    def consume(self, check):
        while check(self.queue.get()):
            pass


class Pipe:
    """One way over a pipe."""

    def __init__(self, context, kind, depth):
        self.receiver, self.sender = context.Pipe(True)

    def produce(self, numbers, tail):
        for number in numbers:
            self.sender.send_bytes(make(number, tail))
        self.sender.send_bytes(make(MARKER, tail))

    def finish(self, tail, n_consumers):
        pass

    def consume(self, check):
        while check(self.receiver.recv_bytes()):
            pass


class Trip(Pipe):
    """There and back."""

    def produce(self, numbers, tail):
        for number in numbers:
            message = make(number, tail)
            self.sender.send_bytes(message)
            if self.sender.recv_bytes() != message:
                sys.exit('another echo')
        self.sender.send_bytes(make(MARKER, tail))

    def consume(self, check):
        while True:
            message = self.receiver.recv_bytes()
            if not check(message):
                break
            self.receiver.send_bytes(message)


MODES = {
    'Queue': ('multiprocessing', Queue),
    'SimpleQueue': ('multiprocessing', Queue),
    'multiprocess': ('multiprocess', Queue),
    'pipe': ('multiprocessing', Pipe),
    'trip': ('multiprocessing', Trip),
}


def run_producer(index, options, channel, barrier, starts):
    pin(index)
    share = options.messages // options.producers
    tail = bytes(options.size - 8)

    barrier.wait()
    starts[index] = time.monotonic_ns()
    channel.produce(range(index * share, (index + 1) * share), tail)


def run_consumer(index, options, channel, barrier, ends, counts, sums):
    pin(index + 1)
    count = total = 0

    def check(message):
        nonlocal count, total
        number = NUMBER.unpack_from(message)[0]
        if number == MARKER:
            return False
        if len(message) != options.size:
            sys.exit('a message of another length')
        count += 1
        total += number
        return True

    barrier.wait()
    channel.consume(check)
    ends[index] = time.monotonic_ns()
    counts[index] = count
    sums[index] = total


def run(options):
    module, kind = MODES[options.mode]
    context = __import__(module).get_context('fork')
    channel = kind(context, options.mode, options.depth)
    barrier = context.Barrier(options.producers + options.consumers)
    starts = context.Array('q', options.producers, lock=False)
    ends, counts, sums = (context.Array('q', options.consumers, lock=False) for _ in range(3))

    producers = [context.Process(target=run_producer,
                                 args=(i, options, channel, barrier, starts))
                 for i in range(options.producers)]
    consumers = [context.Process(target=run_consumer,
                                 args=(i, options, channel, barrier, ends, counts, sums))
                 for i in range(options.consumers)]
    for child in producers + consumers:
        child.start()
    # The messages of a producer are completely sent only when it has ended.
    for child in producers:
        child.join()
    channel.finish(bytes(options.size - 8), options.consumers)
    for child in consumers:
        child.join()

    n = options.messages // options.producers * options.producers
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    verified = (all(child.exitcode == 0 for child in producers + consumers) and
                sum(counts) == n and sum(sums) == n * (n - 1) // 2)
    print(json.dumps({'seconds': (max(ends) - min(starts)) / 1e9, 'messages': n,
                      'verified': verified, 'switches': usage.ru_nvcsw,
                      'preemptions': usage.ru_nivcsw, 'cpu': usage.ru_utime + usage.ru_stime}))
    return 0 if verified else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--mode', choices=MODES, required=True)
    for name, default in (('size', 64), ('producers', 1), ('consumers', 1), ('messages', 10000),
                          ('depth', 1024)):
        parser.add_argument('--' + name, type=int, default=default)
    sys.exit(run(parser.parse_args()))


if __name__ == '__main__':
    main()
