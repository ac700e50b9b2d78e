#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One process talks to another through a pipe."""

from mproc import Process, Pipe

def sender(conn, messages):
    for msg in messages:
        print(f"Sending: {msg}")
        conn.send(msg)
    conn.send("DONE")
    conn.close()

def receiver(conn):
    while True:
        msg = conn.recv()
        print(f"Received: {msg}")
        if msg == "DONE":
            break
    conn.close()

# Create pipe
parent_conn, child_conn = Pipe()

# Create processes
messages = ["Hello", "World", "From", "Pipe"]
p1 = Process(target=sender, args=(parent_conn, messages))
p2 = Process(target=receiver, args=(child_conn,))

p1.start()
p2.start()

p1.join()
p2.join()
