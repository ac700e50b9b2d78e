# SPDX-License-Identifier: LGPL-2.1-or-later
"""python_idle.py PROCESSES: measures the cost of waiting in get () of multiprocessing's Queue, like
bench-queue-idle."""

import json
import multiprocessing
import os
import sys
import time

SETTLE, MEASURE, N_EXITS = 2, 5, 50


def usage_of(processes):
    switches, cpu_ns = 0, 0
    for process in processes:
        with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
            switches += sum(int(line.split()[1]) for line in file if 'ctxt_switches' in line)
        with open(f'/proc/{process.pid}/schedstat', encoding='ascii') as file:
            cpu_ns += int(file.read().split()[0])
    return switches, cpu_ns


def look(queue):
    queue.empty()
    os._exit(0)


def main():
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    processes = [context.Process(target=queue.get) for _ in range(int(sys.argv[1]))]
    for process in processes:
        process.start()

    time.sleep(SETTLE)
    usages = [usage_of(processes)]
    time.sleep(MEASURE)
    usages.append(usage_of(processes))
    for _ in range(N_EXITS):
        peer = context.Process(target=look, args=(queue,))
        peer.start()
        peer.join()
        time.sleep(0.01)
    usages.append(usage_of(processes))

    for _ in processes:
        queue.put(1)
    for process in processes:
        process.join()
    verified = all(process.exitcode == 0 for process in processes)
    print(json.dumps({'seconds': MEASURE, 'processes': len(processes),
                      'switches': usages[1][0] - usages[0][0],
                      'cpu': (usages[1][1] - usages[0][1]) / 1e9,
                      'exit': (usages[2][1] - usages[1][1]) / 1e9 / N_EXITS, 'verified': verified}))


if __name__ == '__main__':
    main()
