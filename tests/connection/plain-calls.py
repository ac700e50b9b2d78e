# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes and answers calls with nothing but multiprocessing: plain-calls.py PATH

Calls once, and answers two calls in the reverse order of their arrival.
"""

import sys
from multiprocessing.connection import Client

REFUSAL = 'g-io-error-quark', 2, 'no'

with Client(sys.argv[1]) as connection:
    connection.send(('mp:call', 7, 'hello'))
    calls, answer = [], None
    while len(calls) < 2 or answer is None:
        kind, number, value = connection.recv()
        if kind == 'mp:call':
            calls.append((number, value))
        else:
            answer = kind, number, value
    for number, value in reversed(calls):
        connection.send(('mp:error', number, *REFUSAL) if value == 'refuse' else ('mp:return', number, value))
    sys.exit(answer != ('mp:return', 7, 'hello'))
