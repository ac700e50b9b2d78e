# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues with the methods of those of multiprocessing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from multiprocessing import util
from queue import Empty as Empty
from queue import Full as Full
from typing import Any, Generic, TypeVar

from .hand import Hand
from .library import Mp, describe
from .objects import objects

__all__ = ['Empty', 'Full', 'JoinableQueue', 'Queue', 'SimpleQueue', 'open']

T = TypeVar('T')


def _leave_at_end(_key: object = None) -> None:
    """Makes multiprocessing detach this process from its queues before it calls os._exit ()."""
    util.Finalize(None, Mp.Queue.leave_all, exitpriority=-100)


_leave_at_end()
util.register_after_fork(_leave_at_end, _leave_at_end)


class QueueAdditions(Generic[T]):
    """What queues have beyond the methods of those of multiprocessing."""

    _queue: Any

    def put_many(self, iterable: Iterable[T], timeout: float | None = None) -> None:
        """Puts all objects of @iterable, in few steps.

        Raises Full if there is no room for one within @timeout seconds; the attribute n_put of the
        exception is the number of objects that were put. If iterating raises an exception, the objects
        before it are put."""
        self._queue.put_many(iterable, timeout)

    def get_many(self, max: int | None = None, timeout: float | None = None) -> list[T]:
        """Waits for the first object, and removes and returns it and further available ones.

        Returns at most @max objects, or as many as one step yields. Raises Empty if there is none
        within @timeout seconds."""
        return self._queue.get_many(max, timeout)  # type: ignore[no-any-return]

    def shutdown(self, immediate: bool = False) -> None:
        """Ends the queue for all processes: puts fail, and gets fail once no objects are left.

        @immediate: drop the remaining objects"""
        self._queue.shutdown(immediate)

    async def put_async(self, obj: T) -> None:
        """Puts @obj, under asyncio; waits for room without a timeout."""
        await self._queue.put_async(obj)

    async def get_async(self) -> T:
        """Removes and returns the next object, under asyncio."""
        return await self._queue.get_async()  # type: ignore[no-any-return]

    def fileno(self) -> int:
        """Returns a descriptor that is readable while the queue is not empty."""
        return self._queue.fileno()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[T]:
        """Gets until the queue is shut down."""
        return iter(self._queue)

    def __aiter__(self) -> AsyncIterator[T]:
        """Gets under asyncio until the queue is shut down."""
        return self._queue.__aiter__()  # type: ignore[no-any-return]

    def __getstate__(self) -> Any:
        return self.__dict__

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return describe(type(self), self._queue)


class Queue(QueueAdditions[T]):
    """A queue for any number of producers and consumers, and for any objects.

    It is passed to processes as an argument of Process, or of the initializer of a pool. put ()
    does not return before the object is in the queue: there is no thread, and a killed process
    leaves no lock held."""

    _kind: Any = Mp.Queue

    def __init__(self, maxsize: int = 0, *, ctx: Any = None, max_bytes: int = 0,
                 name: str | None = None) -> None:
        """Creates an empty queue.

        @maxsize: how many objects it holds at most; 0 for any number
        @ctx: a context of multiprocessing, which is ignored
        @max_bytes: how much memory it takes at most; 0 for a share of the machine's
        @name: the name by which tools show it"""
        self._queue = self._kind(maxsize, codec=objects, max_bytes=max_bytes, name=name)

    def put(self, obj: T, block: bool = True, timeout: float | None = None) -> None:
        """Puts @obj.

        Raises Full if there is no room, at once unless @block, or else after @timeout seconds, and
        ValueError after close () or shutdown (). An object that cannot be pickled raises TypeError
        and leaves the queue unchanged."""
        self._queue.put(obj, block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Removes and returns the next object.

        Raises Empty if there is none, at once unless @block, or else after @timeout seconds, and
        ValueError after close (), or after shutdown () if none is left."""
        return self._queue.get(block, timeout)  # type: ignore[no-any-return]

    def put_nowait(self, obj: T) -> None:
        """Puts @obj if there is room; raises Full otherwise."""
        self._queue.put(obj, False)

    def get_nowait(self) -> T:
        """Removes and returns the next object; raises Empty if there is none."""
        return self._queue.get(False)  # type: ignore[no-any-return]

    def qsize(self) -> int:
        """Returns how many objects are in the queue."""
        return self._queue.qsize()  # type: ignore[no-any-return]

    def empty(self) -> bool:
        """Returns whether the queue is empty."""
        return self._queue.empty()  # type: ignore[no-any-return]

    def full(self) -> bool:
        """Returns whether the queue has no room."""
        return self._queue.full()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Closes the queue for this process; other processes are not affected."""
        self._queue.close()

    def join_thread(self) -> None:
        """Does nothing: there is no thread. Raises AssertionError before close ()."""
        self._queue.join_thread()

    def cancel_join_thread(self) -> None:
        """Does nothing: there is no thread."""

    def __enter__(self: Q) -> Q:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


Q = TypeVar('Q', bound=Queue[Any])


class JoinableQueue(Queue[T]):
    """A queue that tracks which of its objects are done.

    Objects that a worker has got and for which it has not called task_done () are redelivered to
    another one when the worker is killed, or ends by an exception. Objects got by a worker that
    never calls task_done () and ends normally count as consumed; another process then marks them as
    done."""

    _kind = Mp.JoinableQueue

    def __init__(self, maxsize: int = 0, *, ctx: Any = None, max_bytes: int = 0,
                 name: str | None = None) -> None:
        super().__init__(maxsize, ctx=ctx, max_bytes=max_bytes, name=name)
        self._make_hand()

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        self._make_hand()

    def _make_hand(self) -> None:
        self._hand = Hand(self._queue)
        util.Finalize(self, self._hand.finish, exitpriority=0)
        util.register_after_fork(self, JoinableQueue._make_hand)

    def __getstate__(self) -> Any:
        return {name: value for name, value in self.__dict__.items() if name != '_hand'}

    def task_done(self) -> None:
        """Marks one of the objects that were got as done, whichever process got it.

        Raises ValueError if there is none."""
        self._hand.tells = True
        self._queue.task_done_for_any()

    def join(self, timeout: float | None = None) -> None:
        """Waits until all objects are done; raises TimeoutError after @timeout seconds."""
        self._queue.join(timeout)

    async def join_async(self) -> None:
        """Waits under asyncio until all objects are done."""
        await self._queue.join_async()

    def get_task(self, block: bool = True, timeout: float | None = None) -> Any:
        """Removes and returns the next object as a Task, which is marked as done when its `with`
        block ends.

        Raises the same exceptions as get ()."""
        return self._queue.get_task(block, timeout)


def open(uri: str, **parameters: str | int | bool) -> Queue[Any]:
    """Opens the queue at @uri, such as 'local:tasks', and creates it if there is none.

    Any process of this user can open a queue with a name. It keeps its objects when no process has
    it open; Mp.Queue.remove (uri) removes it. Queues on this machine are for any objects; others,
    which other users may write to, are for plain values.

    @parameters: what it has to have, for example mode='joinable', max_size=100 or create=False
    Returns a Queue, or a JoinableQueue if it is one."""
    is_own = uri.startswith(('local:', 'process:'))
    inner = Mp.queue_open(uri, codec=objects if is_own else None, **parameters)
    kind: type[Queue[Any]] = JoinableQueue if isinstance(inner, Mp.JoinableQueue) else Queue
    queue = kind.__new__(kind)
    queue.__setstate__({'_queue': inner})
    return queue


class SimpleQueue(Generic[T]):
    """A queue without limits and settings."""

    def __init__(self, *, ctx: Any = None) -> None:
        """Creates an empty queue.

        @ctx: a context of multiprocessing, which is ignored"""
        self._queue = Mp.SimpleQueue(codec=objects)

    def put(self, obj: T) -> None:
        """Puts @obj."""
        self._queue.put(obj)

    def get(self) -> T:
        """Waits for the next object, removes and returns it."""
        return self._queue.get()  # type: ignore[no-any-return]

    def empty(self) -> bool:
        """Returns whether the queue is empty."""
        return self._queue.empty()

    def close(self) -> None:
        """Closes the queue for this process."""
        self._queue.close()

    def fileno(self) -> int:
        """Returns a descriptor that is readable while the queue is not empty."""
        return self._queue.fileno()

    __getstate__ = QueueAdditions.__getstate__
    __setstate__ = QueueAdditions.__setstate__
    __repr__ = QueueAdditions.__repr__
