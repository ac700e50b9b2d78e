# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections and listeners that meet forks, foreign loops and shared ends."""

import gc
import multiprocessing
import multiprocessing.connection
import os
import select
import selectors
import signal
import sys
import threading
import unittest

from helping import DEADLINE, TestCase, wait_until

from gi.repository import Mp

KEY = b'a key'
fork = multiprocessing.get_context('fork')


def in_child(function, *arguments):
    """Runs @function in a forked child, which ends as Python programs end; returns its exit code."""
    process = fork.Process(target=function, args=arguments)
    process.start()
    process.join(DEADLINE)
    return process.exitcode


class TestSharedEnds(TestCase):
    """What CPython's connections do, which read no byte too many."""

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


if __name__ == '__main__':
    unittest.main()
