#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several producers and consumers share a queue."""

from mproc import Process, Queue
import random
import time

def producer(q, producer_id, num_items):
    for i in range(num_items):
        item = f"Producer-{producer_id}-Item-{i}"
        q.put(item)
        print(f"Produced: {item}")
        time.sleep(random.uniform(0.1, 0.5))

def consumer(q, consumer_id):
    while True:
        try:
            item = q.get(timeout=2)
            print(f"Consumer-{consumer_id} consumed: {item}")
            time.sleep(random.uniform(0.2, 0.8))
        except:
            print(f"Consumer-{consumer_id} timed out, exiting")
            break

# Create queue
queue = Queue()

# Create multiple producers
producers = []
for i in range(2):
    p = Process(target=producer, args=(queue, i, 5))
    p.start()
    producers.append(p)

# Create multiple consumers
consumers = []
for i in range(3):
    p = Process(target=consumer, args=(queue, i))
    p.start()
    consumers.append(p)

# Wait for producers to finish
for p in producers:
    p.join()

# Wait for consumers to finish (they will timeout)
for p in consumers:
    p.join()
