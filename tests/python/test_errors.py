# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever fails raises the exceptions of multiprocessing, and never GLib.Error itself."""

import errno
import inspect
import os
import shutil
import socket
import tempfile
import unittest
from queue import Empty, Full

from helping import DEADLINE, TestCase

from gi._gi import FunctionInfo
from gi.repository import Gio, GLib, GObject, Mp

NOT_UTF8 = 'a\udcff'


def closed_queue():
    queue = Mp.JoinableQueue()
    queue.shutdown()
    return queue


def closed_connection():
    connection, _ = Mp.Pipe()
    connection.close()
    return connection


def left_connection():
    connection, other = Mp.Pipe()
    other.close()
    return connection


def full_queue():
    queue = Mp.Queue(1)
    queue.put(1)
    return queue


def bytes_message():
    return Mp.Message.new_bytes(GLib.Bytes.new(b'x'))


# What fails, and how.
CASES = (
    (Empty, lambda: Mp.Queue().get_message(0, None)),
    (Empty, lambda: Mp.Queue().get(False)),
    (Empty, lambda: Mp.Queue().get_many(1, 0)),
    (Empty, lambda: Mp.Queue().get_bytes(0, None)),
    (Empty, lambda: Mp.Queue().get_json(0, None)),
    (Empty, lambda: Mp.JoinableQueue().get_task(False)),
    (Full, lambda: full_queue().put_bytes(GLib.Bytes.new(b'x'), 0, None)),
    (Full, lambda: full_queue().put_json('1', 0, None)),
    (Full, lambda: full_queue().put_message(bytes_message(), 0, None)),
    (Full, lambda: full_queue().put_many([1], 0)),
    (ValueError, lambda: closed_queue().put(1)),
    (ValueError, lambda: closed_queue().get()),
    (ValueError, lambda: closed_queue().get_task()),
    (ValueError, lambda: closed_queue().get_many()),
    (ValueError, lambda: Mp.JoinableQueue().task_done()),
    (EOFError, lambda: left_connection().recv()),
    (EOFError, lambda: left_connection().recv_bytes()),
    (EOFError, lambda: left_connection().recv_message(0, None)),
    (EOFError, lambda: left_connection().recv_shareable()),
    (EOFError, lambda: left_connection().try_recv_message()),
    (OSError, lambda: left_connection().send(1)),
    (BrokenPipeError, lambda: left_connection().call(1)),
    (OSError, lambda: closed_connection().recv()),
    (OSError, lambda: closed_connection().send(1)),
    (OSError, lambda: closed_connection().send_message(bytes_message(), 0, None)),
    (OSError, lambda: closed_connection().poll()),
    (OSError, lambda: closed_connection().call(1)),
    (OSError, lambda: Mp.Connection(999)),
    (OSError, lambda: Mp.Connection.new_for_fd(999, True, True)),
    (TypeError, lambda: Mp.Message.new_bytes(GLib.Bytes.new(b'x')).get_json()),
    (TypeError, lambda: bytes_message().get_object(GObject.Object)),
    (ValueError, lambda: Mp.Message.new_json('{').get_variant()),
    (ValueError, lambda: Mp.Message.new_pickle(b'nonsense').get_json()),
    (FileNotFoundError, lambda: Mp.Client('/nowhere/at/all')),
    (FileNotFoundError, lambda: Mp.connect('unix:/nowhere/at/all', None, 0, None)),
    (FileNotFoundError, lambda: Mp.Connector(address='unix:/nowhere/at/all').open(0, None)),
    (FileNotFoundError, lambda: Mp.Process(['/nowhere']).start()),
    (FileNotFoundError, lambda: Mp.Process(['/bin/true'], cwd='/nowhere').start()),
    (FileNotFoundError, lambda: Mp.Process(['/bin/true'], stdout_file_path='/nowhere/x').start()),
    (ValueError, lambda: Mp.Process(['/bin/true', 'a\0b'])),
    (OSError, lambda: Mp.Listener('/nowhere/at/all')),
    (OSError, lambda: Mp.Listener.new('nonsense', None)),
    (FileNotFoundError, lambda: Mp.inherit('nothing')),
    (TypeError, lambda: Mp.Queue.open('redis://nowhere', None)),
    (ValueError, lambda: Mp.shareable_open(GLib.Variant('a{sv}', {}), Gio.UnixFDList())),
)

# Paths that C would get as something else, or not at all.
NOT_UTF8_CASES = (
    lambda: Mp.Listener(NOT_UTF8),
    lambda: Mp.Listener(os.fsencode(NOT_UTF8)),
    lambda: Mp.Client(NOT_UTF8),
    lambda: Mp.Process([os.fsencode(NOT_UTF8)]),
    lambda: Mp.Process(['/bin/true'], cwd=NOT_UTF8),
    lambda: Mp.Process(['/bin/true'], cwd=os.fsencode(NOT_UTF8)),
    lambda: Mp.Process(['/bin/true'], environment=[f'A={NOT_UTF8}']),
    lambda: Mp.Process(['/bin/true'], stdin_file_path=NOT_UTF8),
)


class TestErrors(TestCase):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_nothing_is_left_to_the_bindings(self):
        def is_raw(function):
            return isinstance(function, FunctionInfo) and function.can_throw_gerror()

        raw = [name for name in dir(Mp) if is_raw(getattr(Mp, name))]
        for kind in filter(lambda member: isinstance(member, type), [getattr(Mp, name) for name in dir(Mp)]):
            raw += [f'{kind.__name__}.{name}' for name in dir(kind)
                    if is_raw(inspect.getattr_static(kind, name, None))]
        self.assertEqual(raw, [])

    def test_exceptions(self):
        for i, (kind, case) in enumerate(CASES):
            with self.subTest(i, kind=kind), self.assertRaises(kind) as raised:
                case()
            if hasattr(raised, 'exception'):
                self.assertNotIsInstance(raised.exception, GLib.Error, i)

    def test_paths_that_are_not_utf8(self):
        for i, case in enumerate(NOT_UTF8_CASES):
            with self.subTest(i), self.assertRaises(OSError) as raised:
                case()
            self.assertEqual(raised.exception.errno, errno.EILSEQ)

    def test_paths_as_bytes(self):
        path = os.path.join(self.folder, 'é').encode()
        with Mp.Listener(path) as listener, Mp.Client(path) as client:
            with listener.accept(DEADLINE) as server:
                client.send(1)
                self.assertEqual(server.recv(), 1)
        process = Mp.Process([b'/bin/true'], cwd=self.folder.encode())
        process.start()
        process.wait_check(DEADLINE)

    def test_peer_at_a_path_that_is_not_utf8(self):
        path = os.path.join(self.folder, 'listener')
        with Mp.Listener(path) as listener, socket.socket(socket.AF_UNIX) as peer:
            peer.bind(os.path.join(self.folder.encode(), b'\xff'))
            peer.connect(path)
            with listener.accept(DEADLINE) as connection:
                self.assertIn('\ufffd', listener.last_accepted)
                self.assertIn('\ufffd', connection.get_peer_address())


if __name__ == '__main__':
    unittest.main()
