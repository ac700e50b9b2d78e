# SPDX-License-Identifier: LGPL-2.1-or-later
"""Closing an object for which a thread or a coroutine waits."""

import asyncio
import threading
import time
import unittest

import helping
import mproc
import mproc.connection

from gi.repository import GLib, Mp


async def started(coroutine):
    """Returns a task of @coroutine that is already waiting."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


def full(queue):
    queue.put(1)
    return queue


# What to wait for, except join (), which goes on after close () as in multiprocessing: the object, the blocking call, and the asynchronous one if there is one.
WAITS = {
    'recv': (lambda: mproc.Pipe(), 'recv', 'recv_async', ()),
    'recv_bytes': (lambda: mproc.Pipe(), 'recv_bytes', None, ()),
    'poll': (lambda: mproc.Pipe(), 'poll', None, (None,)),
    'send': (lambda: mproc.Pipe(), 'send', 'send_async', (bytes(20_000_000),)),
    'accept': (lambda: (mproc.connection.Listener(),), 'accept', 'accept_async', ()),
    'accept by TCP': (lambda: (mproc.connection.Listener(('127.0.0.1', 0)),), 'accept', 'accept_async', ()),
    'get': (lambda: (mproc.Queue(),), 'get', 'get_async', ()),
    'get_many': (lambda: (mproc.Queue(),), 'get_many', None, ()),
    'put': (lambda: (full(mproc.Queue(1)),), 'put', 'put_async', (2,)),
    'put_many': (lambda: (full(mproc.Queue(1)),), 'put_many', None, ([2],)),
    'get of a joinable queue': (lambda: (mproc.JoinableQueue(),), 'get', 'get_async', ()),
    'get_task': (lambda: (mproc.JoinableQueue(),), 'get_task', None, ()),
    'get of a simple queue': (lambda: (mproc.SimpleQueue(),), 'get', None, ()),
}

# How many wait for one object.
N_WAITERS = 3


def is_asleep(thread):
    with open(f'/proc/self/task/{thread.native_id}/wchan', encoding='utf-8') as file:
        return file.read().startswith(('futex', 'poll', 'do_poll', 'do_sys_poll'))


class TestThreads(helping.TestCase):
    def check(self, objects, call, arguments):
        errors = []

        def wait():
            try:
                getattr(objects[0], call)(*arguments)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=wait, daemon=True) for _ in range(N_WAITERS)]
        for thread in threads:
            thread.start()
        helping.wait_until(lambda: all(map(is_asleep, threads)) or time.sleep(0.001))
        objects[0].close()
        for thread in threads:
            thread.join(helping.DEADLINE)
            self.assertFalse(thread.is_alive())
        self.assertEqual([error for error in errors if not isinstance(error, OSError)], [])
        self.assertEqual(len(errors), N_WAITERS)

    def test_all(self):
        for name, (make, call, _, arguments) in WAITS.items():
            with self.subTest(name):
                self.check(make(), call, arguments)

    def test_wait(self):
        for objects in mproc.Pipe(), (mproc.Queue(),), (mproc.connection.Listener(),):
            with self.subTest(objects[0]):
                caught = []

                def wait(objects=objects, caught=caught):
                    try:
                        mproc.connection.wait([objects[0]])
                    except OSError as error:
                        caught.append(error)

                thread = threading.Thread(target=wait, daemon=True)
                thread.start()
                helping.wait_until(lambda thread=thread: is_asleep(thread) or time.sleep(0.001))
                objects[0].close()
                thread.join(helping.DEADLINE)
                self.assertEqual(len(caught), 1)


class TestMainLoop(helping.TestCase):
    """Coroutines upon a main loop of GLib."""

    def test_all(self):
        for name, (make, _, call, arguments) in WAITS.items():
            if call is None:
                continue
            with self.subTest(name):
                objects = make()
                futures = [Mp.run_coroutine(getattr(objects[0], call)(*arguments)) for _ in range(N_WAITERS)]
                while GLib.MainContext.default().iteration(False):
                    pass
                self.assertFalse(any(future.done() for future in futures))
                objects[0].close()
                for future in futures:
                    helping.iterate_until(future.done)
                    self.assertIsInstance(future.exception(), OSError)


class TestAsyncio(helping.TestCase):
    def run_async(self, main):
        asyncio.run(asyncio.wait_for(main(), helping.DEADLINE))

    def test_all(self):
        async def main():
            for name, (make, _, call, arguments) in WAITS.items():
                if call is None:
                    continue
                with self.subTest(name):
                    objects = make()
                    waiting = [await started(getattr(objects[0], call)(*arguments)) for _ in range(N_WAITERS)]
                    self.assertFalse(any(task.done() for task in waiting))
                    objects[0].close()
                    for task in waiting:
                        with self.assertRaises(OSError):
                            await task

        self.run_async(main)

    def test_connection(self):
        async def main():
            first, second = mproc.Pipe()
            waiting = [await started(first.recv_async()) for _ in range(3)]
            first.close()
            for task in waiting:
                with self.assertRaises(OSError):
                    await task
            second.close()

        self.run_async(main)

    def test_next_connection_with_the_number(self):
        async def main():
            for _ in range(3):
                first, second = mproc.Pipe()
                fd = first.fileno()
                waiting = await started(first.recv_async())
                first.close()
                third, fourth = mproc.Pipe()
                self.assertEqual(third.fileno(), fd)
                answer = await started(third.recv_async())
                fourth.send('text')
                self.assertEqual(await answer, 'text')
                with self.assertRaises(OSError):
                    await waiting
                for connection in (second, third, fourth):
                    connection.close()

        self.run_async(main)

    def test_by_another_thread(self):
        async def main():
            first, _ = mproc.Pipe()
            waiting = await started(first.recv_async())
            threading.Thread(target=first.close).start()
            with self.assertRaises(OSError):
                await waiting

        self.run_async(main)

    def test_sender(self):
        async def main():
            first, _ = mproc.Pipe()
            waiting = await started(first.send_async(bytes(50_000_000)))
            first.close()
            with self.assertRaises(OSError):
                await waiting

        self.run_async(main)

    def test_queue(self):
        async def main():
            for queue in (mproc.Queue(1), mproc.JoinableQueue(1)):
                waiting = await started(queue.get_async())
                queue.close()
                with self.assertRaises(ValueError):
                    await waiting

                queue = mproc.Queue(1)
                queue.put(1)
                waiting = await started(queue.put_async(2))
                queue.close()
                with self.assertRaises(ValueError):
                    await waiting

        self.run_async(main)

    def test_server_with_idle_timeout(self):
        async def serve(listener, n):
            for _ in range(n):
                connection = await listener.accept_async()
                try:
                    await asyncio.wait_for(connection.recv_async(), 0.01)
                except asyncio.TimeoutError:
                    pass
                connection.close()
                connection = await listener.accept_async()
                await connection.send_async(await connection.recv_async())
                connection.close()

        async def main():
            with mproc.connection.Listener() as listener:
                served = asyncio.ensure_future(serve(listener, 3))
                for _ in range(3):
                    idle = await asyncio.to_thread(mproc.connection.Client, listener.address)
                    client = await asyncio.to_thread(mproc.connection.Client, listener.address)
                    await client.send_async('hello')
                    self.assertEqual(await client.recv_async(), 'hello')
                    idle.close()
                    client.close()
                await served

        self.run_async(main)


if __name__ == '__main__':
    unittest.main()
