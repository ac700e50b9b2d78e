# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer that does not use this library: it echoes all messages.

python-peer.py listen|connect ADDRESS KEY|- bytes|objects"""

import multiprocessing
import sys
from multiprocessing.connection import Client, Listener


def parse(address):
    scheme, rest = address.split(':', 1)
    if scheme == 'tcp':
        host, port = rest.rsplit(':', 1)
        return host, int(port)
    return '\0' + rest if scheme == 'unix-abstract' else rest


def echo(connection, form):
    receive = connection.recv_bytes if form == 'bytes' else connection.recv
    send = connection.send_bytes if form == 'bytes' else connection.send
    while True:
        try:
            send(receive())
        except EOFError:
            return


def main(role, address, key, form):
    key = None if key == '-' else key.encode()
    try:
        if role == 'connect':
            with Client(parse(address), authkey=key) as connection:
                echo(connection, form)
            return 0
        with Listener(parse(address), authkey=key) as listener:
            bound = listener.address
            print('tcp:%s:%d' % bound if isinstance(bound, tuple) else address, flush=True)
            with listener.accept() as connection:
                echo(connection, form)
        return 0
    except multiprocessing.AuthenticationError:
        return 3


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
