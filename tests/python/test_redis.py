# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues on a Redis server, from Python."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import helping
import mproc

from gi.repository import GLib, Mp

SERVER = shutil.which('redis-server') or shutil.which('valkey-server')


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            peer.sendall(b'PING\r\n')
            return peer.recv(100).startswith(b'+PONG')
    except OSError:
        return False


def is_built_in():
    """Whether it fails for want of a server, and not of support for servers."""
    try:
        Mp.queue_open('redis+unix:///nowhere?name=q&timeout=0.01')
    except FileNotFoundError:
        return True
    except (GLib.Error, TypeError, ValueError):
        return False
    return True


@unittest.skipUnless(SERVER, 'there is no redis-server')
class TestRedis(helping.TestCase):
    @classmethod
    def setUpClass(cls):
        if not is_built_in():
            raise unittest.SkipTest('the library was built without hiredis')
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, 'socket')
        cls.server = subprocess.Popen(
            [SERVER, '--port', '0', '--unixsocket', cls.path, '--save', '', '--dir', cls.folder.name],
            stdout=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not answers(cls.path):
            assert time.monotonic() < end

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.wait()
        cls.folder.cleanup()

    def uri(self, parameters=''):
        return f'redis+unix://{self.path}?name={self.id()}{parameters}'

    def test_values(self):
        queue = mproc.open(self.uri())
        other = mproc.open(self.uri())
        for value in (1, 'text', b'bytes', [1, {'a': None}], 'x' * 100000):
            queue.put(value)
            self.assertEqual(other.get(timeout=30), value)
        queue.put_many(range(1000))
        got = []
        while len(got) < 1000:
            got += other.get_many()
        self.assertEqual(got, list(range(1000)))

    def test_joinable(self):
        queue = mproc.open(self.uri('&mode=joinable'))
        queue.put('work')
        self.assertEqual(queue.get(timeout=30), 'work')
        queue.task_done()
        queue.join()

    def test_await(self):
        queue = Mp.queue_open(self.uri())

        async def run():
            waiting = asyncio.ensure_future(asyncio.to_thread(queue.get))
            await asyncio.to_thread(queue.put, 5)
            return await waiting

        self.assertEqual(asyncio.run(run()), 5)


if __name__ == '__main__':
    unittest.main()
