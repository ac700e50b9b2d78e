#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A producer and a consumer share a queue."""

from mproc import Process, Queue

def producer(q, items):
    for item in items:
        print(f"Producing {item}")
        q.put(item)
    q.put(None)  # Signal completion

def consumer(q):
    while True:
        item = q.get()
        if item is None:
            break
        print(f"Consuming {item}")

# Create queue
queue = Queue()

# Create processes
items_to_produce = ['item1', 'item2', 'item3', 'item4']
prod = Process(target=producer, args=(queue, items_to_produce))
cons = Process(target=consumer, args=(queue,))

# Start processes
prod.start()
cons.start()

# Wait for completion
prod.join()
cons.join()
