# SPDX-License-Identifier: LGPL-2.1-or-later
"""Large buffers, which are sent outside the pickle."""

import asyncio
import multiprocessing.connection
import pickle
import socket
import threading
import unittest
from itertools import product

import helping
import mproc

from gi.repository import GLib, Mp

try:
    import numpy
except ImportError:
    numpy = None


class Frame:
    """Several arrays, as in a data frame."""

    def __init__(self, columns):
        self.columns = columns


class Buffered:
    """An object with a buffer, which does not need numpy."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return Buffered, (pickle.PickleBuffer(self.data),)


def double(requests, answers):
    while (frame := requests.get()) is not None:
        for column in frame.columns:
            column *= 2
        answers.put(frame)


def answer(connection):
    while (value := connection.recv()) is not None:
        connection.send(value)


def get_codec(queue):
    message = queue.get_message(-1, None)
    return message.get_codec() if message.get_format() == Mp.Format.OPAQUE else None


class TestBuffers(helping.TestCase):
    def test_any_object(self):
        for size in (0, 100, 20000, 3000000):
            data = bytes(range(256)) * (size // 256)
            for queue in (mproc.Queue(), Mp.Queue(codec=pickle), mproc.JoinableQueue()):
                queue.put([Buffered(bytearray(data)), 'text', Buffered(data)])
                first, text, second = queue.get()
                self.assertEqual((bytes(first.data), text, bytes(second.data)), (data, 'text', data))
                self.assertFalse(memoryview(first.data).readonly)

    def test_only_large_ones_are_beside(self):
        queue = mproc.Queue()
        for size, codec in ((16383, 'pickle'), (16384, 'pickle+buffers')):
            queue.put(Buffered(bytes(size)))
            self.assertEqual(get_codec(queue._queue), codec)

    def test_others_leave_them_queued(self):
        queue = Mp.Queue(codec=pickle)
        queue.put(Buffered(bytes(20000)))
        queue.codec = None
        with self.assertRaises(TypeError):
            queue.get()
        queue.codec = pickle
        self.assertEqual(bytes(queue.get().data), bytes(20000))

    def test_order_among_others(self):
        queue = mproc.Queue()
        for value in (1, Buffered(b'x' * 50000), 2, b'y' * 50000, Buffered(b'z' * 50000)):
            queue.put(value)
        got = [queue.get() for _ in range(5)]
        self.assertEqual([got[0], got[2]], [1, 2])
        self.assertEqual([bytes(got[1].data), got[3], bytes(got[4].data)],
                         [b'x' * 50000, b'y' * 50000, b'z' * 50000])

    def test_limits(self):
        queue = mproc.Queue(1)
        queue.put(Buffered(bytes(50000)))
        with self.assertRaises(mproc.queues.Full):
            queue.put(Buffered(bytes(50000)), timeout=0.01)
        queue.get()
        with self.assertRaises(mproc.queues.Empty):
            queue.get(timeout=0.01)

    def test_tasks(self):
        queue = mproc.JoinableQueue()
        queue.put(Buffered(bytes(50000)))
        with queue.get_task() as task:
            self.assertEqual(bytes(task.value.data), bytes(50000))
        queue.join(helping.DEADLINE)

    def test_asyncio(self):
        async def main():
            queue = mproc.Queue(1)
            await queue.put_async(1)
            waiting = asyncio.ensure_future(queue.put_async(Buffered(bytes(50000))))
            await asyncio.sleep(0)
            self.assertEqual(await queue.get_async(), 1)
            await waiting
            self.assertEqual(bytes((await queue.get_async()).data), bytes(50000))

        asyncio.run(main())

    def test_connections(self):
        first, second = mproc.Pipe()
        first.send(Buffered(bytes(50000)))
        self.assertEqual(bytes(second.recv().data), bytes(50000))

    def test_pipes_of_children(self):
        for method in ('fork', 'spawn'):
            first, second = mproc.Pipe()
            child = self.start(answer, second, method=method)
            second.close()
            # More than the kernel holds, and more pieces than one call sends.
            sent = [Buffered(bytes([number % 256]) * 20000) for number in range(300)]
            first.send(sent)
            got = first.recv()
            self.assertEqual([bytes(one.data) for one in got], [one.data for one in sent])
            first.send(None)
            self.finish(child)

    def test_peers_with_multiprocessing(self):
        ours, theirs = socket.socketpair()
        ours = mproc.connection.Connection(ours.detach())
        theirs = multiprocessing.connection.Connection(theirs.detach())
        for sender, receiver, value in ((ours, theirs, [bytearray(3000000), 'x']), (theirs, ours, [b'y' * 3000000])):
            thread = threading.Thread(target=sender.send, args=(value,))
            thread.start()
            self.assertEqual(receiver.recv(), value)
            thread.join()
        thread = threading.Thread(target=ours.send, args=(Buffered(b'x' * 3000000),))
        thread.start()
        self.assertEqual(bytes(theirs.recv().data), b'x' * 3000000)
        thread.join()
        ours.close()

    def test_interrupted_send(self):
        first, second = mproc.Pipe()
        value = Buffered(b'x' * 30000000)
        with self.assertRaises(helping.Interrupted), helping.signal_after(0.05):
            first.send(value)
        # What was begun, if the signal did not come before, is sent completely.
        thread = threading.Thread(target=first.send, args=(5,))
        thread.start()
        if (got := second.recv()) != 5:
            self.assertEqual(bytes(got.data), value.data)
            self.assertEqual(second.recv(), 5)
        thread.join()


@unittest.skipUnless(numpy, 'numpy is not installed')
class TestArrays(helping.TestCase):
    def test_another_process(self):
        requests, answers = mproc.Queue(), mproc.Queue()
        self.start(double, requests, answers)
        columns = [numpy.arange(100000.0), numpy.ones((300, 50), dtype='i4'), numpy.arange(10)]
        requests.put(Frame(columns))
        got = answers.get(timeout=helping.DEADLINE)
        for before, after in zip(columns, got.columns):
            self.assertEqual((before.dtype, before.shape), (after.dtype, after.shape))
            self.assertTrue((before * 2 == after).all())
            self.assertTrue(after.flags.writeable)
        for after in got.columns[:2]:
            self.assertEqual(after.ctypes.data % 64, 0)
        requests.put(None)

    def test_kept_alone(self):
        queue = mproc.Queue()
        for _ in range(20):
            queue.put([numpy.full(50000, 7), numpy.full(50000, 8)])
        arrays = [queue.get()[1] for _ in range(20)]
        self.assertTrue(all((array == 8).all() for array in arrays))

    def test_numbers_are_a_variant(self):
        queue = mproc.Queue()
        numbers = numpy.arange(6, dtype='>i2').reshape(2, 3)
        queue.put(numbers)
        message = queue._queue.get_message(-1, None)
        self.assertEqual(message.get_variant().get_type_string(), '(a{sv}ay)')
        description, data = message.get_variant().unpack()
        self.assertEqual((description['ndarray'], description['shape']), ('>i2', [2, 3]))
        self.assertEqual(bytes(data), numbers.tobytes())

    def test_numbers_for_plain_readers(self):
        queue = Mp.Queue(codec=pickle)
        queue.put(numpy.arange(3.0))
        queue.codec = None
        description, data = queue.get()
        self.assertEqual((description['ndarray'], description['shape'], len(data)), ('<f8', [3], 24))

    def test_numbers_of_others(self):
        queue = mproc.Queue()
        array = GLib.Variant('(a{sv}ay)', ({'shape': GLib.Variant('at', [2]), 'ndarray': GLib.Variant('s', '<u2'),
                                            'x': GLib.Variant('s', 'any')}, bytes([1, 0, 2, 1])))
        nothing = GLib.Variant('(a{sv}ay)', ({'shape': GLib.Variant('at', [2])}, b''))
        for variant in (array, nothing, GLib.Variant('i', 5)):
            queue._queue.put(variant)
        got = queue.get()
        self.assertEqual((got.dtype.str, got.tolist()), ('<u2', [1, 258]))
        got += 1
        self.assertEqual(queue.get(), ({'shape': [2]}, b''))
        self.assertEqual(queue.get(), 5)

    def test_dtypes_and_orders(self):
        queue = mproc.Queue()
        kinds = ['|b1', '|i1', '|u1', *map(''.join, product('<>', ('i2', 'u4', 'i8', 'f2', 'f4', 'f8', 'c8', 'c16')))]
        for kind, shape, order in product(kinds, ((), (1,), (7,), (3, 5), (40, 50, 3)), 'CF'):
            array = numpy.ones(shape, kind, order)
            array.flat[-1] = 0
            queue.put(array)
            self.assertIsNone(get_codec(queue._queue))
            queue.put(array)
            got = queue.get()
            self.assertEqual((got.dtype, got.shape, got.strides), (array.dtype, array.shape, array.strides))
            self.assertTrue((got == array).all())
            self.assertTrue(got.flags.writeable)

    def test_ways_of_numbers(self):
        array = numpy.arange(50000.0)
        for queue in (mproc.Queue(1), mproc.JoinableQueue(1), Mp.Queue(1, codec=pickle)):
            queue.put(array)
            with self.assertRaises(mproc.queues.Full):
                queue.put(array, timeout=0.01)
            self.assertTrue((queue.get() == array).all())
            queue.put_many([array])
            self.assertTrue((queue.get_many()[0] == array).all())
        queue = mproc.JoinableQueue()
        queue.put(array)
        with queue.get_task() as task:
            self.assertTrue((task.value == array).all())

        async def main():
            queue = mproc.Queue(1)
            await queue.put_async(array)
            waiting = asyncio.ensure_future(queue.put_async(array + 1))
            await asyncio.sleep(0)
            self.assertTrue((await queue.get_async() == array).all())
            await waiting
            self.assertTrue((await queue.get_async() == array + 1).all())

        asyncio.run(main())
        queue = mproc.Queue(1)
        queue.put(0)
        future = Mp.run_coroutine(queue._queue.put_async(array))
        context = GLib.MainContext.default()
        while context.iteration(False):
            pass
        self.assertEqual(queue.get(), 0)
        while not future.done():
            context.iteration(True)
        self.assertTrue((queue.get() == array).all())

    def test_numbers_among_many(self):
        queue = mproc.Queue()
        queue.put_many([1, numpy.arange(3), 2, numpy.arange(4), Buffered(bytes(50000)), 3])
        got = []
        while not queue.empty():
            got += queue.get_many()
        self.assertEqual([got[0], got[2], got[5]], [1, 2, 3])
        self.assertEqual([got[1].tolist(), got[3].tolist(), bytes(got[4].data)],
                         [[0, 1, 2], [0, 1, 2, 3], bytes(50000)])

    def test_pipe(self):
        first, second = mproc.Pipe()
        columns = [numpy.arange(300000.0), numpy.ones((300, 50), dtype='i4', order='F'), numpy.arange(10)]
        for sent in (Frame(columns), Frame(columns[:1])):
            thread = threading.Thread(target=first.send, args=(sent,))
            thread.start()
            got = second.recv()
            thread.join()
            for before, after in zip(sent.columns, got.columns):
                self.assertTrue((before == after).all())
                self.assertTrue(after.flags.writeable)
            self.assertEqual(got.columns[0].ctypes.data % 64, 0)

    def test_arrays_outlive_the_queue(self):
        queue = mproc.Queue()
        for number in range(20):
            queue.put(numpy.full(200000, number))
        arrays = [queue.get() for _ in range(20)]
        queue.close()
        del queue
        for array in arrays[::2]:
            array += 100
        self.assertEqual([int(array[-1]) for array in arrays],
                         [number + (0 if number % 2 else 100) for number in range(20)])

    def test_kinds_of_arrays(self):
        queue = mproc.Queue()
        whole = numpy.arange(60000).reshape(200, 300)
        frozen = whole.copy()
        frozen.flags.writeable = False
        for array in (whole, whole.T, whole[::2, ::3], frozen, whole.astype('M8[s]'), whole.astype(object),
                      numpy.asfortranarray(whole)):
            queue.put(array)
            got = queue.get()
            self.assertTrue((got == array).all())
            self.assertEqual((got.dtype, got.shape), (array.dtype, array.shape))


if __name__ == '__main__':
    unittest.main()
