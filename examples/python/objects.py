#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that are more than plain values travel by a codec, here dill."""

import pickle
from functools import partial
from multiprocessing import Process

import dill
import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

Queue = partial(Mp.Queue, codec=dill)

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
