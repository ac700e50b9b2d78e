# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever fails raises the exceptions of multiprocessing, and never GLib.Error itself."""

import errno
import inspect
import os
import pathlib
import shutil
import socket
import tempfile
import unittest
from queue import Empty, Full

from helping import DEADLINE, TestCase

from gi._gi import FunctionInfo
from gi.repository import Gio, GLib, GObject, Mp
from gi.overrides.Mp import errors

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
    (TypeError, lambda: Mp.Queue.open('nonsense://nowhere', None)),
    (ValueError, lambda: Mp.shareable_open(GLib.Variant('a{sv}', {}), Gio.UnixFDList())),
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

    def test_a_lock_that_is_held(self):
        error = GLib.Error.new_literal(Gio.io_error_quark(), 'a process holds a lock', Gio.IOErrorEnum.BUSY)
        self.assertEqual(errors.exception_of(error).errno, errno.EBUSY)

    def test_addresses_that_are_not_utf8(self):
        path = os.path.join(self.folder, NOT_UTF8)
        for address in (path, os.fsencode(path), pathlib.Path(path), f'unix:{path}'):
            with self.subTest(address=address), Mp.Listener(address) as listener:
                self.assertEqual(listener.address, path)
                self.assertTrue(os.path.exists(path))
                with Mp.Client(listener.address) as client, listener.accept(DEADLINE) as server:
                    client.send(1)
                    self.assertEqual(server.recv(), 1)
        with Mp.Listener(f'unix-abstract:{path}') as listener:
            self.assertEqual(listener.address, b'\0' + os.fsencode(path))
            with Mp.Client(listener.address), listener.accept(DEADLINE):
                pass

    def test_processes_with_paths_that_are_not_utf8(self):
        folder, source, target = (os.path.join(self.folder, f'{name}{NOT_UTF8}') for name in 'abc')
        os.mkdir(folder)
        with open(source, 'wb') as file:
            file.write(b'input')
        process = Mp.Process(['/bin/sh', '-c', 'printf "%s\\n" "$1" "$A" "$PWD"; cat', 'sh', NOT_UTF8.encode(
            errors='surrogateescape')], cwd=folder, environment=[f'A={NOT_UTF8}'],
            stdin_file_path=source, stdout_file_path=os.fsencode(target))
        self.assertEqual(process.get_argv()[-1], NOT_UTF8)
        self.assertEqual(process.get_cwd(), folder)
        process.start()
        process.wait_check(DEADLINE)
        with open(target, 'rb') as file:
            self.assertEqual(file.read(), os.fsencode(f'{NOT_UTF8}\n{NOT_UTF8}\n{folder}\n') + b'input')

    def test_messages_about_paths_that_are_not_utf8(self):
        nowhere = f'/nowhere/{NOT_UTF8}'
        for case in (lambda: Mp.Client(nowhere), lambda: Mp.Listener(nowhere),
                     lambda: Mp.Process([nowhere]).start(),
                     lambda: Mp.Process(['/bin/true'], cwd=nowhere).start(),
                     lambda: Mp.Process(['/bin/true'], stdout_file_path=nowhere).start()):
            self.assertRaises(FileNotFoundError, case)
        with self.assertRaises(OSError):
            Mp.Client((NOT_UTF8, 1))

    def test_texts_with_nul(self):
        """The bindings would truncate them."""
        queue, (connection, _) = Mp.Queue(), Mp.Pipe()
        for case in (lambda: Mp.queue_open('local:a\0b'),
                     lambda: Mp.queue_open('local:', name='a\0b'),
                     lambda: Mp.Queue.open('local:a\0b', None),
                     lambda: Mp.Queue.open_async('local:a\0b', 0, None, None),
                     lambda: Mp.Queue.remove('local:a\0b', None),
                     lambda: Mp.JoinableQueue.open('local:a\0b', None),
                     lambda: Mp.Queue(name='a\0b'),
                     lambda: Mp.connect('unix:/a\0b', None, 0, None),
                     lambda: Mp.Connector(address='unix:/a\0b'),
                     lambda: Mp.Connector.new('unix:/a\0b', None),
                     lambda: Mp.inherit('a\0b'),
                     lambda: Mp.Process(['true']).give('a\0b', queue),
                     lambda: Mp.Message.new_json('1\0'),
                     lambda: queue.put_json('1\0', 0, None),
                     lambda: queue.set_codec('a\0b'),
                     lambda: connection.send_json('1\0', -1, None)):
            self.assertRaisesRegex(ValueError, 'embedded null', case)
        self.assertTrue(queue.empty())

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
