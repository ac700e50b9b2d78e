#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pool whose workers count prime numbers. One task kills each worker that is given it; the others
are done all the same."""

import asyncio
import os
import signal
import sys

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

STEP = 1000


def count_primes(start):
    return sum(n > 1 and all(n % divisor for divisor in range(2, int(n ** 0.5) + 1))
               for n in range(start, start + STEP))


def crash(ignored):
    os.kill(os.getpid(), signal.SIGKILL)


async def main():
    pool = Mp.Pool([sys.executable, __file__, 'work'], 3, restart_delay=0.01)
    pool.start()
    crashing = asyncio.ensure_future(pool.submit_async('crash'))
    counts = await asyncio.gather(*(pool.submit_async('count-primes', n * STEP) for n in range(10)))
    print(f'{sum(counts)} primes below {10 * STEP}')
    try:
        await crashing
    except RuntimeError as error:
        print(f'One task failed: {error}')
    await pool.stop_async()


if sys.argv[1:] == ['work']:
    Mp.pool_work({'count-primes': count_primes, 'crash': crash})
else:
    asyncio.run(main())
