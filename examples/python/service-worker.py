#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers each text that it gets:  service-worker.py ADDRESS

A program that does not use mproc-glib, and needs only Python. The key is passed in its environment,
since the arguments of a program are visible to all users.
"""

import os
import sys
from multiprocessing.connection import Client


def describe(text):
    words = text.split()
    return {'words': len(words), 'letters': sum(c.isalpha() for c in text),
            'longest': max(words, key=len, default='')}


with Client(sys.argv[1], authkey=os.environ['SERVICE_KEY'].encode()) as connection:
    while True:
        try:
            text = connection.recv()
        except EOFError:
            break
        connection.send(describe(text))
