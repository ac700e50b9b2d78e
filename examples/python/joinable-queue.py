#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers mark tasks as done, and join () waits for all of them."""

from mproc import Process, JoinableQueue
import time

def worker(q):
    while True:
        item = q.get()
        if item is None:
            break
        print(f"Processing {item}")
        time.sleep(1)  # Simulate work
        q.task_done()

def add_tasks(q, tasks):
    for task in tasks:
        q.put(task)

# Create joinable queue
q = JoinableQueue()

# Start worker processes
workers = []
for i in range(2):
    p = Process(target=worker, args=(q,))
    p.start()
    workers.append(p)

# Add tasks
tasks = [f"task-{i}" for i in range(5)]
for task in tasks:
    q.put(task)

# Wait for all tasks to complete
q.join()
print("All tasks completed")

# Stop workers
for _ in workers:
    q.put(None)
for p in workers:
    p.join()
