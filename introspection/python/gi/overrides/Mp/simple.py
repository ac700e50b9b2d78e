# SPDX-License-Identifier: LGPL-2.1-or-later
"""The queue without settings."""

from multiprocessing.reduction import ForkingPickler

from .module import Mp, export
from .queues import Queue, reduce_queue


@export
class SimpleQueue(Mp.SimpleQueue):
    """A queue without settings."""

    def __init__(self, *, codec=None, **properties):
        super().__init__(0, codec=codec, **properties)

    def put(self, obj):
        Queue.put(self, obj)

    def get(self):
        return Queue.get(self)

    def get_nowait(self):
        return Queue.get(self, False)

    def put_nowait(self, obj):
        Queue.put(self, obj, False)

    def empty(self):
        if self._closed:
            raise OSError('handle is closed')
        return self.is_empty()


ForkingPickler.register(SimpleQueue, reduce_queue)
