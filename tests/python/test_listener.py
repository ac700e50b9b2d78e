# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mp.Listener and Mp.Client, with each other and with multiprocessing."""

import asyncio
import errno
import multiprocessing
import multiprocessing.connection
import os
import select
import socket
import struct
import tempfile
import threading
import unittest
from queue import Empty

from helping import DEADLINE, TestCase

from gi.repository import Gio, Mp

KEY = b'secret_key'
# By its number: a minimal Debian knows no name for it, and multiprocessing resolves it.
ADDRESSES = (None, ('127.0.0.1', 0), '\0mproc-glib-test-%d' % os.getpid())


def talk(client, address, key, results):
    try:
        with client(address, authkey=key) as connection:
            connection.send({'hello': [1, b'2']})
            results.put(connection.recv())
    except Exception as error:
        results.put(f'{type(error).__name__}: {error}')


class TestListener(TestCase):
    def listener(self, *arguments, make=Mp.Listener, **options):
        listener = make(*arguments, **options)
        self.addCleanup(listener.close)
        return listener

    def test_peers(self):
        theirs = multiprocessing.connection
        for make, client in ((Mp.Listener, Mp.Client), (Mp.Listener, theirs.Client),
                             (theirs.Listener, Mp.Client)):
            for address in ADDRESSES:
                for key in (None, KEY):
                    with self.subTest(make=make, client=client, address=address, key=key):
                        results = Mp.Queue()
                        with make(address, authkey=key) as listener:
                            child = self.start(talk, client, listener.address, key, results)
                            with listener.accept() as connection:
                                self.assertEqual(connection.recv(), {'hello': [1, b'2']})
                                connection.send('welcome')
                                self.assertEqual(results.get(timeout=DEADLINE), 'welcome')
                        self.finish(child)

    def test_addresses(self):
        listener = self.listener(('localhost', 0))
        self.assertEqual(listener.address[0], '127.0.0.1')
        self.assertGreater(listener.address[1], 0)
        self.assertIsNone(listener.last_accepted)
        with Mp.Client(listener.address), listener.accept():
            self.assertEqual(listener.last_accepted[0], '127.0.0.1')
        self.assertIsInstance(self.listener(family='AF_INET').address, tuple)
        self.assertIsInstance(self.listener(family='AF_UNIX').address, str)

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'socket')
            listener = self.listener(path)
            self.assertEqual(listener.address, path)
            with Mp.Client(path), listener.accept():
                self.assertEqual(listener.last_accepted, '')
            with self.assertRaises(OSError):
                self.listener(path)
            listener.close()
            self.assertFalse(os.path.exists(path))
            with self.assertRaises(FileNotFoundError):
                Mp.Client(path)
            with self.assertRaises(OSError):
                self.listener('/tmp/' + 'x' * 108)

        name = '\0mproc-glib-address-%d' % os.getpid()
        self.assertEqual(self.listener(name).address, os.fsencode(name))

    def test_wrong_arguments(self):
        for address, family in ((r'\\.\pipe\x', None), (1, None), (None, 'AF_PIPE'), (['a'], None)):
            with self.assertRaises(ValueError):
                Mp.Listener(address, family)
            with self.assertRaises(ValueError):
                Mp.Client(address, family)
        for key in ('text', bytearray(b'x'), 1):
            with self.assertRaisesRegex(TypeError, 'authkey should be a byte string'):
                Mp.Listener(authkey=key)
            with self.assertRaisesRegex(TypeError, 'authkey should be a byte string'):
                Mp.Client('/no/such', authkey=key)

    def test_refused(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            with self.assertRaises(ConnectionRefusedError):
                Mp.Client(free.getsockname())

    def test_wrong_key(self):
        listener, results = self.listener(authkey=KEY), Mp.Queue()
        for client in (Mp.Client, multiprocessing.connection.Client):
            child = self.start(talk, client, listener.address, b'wrong', results)
            with self.assertRaises(multiprocessing.AuthenticationError):
                listener.accept()
            self.assertIn('AuthenticationError', results.get(timeout=DEADLINE))
            self.finish(child)
        child = self.start(talk, Mp.Client, listener.address, KEY, results)
        with listener.accept() as connection:
            self.assertEqual(connection.recv(), {'hello': [1, b'2']})

    def test_exceptions(self):
        """The exceptions that programs expect of sockets, never GLib's errors."""
        bad = os.dup(0)
        os.close(bad)
        for kind, function, *arguments in (
                (OSError, Mp.Client, ('host.invalid', 1)),
                (OSError, Mp.connect, 'tcp:host.invalid:1', None, -1, None),
                (OSError, Mp.Client, '/tmp/\udcff'),
                (OSError, Mp.Client, ('\udcff', 1)),
                (ValueError, Mp.Listener, '/tmp/a\0b'),
                (ValueError, Mp.Client, '\0a\0b'),
                (ValueError, Mp.Client, ('a\0b', 1)),
                (ValueError, Mp.Listener, None, 'AF_BLUETOOTH')):
            with self.subTest(function=function.__name__, arguments=arguments):
                self.assertRaises(kind, function, *arguments)
        queue = Mp.Queue()
        for function, *arguments in ((queue.get_message,), (queue.get_json,)):
            self.assertRaises(Empty, function, *arguments, 0, None)
        first, _ = Mp.Pipe()
        first.close()
        self.assertRaises(OSError, first.recv_message, -1, None)

    def test_numbers(self):
        """The class and the number of an error are those that sockets raise."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        file = os.path.join(folder, 'file')
        with open(file, 'w', encoding='utf-8'):
            pass
        bad = os.dup(0)
        os.close(bad)
        for kind, number, function, *arguments in (
                (OSError, errno.EADDRNOTAVAIL, Mp.Listener, ('192.0.2.1', 0)),
                (OSError, errno.EBADF, Mp.Connection, bad),
                (NotADirectoryError, errno.ENOTDIR, Mp.Client, os.path.join(file, 'socket')),
                (NotADirectoryError, errno.ENOTDIR, Mp.Listener, os.path.join(file, 'socket')),
                (FileNotFoundError, errno.ENOENT, Mp.Client, os.path.join(folder, 'socket')),
                (ConnectionRefusedError, errno.ECONNREFUSED, Mp.Client, file)):
            with self.subTest(function=function.__name__, arguments=arguments):
                with self.assertRaises(kind) as caught:
                    function(*arguments)
                self.assertIs(type(caught.exception), kind)
                self.assertEqual(caught.exception.errno, number)

    def test_reset(self):
        """GLib has the same code for a connection that was reset and for one that was closed."""
        listener = self.listener(('127.0.0.1', 0))
        for function, *arguments in (('recv',), ('send', 1)):
            with self.subTest(function=function), socket.create_connection(listener.address) as peer:
                with listener.accept() as connection:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    peer.close()
                    select.select([connection.fileno()], [], [], DEADLINE)
                    with self.assertRaises(ConnectionResetError):
                        getattr(connection, function)(*arguments)

    def test_families(self):
        for family in (None, 'AF_UNIX', 'AF_INET', 'AF_INET6'):
            if family == 'AF_INET6' and not os.path.exists('/proc/net/if_inet6'):
                continue
            with self.subTest(family=family):
                listener, results = self.listener(None, family, authkey=KEY), Mp.Queue()
                child = self.start(talk, Mp.Client, listener.address, KEY, results)
                with listener.accept() as connection:
                    connection.recv()
                    connection.send('in')
                self.assertEqual(results.get(timeout=DEADLINE), 'in')
                self.finish(child)

    def test_tls_refused(self):
        """A client that does not trust the certificate is treated like one without the key."""
        path = os.path.join(os.environ['G_TEST_SRCDIR'], 'tls', 'localhost.pem')
        certificate = Gio.TlsCertificate.new_from_file(path)
        listener = self.listener('tls:localhost:0', tls_certificate=certificate)
        failures = []

        def client():
            try:
                Mp.Client(listener.get_address())
            except OSError as error:
                failures.append(str(error))

        # In a thread and not in a forked child: GLib uses threads for name resolution and TLS
        # handshakes, which a forked child does not have.
        thread = threading.Thread(target=client)
        thread.start()
        with self.assertRaises(multiprocessing.AuthenticationError):
            listener.accept(DEADLINE)
        thread.join()
        self.assertRegex(failures[0], 'certificate')
        self.assertRaises(TimeoutError, listener.accept, 0.01)

    def test_empty_key(self):
        listener, results = self.listener(authkey=b''), Mp.Queue()
        child = self.start(talk, Mp.Client, listener.address, b'', results)
        with listener.accept() as connection:
            connection.recv()
            connection.send('in')
        self.assertEqual(results.get(timeout=DEADLINE), 'in')
        self.finish(child)

    def test_closed(self):
        listener = self.listener()
        with self.assertRaises(TimeoutError):
            listener.accept(timeout=0.01)
        listener.close()
        listener.close()
        with self.assertRaisesRegex(OSError, 'listener is closed'):
            listener.accept()

    def test_signals(self):
        listener = self.listener()
        self.assertInterrupted(listener.accept)
        # A client that waits for a result of the handshake that does not come.
        silent = socket.socket(socket.AF_UNIX)
        self.addCleanup(silent.close)
        silent.bind('\0mproc-glib-silent-%d' % os.getpid())
        silent.listen()
        self.assertInterrupted(Mp.Client, silent.getsockname(), None, KEY)

    def test_client_leaves_no_thread(self):
        def talk_and_count(address, answers):
            client = Mp.Client(address, authkey=KEY)
            client.send(1)
            answers.put(len(os.listdir('/proc/self/task')))

        for address in None, ('127.0.0.1', 0), ('localhost', 0):
            with self.subTest(address=address):
                listener, answers = self.listener(address, authkey=KEY), Mp.Queue()
                child = self.start(talk_and_count, listener.address, answers)
                self.assertEqual(listener.accept(DEADLINE).recv(), 1)
                self.assertEqual(answers.get(timeout=DEADLINE), 1)
                self.finish(child)

    def test_child_leaves_no_folder(self):
        def listen(answers):
            answers.put(Mp.Listener().address)

        answers = Mp.Queue()
        child = self.start(listen, answers)
        address = answers.get(timeout=DEADLINE)
        self.finish(child)
        self.assertFalse(os.path.exists(os.path.dirname(address)))

    def test_async(self):
        async def main():
            listener, results = self.listener(authkey=KEY), Mp.Queue()
            child = self.start(talk, Mp.Client, listener.address, KEY, results)
            connection = await listener.accept_async()
            self.assertEqual(await connection.recv_async(), {'hello': [1, b'2']})
            await connection.send_async('welcome')
            self.assertEqual(await results.get_async(), 'welcome')
            self.finish(child)

        asyncio.run(asyncio.wait_for(main(), DEADLINE))


if __name__ == '__main__':
    unittest.main()
