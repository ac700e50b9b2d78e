#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two processes reply to each other through a pipe."""

from mproc import Process, Pipe
import time

def ping_pong(conn, name, count):
    for i in range(count):
        if name == "ping":
            msg = f"ping-{i}"
            conn.send(msg)
            print(f"Sent: {msg}")
            response = conn.recv()
            print(f"Received: {response}")
        else:
            request = conn.recv()
            print(f"Received: {request}")
            msg = f"pong-{i}"
            conn.send(msg)
            print(f"Sent: {msg}")
        time.sleep(0.5)

# Create duplex pipe
conn1, conn2 = Pipe(duplex=True)

# Create processes
p1 = Process(target=ping_pong, args=(conn1, "ping", 3))
p2 = Process(target=ping_pong, args=(conn2, "pong", 3))

p1.start()
p2.start()

p1.join()
p2.join()
