#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server and a client that authenticate each other with a key."""

from mproc import Process
from mproc.connection import Listener, Client

def server(address, authkey):
    with Listener(address, authkey=authkey) as listener:
        print(f"Server listening on {address}")
        with listener.accept() as conn:
            print("Connection accepted")
            while True:
                try:
                    msg = conn.recv()
                    print(f"Server received: {msg}")
                    if msg == "quit":
                        break
                    conn.send(f"Echo: {msg}")
                except EOFError:
                    break

def client(address, authkey):
    with Client(address, authkey=authkey) as conn:
        messages = ["hello", "world", "quit"]
        for msg in messages:
            conn.send(msg)
            if msg != "quit":
                response = conn.recv()
                print(f"Client received: {response}")

# Authentication key
authkey = b'secret_key'
address = ('localhost', 6000)

# Start server process
server_process = Process(target=server, args=(address, authkey))
server_process.start()

# Give server time to start
import time
time.sleep(0.5)

# Start client process
client_process = Process(target=client, args=(address, authkey))
client_process.start()

client_process.join()
server_process.join()
