# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker of the pools in test_pool.py:  pool_worker.py [async]"""

import asyncio
import os
import signal
import sys

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402


def square(x):
    return x * x


def fail(x):
    raise ValueError(f'{x} is wrong')


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


def hang(x):
    while True:
        signal.pause()


async def later(x):
    await asyncio.sleep(0)
    return x * x


FUNCTIONS = {'square': square, 'echo': lambda x: x, 'fail': fail, 'die': die, 'hang': hang,
             'pid': lambda x: os.getpid(), 'unsent': lambda x: lambda: x}

if sys.argv[1:] == ['async']:
    asyncio.run(Mp.pool_work_async({**FUNCTIONS, 'later': later}))
elif sys.argv[1:] == ['by-hand']:
    for task in Mp.PoolWorker.new():
        task.set_progress(0.5, 'half')
        task.return_value([task.get_function(), task.value, task.get_delivery_count()])
else:
    Mp.pool_work(FUNCTIONS)
