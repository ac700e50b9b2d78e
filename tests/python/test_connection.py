# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mp.Pipe and Mp.Connection as Python programs use them."""

import array
import asyncio
import multiprocessing
import multiprocessing.connection
import os
import pickle
import select
import signal
import socket
import time
import unittest

from helping import DEADLINE, METHODS, Interrupted, TestCase, iterate_until, signal_when, wait_until

from gi.repository import Gio, GLib, Mp

from test_queue import VALUES, Point, codec


def echo(connection):
    while True:
        try:
            connection.send(connection.recv())
        except EOFError:
            return


def answer_calls(connection, other):
    other.close()
    later, loop = [], GLib.MainLoop()

    def answer(connection, invocation):
        value = invocation.value
        if value == 'refuse':
            invocation.return_error(KeyError('nothing'))
        elif value == 'unheard':
            invocation.return_error(type('Unheard', (Exception,), {})('of'))
        elif value == 'later':
            later.append(invocation)
        elif value == 'leave':
            connection.close()
        else:
            invocation.return_value([value, type(value).__name__])

    connection.connect('called', answer)
    connection.connect('closed', lambda *ignored: loop.quit())
    connection.start()
    loop.run()


def send_and_wait(connection, values):
    for value in values:
        connection.send(value)
    connection.poll(None)


def read_later(connection, go, results):
    go.get()
    results.put(len(connection.recv_bytes()))
    results.put(connection.recv())


def echo_through_received(connection):
    values, results, pipe = [connection.recv_shareable() for _ in range(3)]
    results.put(values.get(timeout=DEADLINE))
    results.put(pipe.recv())


class TestConnection(TestCase):
    def pipe(self, duplex=True, **options):
        return Mp.Pipe(duplex, **options)

    def test_values(self):
        first, second = self.pipe()
        for value in VALUES + [b'x', {'nested': [(1, {2})]}]:
            with self.subTest(value=repr(value)[:40]):
                first.send(value)
                got = second.recv()
                self.assertEqual(got, value)
                self.assertIs(type(got), type(value))

    def test_unsupported(self):
        first, second = self.pipe()
        for value, name in ((lambda: 0, 'function'), (Point(1, 2), 'Point'), (range(3), 'range')):
            with self.assertRaisesRegex(TypeError, name):
                first.send(value)
        self.assertFalse(second.poll())

    def test_a_dangerous_pickle_is_refused(self):
        first, second = self.pipe()
        first.send_bytes(pickle.dumps(os.getcwd))
        with self.assertRaisesRegex(TypeError, 'getcwd'):
            second.recv()
        first.send_bytes(b'no pickle')
        with self.assertRaises(ValueError):
            second.recv()

    def test_codec(self):
        first, second = self.pipe(codec=codec('one'))
        first.send(Point(1, 2))
        self.assertEqual(second.recv(), Point(1, 2))

    def test_one_way(self):
        reader, writer = self.pipe(False)
        self.assertEqual((reader.readable, reader.writable), (True, False))
        self.assertEqual((writer.readable, writer.writable), (False, True))
        writer.send(1)
        self.assertEqual(reader.recv(), 1)
        for call in (lambda: reader.send(1), lambda: reader.send_bytes(b'')):
            with self.assertRaisesRegex(OSError, 'connection is read-only'):
                call()
        for call in (writer.recv, writer.recv_bytes, writer.poll,
                     lambda: writer.recv_bytes_into(bytearray(1))):
            with self.assertRaisesRegex(OSError, 'connection is write-only'):
                call()

    def test_bytes(self):
        first, second = self.pipe()
        for buffer, expected in ((b'', b''), (b'abc', b'abc'), (bytearray(b'abc'), b'abc'),
                                 (memoryview(b'abcd')[::2], b'ac'),
                                 (array.array('i', [1, -2]), array.array('i', [1, -2]).tobytes())):
            first.send_bytes(buffer)
            self.assertEqual(second.recv_bytes(), expected)
        for arguments, expected in (((1,), b'bcdef'), ((1, 2), b'bc'), ((6,), b''), ((2, 0), b'')):
            first.send_bytes(b'abcdef', *arguments)
            self.assertEqual(second.recv_bytes(), expected)
        for arguments in ((-1,), (7,), (0, -1), (0, 7), (6, 1)):
            with self.assertRaises(ValueError):
                first.send_bytes(b'abcdef', *arguments)
        for wrong in ('text', 1, None, [1]):
            with self.assertRaises(TypeError):
                first.send_bytes(wrong)
        self.assertFalse(second.poll())

    def test_maximum_length(self):
        first, second = self.pipe()
        first.send_bytes(b'abc')
        self.assertEqual(second.recv_bytes(3), b'abc')
        with self.assertRaisesRegex(ValueError, 'negative maxlength'):
            second.recv_bytes(-1)
        first.send_bytes(b'abcd')
        with self.assertRaises(OSError):
            second.recv_bytes(3)
        self.assertFalse(second.readable)
        second.send(1)
        self.assertEqual(first.recv(), 1)

    def test_recv_bytes_into(self):
        first, second = self.pipe()
        buffer = array.array('b', [0] * 10)
        for offset in (0, 3, 7):
            first.send_bytes(b'abc')
            self.assertEqual(second.recv_bytes_into(buffer, offset), 3)
            self.assertEqual(buffer.tobytes()[offset:offset + 3], b'abc')
        first.send_bytes(b'')
        self.assertEqual(second.recv_bytes_into(buffer, 10), 0)
        with self.assertRaisesRegex(ValueError, 'negative offset'):
            second.recv_bytes_into(buffer, -1)
        with self.assertRaisesRegex(ValueError, 'offset too large'):
            second.recv_bytes_into(buffer, 11)

        first.send_bytes(b'x' * 11)
        with self.assertRaises(multiprocessing.BufferTooShort) as caught:
            second.recv_bytes_into(buffer)
        self.assertEqual(caught.exception.args, (b'x' * 11,))
        first.send('next')
        with self.assertRaises(TypeError):
            second.recv_bytes_into(b'read-only')
        self.assertEqual(second.recv(), 'next')

    def test_closed(self):
        first, second = self.pipe()
        first.send('last')
        with first:
            pass
        first.close()
        self.assertTrue(first.closed)
        for call in (first.recv, first.recv_bytes, first.poll, first.fileno, lambda: first.send(1),
                     lambda: first.send_bytes(b''), lambda: Mp.wait([first], 0)):
            with self.assertRaisesRegex(OSError, 'handle is closed'):
                call()
        self.assertTrue(second.poll())
        self.assertEqual(second.recv(), 'last')
        self.assertTrue(second.poll())
        for call in (second.recv, second.recv_bytes, lambda: second.recv_bytes_into(bytearray(1))):
            with self.assertRaises(EOFError):
                call()
        with self.assertRaises(BrokenPipeError):
            second.send(1)

    def test_poll(self):
        first, second = self.pipe()
        self.assertIs(second.poll(), False)
        self.assertIs(second.poll(-1), False)
        begin = time.monotonic()
        self.assertIs(second.poll(0.1), False)
        self.assertGreaterEqual(time.monotonic() - begin, 0.1)
        first.send_bytes(b'')
        self.assertIs(second.poll(None), True)
        self.assertIs(second.poll(DEADLINE), True)

    def test_closed(self):
        first, second = Mp.Pipe()
        seen = []
        second.connect('notify::closed', lambda *ignored: seen.append(second.closed))
        second.connect('closed', lambda connection, reason: seen.append(reason))
        second.connect('message', lambda connection, message: seen.append(message.get_variant().unpack()))
        second.start()
        first.send(1)
        first.close()
        wait_until(lambda: GLib.MainContext.default().iteration(True) and len(seen) == 3)
        self.assertEqual(seen[:2], [1, True])
        self.assertTrue(seen[2].matches(Mp.Error.quark(), Mp.Error.END_OF_STREAM))
        first.connect('closed', lambda connection, reason: seen.append(reason))
        first.close()
        third, fourth = Mp.Pipe()
        third.connect('closed', lambda connection, reason: seen.append(reason))
        third.close()
        self.assertEqual(seen[3:], [None])

    def serve(self):
        """Returns a connection whose peer is a process that answers calls."""
        first, second = Mp.Pipe()
        child = self.start(answer_calls, second, first)
        second.close()
        self.addCleanup(first.close)
        return first, child

    def test_call(self):
        connection, child = self.serve()
        for value in (None, 7, 'text', [1, (2, 3)], {'a': {1, 2}}, 1 << 100, b'bytes', bytearray(b'b')):
            self.assertEqual(connection.call(value), [value, type(value).__name__])
        with self.assertRaisesRegex(KeyError, 'nothing'):
            connection.call('refuse')
        with self.assertRaisesRegex(RuntimeError, 'Unheard: of'):
            connection.call('unheard')
        with self.assertRaises(TimeoutError):
            connection.call('later', timeout=0.01)
        self.assertInterrupted(connection.call, 'later')
        connection.send('ordinary')
        self.assertEqual(connection.call(1), [1, 'int'])
        connection.close()
        self.assertRaises(OSError, connection.call, 1)
        self.finish(child)

    def test_call_async(self):
        connection, child = self.serve()

        async def main():
            answers = await asyncio.gather(*(connection.call_async(i) for i in range(100)))
            self.assertEqual(answers, [[i, 'int'] for i in range(100)])
            slow = asyncio.ensure_future(connection.call_async('later'))
            large = 'x' * 1_000_000
            self.assertEqual(await connection.call_async(large), [large, 'str'])
            with self.assertRaises(TimeoutError):
                await connection.call_async('later', timeout=0.01)
            with self.assertRaises(KeyError):
                await connection.call_async('refuse')
            slow.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await slow
            waiting = asyncio.ensure_future(connection.call_async('leave'))
            with self.assertRaises(EOFError):
                await waiting

        asyncio.run(main())
        child.join()

    def test_call_on_main_loop(self):
        connection, child = self.serve()
        future = Mp.run_coroutine(connection.call_async('a'))
        wait_until(lambda: GLib.MainContext.default().iteration(True) and future.done())
        self.assertEqual(future.result(), ['a', 'str'])
        connection.close()
        self.finish(child)

    def test_calls_out_of_order_and_cancelled(self):
        first, second = self.pipe()
        calls, answers = [], []
        context = GLib.MainContext.default()
        second.connect('called', lambda connection, call: calls.append(call))
        second.start()

        def answered(connection, result):
            try:
                answers.append(connection.call_finish(result).unpack())
            except Exception as error:
                answers.append(error)

        cancellable = Gio.Cancellable()
        for i in range(3):
            first.call_async(GLib.Variant('i', i), -1, GLib.PRIORITY_DEFAULT, cancellable if i == 1 else None, answered)
        wait_until(lambda: context.iteration(True) and len(calls) == 3)
        calls[2].return_value(calls[2].value)
        wait_until(lambda: context.iteration(True) and answers)
        cancellable.cancel()
        wait_until(lambda: context.iteration(True) and calls[1].get_cancellable().is_cancelled())
        self.assertFalse(calls[0].get_cancellable().is_cancelled())
        calls[1].return_value('too late')
        calls[0].return_error(GLib.Error.new_literal(Gio.io_error_quark(), 'no', Gio.IOErrorEnum.EXISTS))
        wait_until(lambda: context.iteration(True) and len(answers) == 3)
        self.assertEqual(answers[0], 2)
        self.assertTrue(answers[1].matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))
        self.assertIsInstance(answers[2], FileExistsError)

    def test_a_cancelled_coroutine_cancels_its_call(self):
        first, second = self.pipe()
        calls = []
        context = GLib.MainContext.default()
        second.connect('called', lambda connection, call: calls.append(call))
        second.start()

        async def main():
            call = asyncio.ensure_future(first.call_async('never'))
            while not calls:
                await asyncio.sleep(0)
                context.iteration(False)
            call.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await call

        asyncio.run(main())
        wait_until(lambda: context.iteration(True) and calls[0].get_cancellable().is_cancelled())

    def test_call_of_plain_python(self):
        """A program that uses only multiprocessing makes and answers calls."""
        ours, theirs = socket.socketpair()
        connection = Mp.Connection(ours.detach())
        plain = multiprocessing.connection.Connection(theirs.detach())
        self.addCleanup(plain.close)
        self.addCleanup(connection.close)
        plain.send(('mp:call', 7, {'a': [1]}))
        connection.connect('called', lambda connection, call: call.return_value([call.value, (1, 2)]))
        connection.start()
        wait_until(lambda: GLib.MainContext.default().iteration(True) and plain.poll())
        self.assertEqual(plain.recv(), ('mp:return', 7, [{'a': [1]}, (1, 2)]))
        future = Mp.run_coroutine(connection.call_async({'b'}))
        wait_until(lambda: GLib.MainContext.default().iteration(False) or plain.poll(0.01))
        kind, number, value = plain.recv()
        self.assertEqual((kind, value), ('mp:call', {'b'}))
        plain.send(['mp:error', number, 'python.ValueError', 0, 'too small'])
        wait_until(lambda: GLib.MainContext.default().iteration(True) and future.done())
        with self.assertRaisesRegex(ValueError, 'too small'):
            future.result()

    def test_signals_in_blocking_calls(self):
        first, second = self.pipe()
        self.assertInterrupted(second.recv)
        self.assertInterrupted(second.recv_bytes)
        self.assertInterrupted(second.recv_bytes_into, bytearray(9))
        self.assertInterrupted(second.recv_shareable)
        self.assertInterrupted(second.poll, None)
        self.assertInterrupted(Mp.wait, [first, second])
        self.assertInterrupted(first.send_bytes, b'x' * (1 << 22))

    def test_a_large_message_in_pieces(self):
        first, second = self.pipe()
        go, results = Mp.Queue(), Mp.Queue()
        child = self.start(read_later, second, go, results)
        with self.assertRaises(Interrupted), signal_when(lambda: select.select([second], [], [], DEADLINE)[0]):
            first.send_bytes(b'x' * (1 << 22))
        go.put(True)
        first.send('behind it')
        self.assertEqual(results.get(timeout=DEADLINE), 1 << 22)
        self.assertEqual(results.get(timeout=DEADLINE), 'behind it')
        self.finish(child)

    def test_16_mebibytes(self):
        first, second = self.pipe()
        child = self.start(echo, second)
        value = os.urandom(1 << 24)
        first.send(value)
        self.assertEqual(first.recv(), value)
        first.close()
        child.kill()

    def test_start_methods(self):
        for method in METHODS:
            with self.subTest(method=method):
                first, second = self.pipe()
                child = self.start(echo, second, method=method)
                second.close()
                for value in VALUES:
                    first.send(value)
                    self.assertEqual(first.recv(), value)
                if method != 'fork':
                    first.close()
                    self.finish(child)
                child.kill()

    def test_a_killed_peer(self):
        first, second = self.pipe()
        child = self.start(send_and_wait, second, [1, 2])
        second.close()
        self.assertEqual([first.recv(), first.recv()], [1, 2])
        child.kill()
        self.finish(child, -signal.SIGKILL)
        with self.assertRaises((EOFError, ConnectionResetError)):
            first.recv()

    def test_multiprocessing_at_the_other_end(self):
        theirs, other = multiprocessing.Pipe()
        ours = Mp.Connection(os.dup(other.fileno()))
        for value in VALUES:
            ours.send(value)
            self.assertEqual(theirs.recv(), value)
            theirs.send(value)
            self.assertEqual(ours.recv(), value)
        theirs.send_bytes(b'raw')
        self.assertEqual(ours.recv_bytes(), b'raw')

    def test_queues_and_connections_travel(self):
        first, second = self.pipe()
        child = self.start(echo_through_received, second)
        values, results, (ours, theirs) = Mp.Queue(), Mp.JoinableQueue(), self.pipe()
        for shareable in (values, results, theirs):
            first.send_shareable(shareable)
        values.put('by queue')
        self.assertEqual(results.get(timeout=DEADLINE), 'by queue')
        ours.send('by pipe')
        self.assertEqual(results.get(timeout=DEADLINE), 'by pipe')
        self.finish(child)

    def test_constructor(self):
        with self.assertRaises(ValueError):
            Mp.Connection(-1)
        with self.assertRaises(ValueError):
            Mp.Connection(0, readable=False, writable=False)

    def test_async(self):
        def run_glib(coroutine):
            future = Mp.run_coroutine(coroutine)
            context = GLib.MainContext.default()
            wait_until(lambda: future.done() or context.iteration(False) and False)
            return future.result()

        async def talk(connection):
            for value in ['first', b'second', b'x' * 1000000, [3]]:
                await connection.send_async(value)
                self.assertEqual(await connection.recv_async(), value)

        for run in (asyncio.run, run_glib):
            first, second = self.pipe()
            child = self.start(echo, second)
            run(talk(first))
            child.kill()

    def test_send_async_leaves_the_loop_alone(self):
        async def send_all(connection):
            for number in range(100):
                await connection.send_async(f'{number}' * 20000)

        async def main():
            first, second = Mp.Pipe()
            sending = asyncio.ensure_future(send_all(first))
            while not second.poll():
                await asyncio.sleep(0)
            self.assertFalse(sending.done())
            for number in range(100):
                self.assertEqual(await second.recv_async(), f'{number}' * 20000)
            await sending

        asyncio.run(asyncio.wait_for(main(), DEADLINE))

    def test_send_async_on_a_main_loop(self):
        async def send_all(connection):
            for number in range(100):
                await connection.send_async(f'{number}' * 20000)

        first, second = Mp.Pipe()
        future = Mp.run_coroutine(send_all(first))
        self.assertFalse(future.done())
        context = GLib.MainContext.default()
        for number in range(100):
            wait_until(lambda: second.poll() or context.iteration(False) and False)
            received = Mp.run_coroutine(second.recv_async())
            wait_until(lambda: received.done() or context.iteration(False) and False)
            self.assertEqual(received.result(), f'{number}' * 20000)
        wait_until(lambda: future.done() or context.iteration(False) and False)
        self.assertIsNone(future.result())

    def test_a_callback_that_iterates_the_main_loop(self):
        first, second = Mp.Pipe()
        sent = []

        def send_another(*ignored):
            first.send_async(GLib.Variant('i', 2), GLib.PRIORITY_DEFAULT, None, lambda *ignored: sent.append('inner'))
            iterate_until(lambda: sent)
            sent.append('outer')

        first.send_async(GLib.Variant('i', 1), GLib.PRIORITY_DEFAULT, None, send_another)
        iterate_until(lambda: 'outer' in sent)
        self.assertEqual(sent, ['inner', 'outer'])
        second.close()


class TestWait(TestCase):
    def test_order(self):
        pipes = [Mp.Pipe(False) for _ in range(5)]
        readers = [reader for reader, _ in pipes]
        self.assertEqual(Mp.wait(readers, 0), [])
        for index in (3, 1):
            pipes[index][1].send(index)
        self.assertEqual(Mp.wait(readers, DEADLINE), [readers[1], readers[3]])
        self.assertEqual(Mp.wait(iter(reversed(readers))), [readers[3], readers[1]])
        pipes[0][1].close()
        self.assertIn(readers[0], Mp.wait(readers))

    def test_anything(self):
        theirs, peer = multiprocessing.Pipe()
        read_fd, write_fd = os.pipe()
        values = Mp.Queue()
        child = self.start(time.sleep, 0)
        process = Mp.Process(['true'])
        process.start()
        self.addCleanup(os.close, read_fd)
        self.addCleanup(os.close, write_fd)
        everything = [theirs, read_fd, values, child.sentinel, process]
        peer.send(1)
        os.write(write_fd, b'x')
        values.put(1)
        wait_until(lambda: len(Mp.wait(everything, DEADLINE)) == 5)
        self.assertEqual(Mp.wait(everything), everything)

    def test_timeouts(self):
        first, second = Mp.Pipe()
        for objects in ([], [first, second]):
            begin = time.monotonic()
            self.assertEqual(Mp.wait(objects, 0.1), [])
            self.assertGreaterEqual(time.monotonic() - begin, 0.1)
            self.assertEqual(Mp.wait(objects, -1), [])
        self.assertInterrupted(Mp.wait, [])

    def test_wrong_objects(self):
        first, second = Mp.Pipe()
        with self.assertRaises(KeyError):
            Mp.wait([first, first])
        with self.assertRaises((ValueError, AttributeError, TypeError)):
            Mp.wait(['text'])


if __name__ == '__main__':
    unittest.main()
