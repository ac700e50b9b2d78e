#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service that has texts analysed by a worker, an ordinary Python program: service.py

It reads lines from its standard input, and prints the worker's answer to each. If the worker is
killed, a new one is started, and gets the request again.
"""

import asyncio
import os
import secrets
import sys

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'service-worker.py')
MAX_TRIES = 3


class Service:
    def __init__(self):
        self.key = secrets.token_hex()
        self.listener = Mp.Listener(authkey=self.key.encode())
        self.connection = None

    async def start_worker(self):
        worker = Mp.Process(['python3', WORKER, str(self.listener.address)], die_with_parent=True)
        worker.set_env('SERVICE_KEY', self.key)
        worker.start()
        print(f'The worker is process {worker.get_pid()}', flush=True)

        # The worker either connects or ends.
        accepting = asyncio.ensure_future(self.listener.accept_async())
        ending = asyncio.ensure_future(asyncio.to_thread(worker.join))
        await asyncio.wait({accepting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not accepting.done():
            accepting.cancel()
            raise EOFError('it has not connected')
        return accepting.result()

    async def ask(self, text):
        for _ in range(MAX_TRIES):
            try:
                connection = self.connection = self.connection or await self.start_worker()
                await connection.send_async(text)
                return await connection.recv_async()
            except (EOFError, OSError) as error:
                print(f'The worker is gone: {error}', flush=True)
                self.connection = None
        sys.exit('Nobody answers')


async def main():
    service = Service()
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await service.ask(line.rstrip('\n'))
        print('words: {words}, letters: {letters}, longest: {longest}'.format(**answer), flush=True)

    # The worker ends when its connection is closed.
    if service.connection is not None:
        service.connection.close()
    print('Closed')


asyncio.run(main())
