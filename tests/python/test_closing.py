# SPDX-License-Identifier: LGPL-2.1-or-later
"""Closing an object for which a coroutine waits under asyncio."""

import asyncio
import threading
import unittest

import helping
import mproc
import mproc.connection


async def started(coroutine):
    """Returns a task of @coroutine that is already waiting."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


class TestClosing(helping.TestCase):
    def run_async(self, main):
        asyncio.run(asyncio.wait_for(main(), helping.DEADLINE))

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
