# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Redis server for tests, on a socket in a temporary folder."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import helping

from gi.repository import GLib, Mp

PROGRAM = shutil.which('redis-server') or shutil.which('valkey-server')


def is_built_in():
    """Whether it fails for want of a server, and not of support for servers."""
    try:
        Mp.queue_open('redis+unix:///nowhere?name=q&timeout=0.01')
    except FileNotFoundError:
        return True
    except (GLib.Error, TypeError, ValueError):
        return False
    return True


def skip_without_server():
    if not PROGRAM:
        raise unittest.SkipTest('there is no redis-server')
    if not is_built_in():
        raise unittest.SkipTest('the library was built without hiredis')


class Server:
    """@prefix is a command that starts others, and @options are further ones of the server."""

    def __init__(self, *options, prefix=()):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, 'socket')
        self.command = [*prefix, PROGRAM, '--port', '0', '--unixsocket', self.path, '--save', '',
                        '--dir', self.folder.name, *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        helping.wait_until(self.answers)

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(self.path)
                peer.sendall(b'PING\r\n')
                return peer.recv(100).startswith(b'+PONG')
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        self.folder.cleanup()
