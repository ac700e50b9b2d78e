# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections and listeners with forks, other main loops and shared ends."""

import ctypes
import gc
import multiprocessing
import multiprocessing.connection
import os
import select
import selectors
import signal
import sys
import threading
import time
import unittest
import unittest.mock

from helping import DEADLINE, TestCase, wait_until

from gi.repository import GLib, Mp
from gi.overrides.Mp import forking

KEY = b'a key'
fork = multiprocessing.get_context('fork')


def in_child(function, *arguments):
    """Runs @function in a forked child, which ends as Python programs end; returns its exit code."""
    process = fork.Process(target=function, args=arguments)
    process.start()
    process.join(DEADLINE)
    return process.exitcode


class TestSharedEnds(TestCase):
    """The behaviour of CPython's connections, which read no byte beyond a message."""

    def test_one_message_for_each_event(self):
        first, second = Mp.Pipe()
        for i in range(12):
            first.send(i)
        got = []
        with selectors.DefaultSelector() as selector:
            selector.register(second, selectors.EVENT_READ)
            while len(got) < 12:
                self.assertTrue(selector.select(DEADLINE), got)
                got.append(second.recv())
        self.assertEqual(got, list(range(12)))

    def test_select_agrees_with_poll(self):
        first, second = Mp.Pipe()
        for value in (1, 'x' * 100_000, b''):
            first.send(value)
        for _ in range(3):
            self.assertTrue(second.poll())
            self.assertEqual(select.select([second], [], [], 0)[0], [second])
            second.recv()
        self.assertFalse(second.poll())
        self.assertEqual(select.select([second], [], [], 0)[0], [])

    def test_the_descriptor_has_the_rest(self):
        first, second = Mp.Pipe()
        for i in range(3):
            first.send(i)
        self.assertEqual(second.recv(), 0)
        again = multiprocessing.connection.Connection(os.dup(second.fileno()))
        self.assertEqual([again.recv(), again.recv()], [1, 2])
        again.close()

    def test_processes_take_turns_with_a_lock(self):
        tasks, mine = Mp.Pipe(False)
        results, theirs = Mp.Pipe(False)
        lock = fork.Lock()

        def do_one():
            with lock:
                task = tasks.recv()
            theirs.send(task)

        for i in range(20):
            mine.send(i)
        children = [fork.Process(target=do_one) for _ in range(20)]
        for child in children:
            child.start()
        got = []
        for _ in children:
            self.assertTrue(results.poll(DEADLINE), got)
            got.append(results.recv())
        self.assertEqual(sorted(got), list(range(20)))
        for child in children:
            child.join()

    def test_a_fork_after_the_first_message(self):
        first, second = Mp.Pipe()
        for i in range(4):
            first.send(i)
        self.assertEqual(second.recv(), 0)

        def take_one():
            sys.exit(second.recv())

        self.assertEqual(in_child(take_one), 1)
        self.assertEqual([second.recv(), second.recv()], [2, 3])
        self.assertFalse(second.poll())

    def test_reading_ahead_is_refused_where_it_shows(self):
        first, second = Mp.Pipe()
        second.props.read_ahead = True
        for i in range(3):
            first.send(i)
        self.assertEqual(second.recv(), 0)
        self.assertRaises(OSError, second.fileno)

        def receive():
            try:
                second.recv()
            except OSError:
                sys.exit(7)

        self.assertEqual(in_child(receive), 7)
        self.assertEqual([second.recv(), second.recv()], [1, 2])

    def test_a_part_of_a_message_is_the_parents(self):
        first, second = Mp.Pipe()
        os.write(first.fileno(), b'\0\0\0\5he')
        self.assertIsNone(Mp.Connection.try_recv_bytes(second, -1))

        def receive():
            try:
                second.recv_bytes()
            except OSError:
                sys.exit(7)

        self.assertEqual(in_child(receive), 7)
        os.write(first.fileno(), b'llo')
        self.assertEqual(second.recv_bytes(), b'hello')


class TestUnsentBytes(TestCase):
    def fill(self, connection):
        """Sends a message of which only a part fits; the rest is kept."""
        self.assertTrue(Mp.Connection.send_data(connection, bytes(4_000_000), 0, None))

    def test_a_child_does_not_send_them_again(self):
        first, second = Mp.Pipe()
        self.fill(first)

        def send():
            try:
                first.send_bytes(b'from the child')
            except OSError:
                sys.exit(7)

        self.assertEqual(in_child(send), 7)
        self.assertEqual(in_child(first.close), 0)
        self.assertEqual(in_child(lambda: None), 0)

        got = []
        thread = threading.Thread(target=lambda: got.extend([second.recv_bytes(), second.recv_bytes()]))
        thread.start()
        first.send_bytes(b'the end')
        thread.join(DEADLINE)
        self.assertEqual([len(got[0]), got[1]], [4_000_000, b'the end'])

    def test_a_child_may_send_whole_messages(self):
        first, second = Mp.Pipe()
        first.send(0)
        self.assertEqual(in_child(first.send, 1), 0)
        first.send(2)
        self.assertEqual([second.recv() for _ in range(3)], [0, 1, 2])


class TestListeners(TestCase):
    def tearDown(self):
        for child in self.workers:
            child.terminate()
            child.join()
        super().tearDown()

    def setUp(self):
        super().setUp()
        self.workers = []

    def start_workers(self, n, serve):
        self.workers = [fork.Process(target=serve) for _ in range(n)]
        for worker in self.workers:
            worker.start()

    def test_workers_accept_from_peers_with_a_key(self):
        for key in (None, KEY):
            with self.subTest(key=key), Mp.Listener(backlog=20, authkey=key) as listener:
                def serve(listener=listener):
                    while True:
                        with listener.accept() as connection:
                            connection.send(connection.recv() * 2)

                self.start_workers(3, serve)
                results = []

                def ask(i, address=listener.address, key=key, results=results):
                    with multiprocessing.connection.Client(address, authkey=key) as client:
                        client.send(i)
                        results.append(client.recv())

                for _ in range(20):
                    threads = [threading.Thread(target=ask, args=(i,)) for i in range(9)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join(DEADLINE)
                    self.assertEqual(sorted(results), list(range(0, 18, 2)))
                    results.clear()
                self.assertEqual([worker.is_alive() for worker in self.workers], [True] * 3)
                for worker in self.workers:
                    worker.terminate()
                    worker.join()

    def check_accepts(self, listener, key):
        answers = []

        def connect():
            with multiprocessing.connection.Client(listener.address, authkey=key) as client:
                answers.append(client.recv())

        thread = threading.Thread(target=connect)
        thread.start()
        with listener.accept(DEADLINE) as connection:
            connection.send('hello')
        thread.join(DEADLINE)
        self.assertEqual(answers, ['hello'])

    def test_a_child_leaves_the_listener_to_its_parent(self):
        def poll_and_exit(listener):
            Mp.wait([listener], 0)
            sys.exit(0)

        def finalize(listener):
            listener.run_dispose()
            gc.collect()

        for key in (None, KEY):
            with self.subTest(key=key), Mp.Listener(authkey=key) as listener:
                self.check_accepts(listener, key)
                for use in (Mp.Listener.close, poll_and_exit, finalize, lambda listener: os._exit(0)):
                    self.assertEqual(in_child(use, listener), 0)
                    self.assertFalse(Mp.wait([listener], 0))
                    self.check_accepts(listener, key)

    def test_a_child_drops_the_peers_of_its_parent(self):
        """A peer whose handshake was in progress at the fork gets the end of the stream when the
        parent is gone."""
        listener = Mp.Listener(authkey=KEY)
        client = multiprocessing.connection.Client(listener.address)
        self.assertFalse(Mp.wait([listener], 0))
        self.assertTrue(client.poll(DEADLINE))
        reader, writer = os.pipe()

        def stay():
            os.close(writer)
            os.read(reader, 1)

        child = fork.Process(target=stay)
        child.start()
        listener.close()
        with self.assertRaises(EOFError):
            for _ in range(2):
                self.assertTrue(client.poll(DEADLINE))
                client.recv_bytes()
        os.close(writer)
        child.join(DEADLINE)
        os.close(reader)

    def test_a_child_may_serve_alone(self):
        for key in (None, KEY):
            with self.subTest(key=key), Mp.Listener(authkey=key) as listener:
                self.check_accepts(listener, key)

                def serve(listener=listener):
                    for _ in range(2):
                        with listener.accept() as connection:
                            connection.send(os.getpid())

                child = self.start(serve)
                for _ in range(2):
                    with multiprocessing.connection.Client(listener.address, authkey=key) as client:
                        self.assertTrue(client.poll(DEADLINE))
                        self.assertEqual(client.recv(), child.pid)
                child.join(DEADLINE)

    def test_nobody_hoards(self):
        """Three workers serve three clients at the same time, in any order."""
        for key in (None, KEY):
            with self.subTest(key=key), Mp.Listener(backlog=20, authkey=key) as listener:
                def serve(listener=listener):
                    while True:
                        with listener.accept() as connection:
                            connection.send(os.getpid())
                            connection.poll(None)

                self.start_workers(3, serve)
                clients = []

                def connect(address=listener.address, key=key, clients=clients):
                    clients.append(multiprocessing.connection.Client(address, authkey=key))

                threads = [threading.Thread(target=connect) for _ in range(6)]
                for thread in threads:
                    thread.start()
                for _ in range(2):
                    wait_until(lambda: len(multiprocessing.connection.wait(clients, 0.05)) >= 3)
                    ready = multiprocessing.connection.wait(clients, 0)
                    self.assertEqual(len({client.recv() for client in ready}), 3)
                    for client in ready:
                        clients.remove(client)
                        client.close()
                for thread in threads:
                    thread.join(DEADLINE)
                for worker in self.workers:
                    worker.terminate()
                    worker.join()

    def test_a_silent_peer_does_not_hold_up_others(self):
        with Mp.Listener(backlog=20, authkey=KEY) as listener:
            silent = [multiprocessing.connection.Client(listener.address) for _ in range(10)]
            self.check_accepts(listener, KEY)
            for client in silent:
                client.close()

    def test_a_busy_listener_is_waited_for(self):
        with multiprocessing.connection.Listener(authkey=KEY) as listener:
            clients = []
            thread = threading.Thread(target=lambda: clients.append(
                Mp.Client(listener.address, authkey=KEY, handshake_timeout=1_000_000)))
            thread.start()
            thread.join(1.2)
            self.assertTrue(thread.is_alive())
            listener.accept().close()
            thread.join(DEADLINE)
            self.assertEqual(len(clients), 1)


libc = ctypes.CDLL(None)


def end_later(key, semaphore):
    """The thread waits for the semaphore after all that Python knows of, as if it held a lock of GLib then."""
    libc.pthread_setspecific(key, ctypes.byref(semaphore))


class TestEndedThreads(TestCase):
    def test_fork_after_join(self):
        """A thread that was joined still gives back memory under a lock of GLib."""
        if GLib.check_version(2, 76, 0) is None:
            self.skipTest('GLib has no such memory')
        key, semaphore = ctypes.c_uint(), (ctypes.c_long * 4)()
        self.assertEqual(libc.sem_init(semaphore, 0, 0), 0)
        self.assertEqual(libc.pthread_key_create(ctypes.byref(key), libc.sem_wait), 0)
        self.addCleanup(libc.pthread_key_delete, key)
        self.addCleanup(libc.sem_post, semaphore)
        thread = threading.Thread(target=end_later, args=(key, semaphore))
        thread.start()
        thread.join()
        task = f'/proc/self/task/{thread.native_id}'
        # As if the program had never had it.
        del thread
        self.assertTrue(os.path.exists(task))

        def let_it_end(seconds):
            libc.sem_post(semaphore)
            time.sleep(seconds)

        # It ends as soon as the fork waits for it.
        with unittest.mock.patch.multiple(forking, sleep=let_it_end, _LONGEST=DEADLINE):
            child = self.start(str)
        self.assertFalse(os.path.exists(task))
        self.finish(child)


if __name__ == '__main__':
    unittest.main()
