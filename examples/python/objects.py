#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sends an object that contains a lambda, which is pickled by dill."""

from mproc import Process, Queue
import pickle

# Complex object that requires dill serialization
class ComplexObject:
    def __init__(self, func):
        self.func = func
        self.data = [1, 2, 3, 4, 5]

    def process(self):
        return [self.func(x) for x in self.data]

def worker(q):
    while True:
        obj = q.get()
        if obj is None:
            break
        result = obj.process()
        print(f"Worker result: {result}")

# Create object with lambda function (requires dill)
complex_obj = ComplexObject(lambda x: x ** 2)

# Create queue and process
queue = Queue()
p = Process(target=worker, args=(queue,))
p.start()

# Send complex object (automatically serialized with dill)
queue.put(complex_obj)
queue.put(None)  # Signal completion

p.join()
