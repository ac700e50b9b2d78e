# SPDX-License-Identifier: LGPL-2.1-or-later
"""The definition of the benchmarks: sections of rows, and the targets."""

import dataclasses

LIMIT, OURS, PEER = 'limit', 'ours', 'peer'

ALL_SIZES = (16, 64, 1024, 65536, 1048576)
CONNECTION_SIZES = (64, 1024, 65536, 1048576)
ALL_SHAPES = (1, 2, 4)

# The size of a small dictionary is fixed.
DICT = (16,)

LANGUAGE_SIZES = (16, 1024, 65536)

PYTHON = 'python_peer.py'
LANGUAGES = 'language_peer.py'
ARRAYS = 'array_peer.py'

ARRAY_SIZES = (1048576, 67108864)


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    kind: str
    program: str
    mode: str
    sizes: tuple = (64,)
    shapes: tuple = (1,)
    consumers: bool = True
    first: int = 2000  # messages of the first, unmeasured run
    least: int = 64    # and of any other


@dataclasses.dataclass(frozen=True)
class Section:
    key: str
    title: str
    rows: tuple
    limit: str  # key of the row with which the others are compared
    trip: bool = False


SECTIONS = (
    Section('queue', 'Queues, one way: N producers and N consumers', (
        Row('ring', 'limit: spinning ring', LIMIT, 'limit-ring', 'ring', ALL_SIZES, first=20000),
        Row('data', 'MpQueue, `put_data`/`get_into`', OURS, 'queue', 'data', ALL_SIZES, ALL_SHAPES,
            first=20000),
        Row('message', 'MpQueue, `put_message`/`get_message`', OURS, 'queue', 'message', (16, 64, 1024),
            ALL_SHAPES, first=20000),
        Row('batch', 'MpQueue, 32 at a time by `put_many`/`get_many`', OURS, 'queue', 'batch',
            (16, 64, 1024), ALL_SHAPES, first=20000),
        Row('boost', 'Boost.Interprocess `message_queue`', PEER, 'peer-boost', 'boost', ALL_SIZES,
            ALL_SHAPES),
        Row('zeromq', 'ZeroMQ PUSH/PULL, ipc', PEER, 'peer-zeromq', 'push', ALL_SIZES, ALL_SHAPES),
        Row('mq', 'POSIX mq', PEER, 'peer-mq', 'mq', ALL_SIZES, ALL_SHAPES),
        Row('py-simple', 'Python `SimpleQueue`', PEER, PYTHON, 'SimpleQueue', ALL_SIZES, ALL_SHAPES),
        Row('py-queue', 'Python `Queue`', PEER, PYTHON, 'Queue', ALL_SIZES, ALL_SHAPES),
        Row('py-dill', '`multiprocess` (dill) `Queue`', PEER, PYTHON, 'multiprocess', ALL_SIZES),
    ), 'ring'),
    Section('value', 'Queues of small GVariant dictionaries', (
        Row('variant-alone', 'limit: build and read, one process', LIMIT, 'limit-variant', 'variant',
            (16,), consumers=False),
        Row('variant', 'MpQueue, `put`/`get`', OURS, 'queue', 'variant', (16,)),
    ), 'variant-alone'),
    Section('loop', 'Received in a main loop', (
        Row('gdbus-signal', 'GDBus signal, peer to peer', PEER, 'peer-gdbus', 'signal', (64, 1024)),
        Row('signal', 'MpQueue, signal `message`', OURS, 'queue-loop', 'signal', (64, 1024)),
        Row('async', 'MpQueue, `get_async`', OURS, 'queue-loop', 'async', (64, 1024)),
        Row('several', 'MpQueue, `get_async`, 8 at once', OURS, 'queue-loop', 'several', (64, 1024)),
        Row('connection-loop', 'MpConnection, signal `message`', OURS, 'connection-loop', 'way',
            (64, 1024)),
        Row('jsonrpc', 'jsonrpc-glib notifications', PEER, 'peer-jsonrpc', 'json', (64, 1024)),
        Row('jsonrpc-variant', 'jsonrpc-glib notifications, GVariant', PEER, 'peer-jsonrpc',
            'variant', (64, 1024)),
    ), 'gdbus-signal'),
    Section('trip', 'There and back over two queues, µs', (
        Row('futex', 'limit: futex ping-pong', LIMIT, 'limit-futex', 'futex'),
        Row('trip-spin', 'MpQueue, adaptive spin', OURS, 'queue-trip', 'spin', first=20000,
            least=100000),
        Row('trip-sleep', 'MpQueue, spin 0', OURS, 'queue-trip', 'sleep'),
    ), 'futex', True),
    Section('connection', 'Connections, one way', (
        Row('socket', 'limit: raw framed socket', LIMIT, 'limit-socket', 'way', CONNECTION_SIZES),
        Row('connection', 'MpConnection, `send_data`/`recv_into`', OURS, 'connection', 'way',
            CONNECTION_SIZES),
        Row('connection-ahead', 'MpConnection, the same with `read-ahead`', OURS, 'connection', 'ahead',
            CONNECTION_SIZES),
        Row('connection-async', 'MpConnection, `send_bytes_async`/`recv_into`', OURS, 'connection',
            'async', CONNECTION_SIZES),
        Row('py-pipe', 'Python `Pipe`, `send_bytes`', PEER, PYTHON, 'pipe', CONNECTION_SIZES),
    ), 'socket'),
    Section('connection-trip', 'Connections, there and back, µs', (
        Row('socket-trip', 'limit: raw ping-pong', LIMIT, 'limit-socket', 'trip', CONNECTION_SIZES,
            first=500),
        Row('connection-trip', 'MpConnection, `send_data`/`recv_into`', OURS, 'connection', 'trip',
            CONNECTION_SIZES, first=500),
        Row('connection-trip-ahead', 'MpConnection, the same with `read-ahead`', OURS, 'connection',
            'trip-ahead', CONNECTION_SIZES, first=500),
        Row('loop-trip', 'MpConnection in a main loop', OURS, 'connection-loop', 'trip',
            CONNECTION_SIZES, first=500),
        Row('connection-call', 'MpConnection, `call_async` in a main loop', OURS, 'connection-loop', 'call',
            CONNECTION_SIZES, first=500),
        Row('gdbus-call', 'GDBus call in a main loop', PEER, 'peer-gdbus', 'call', CONNECTION_SIZES,
            first=500),
        Row('jsonrpc-call', 'jsonrpc-glib call', PEER, 'peer-jsonrpc', 'call', (64, 1024), first=500),
        Row('jsonrpc-call-variant', 'jsonrpc-glib call, GVariant', PEER, 'peer-jsonrpc', 'call-variant',
            (64, 1024), first=500),
        Row('zeromq-trip', 'ZeroMQ REQ/REP, ipc', PEER, 'peer-zeromq', 'request', CONNECTION_SIZES,
            first=500),
        Row('py-trip', 'Python `Pipe`, `send_bytes`', PEER, PYTHON, 'trip', CONNECTION_SIZES,
            first=500),
    ), 'socket-trip', True),
    Section('wait', 'Waiting for the one that is ready, in one process, µs', (
        Row('poll-many', 'limit: `poll ()`, 1,000 descriptors', LIMIT, 'wait', 'many-poll', (64,),
            consumers=False),
        Row('wait-one', '`mp_wait ()`, 1 connection', OURS, 'wait', 'one', (64,), consumers=False),
        Row('wait-many', '`mp_wait ()`, 1,000 connections', OURS, 'wait', 'many', (64,),
            consumers=False),
        Row('wait-many-async', '`mp_wait_async ()`, 1,000 connections', OURS, 'wait', 'many-async',
            (64,), consumers=False),
    ), 'poll-many', True),
    Section('language', 'Python and JavaScript, one way', (
        Row('language-queue', 'Python `Queue`, bytes', PEER, LANGUAGES, 'stdlib-bytes', LANGUAGE_SIZES),
        Row('language-simple', 'Python `SimpleQueue`, bytes', PEER, LANGUAGES, 'simple-bytes', LANGUAGE_SIZES),
        Row('language-dill', '`multiprocess` (dill) `Queue`, bytes', PEER, LANGUAGES, 'dill-bytes',
            LANGUAGE_SIZES),
        Row('language-bytes', '`Mp.Queue` in Python, bytes', OURS, LANGUAGES, 'bytes', LANGUAGE_SIZES),
        Row('many-bytes', '`mproc.Queue`, bytes, `put_many`/`get_many`', OURS, LANGUAGES, 'many-bytes',
            LANGUAGE_SIZES),
        Row('gjs-bytes', '`Mp.Queue` in JavaScript, bytes', OURS, LANGUAGES, 'gjs-bytes', LANGUAGE_SIZES),
    ), 'language-queue'),
    Section('language-dict', 'Python and JavaScript, small dictionaries, one way', (
        Row('language-queue-dict', 'Python `Queue`', PEER, LANGUAGES, 'stdlib-dict', DICT),
        Row('language-simple-dict', 'Python `SimpleQueue`', PEER, LANGUAGES, 'simple-dict', DICT),
        Row('language-dill-dict', '`multiprocess` (dill) `Queue`', PEER, LANGUAGES, 'dill-dict', DICT),
        Row('language-dict', '`Mp.Queue`, Python to Python', OURS, LANGUAGES, 'dict', DICT),
        Row('many-dict', '`mproc.Queue`, `put_many`/`get_many`', OURS, LANGUAGES, 'many-dict', DICT),
        Row('gjs-dict', '`Mp.Queue`, JavaScript to JavaScript', OURS, LANGUAGES, 'gjs-dict', DICT),
        Row('python-c', '`Mp.Queue`, Python to C, read as GVariant', OURS, LANGUAGES, 'python-c', DICT),
        Row('gjs-c', '`Mp.Queue`, JavaScript to C, read as GVariant', OURS, LANGUAGES, 'gjs-c', DICT),
    ), 'language-queue-dict'),
    Section('language-int', 'Python, small integers, one way', (
        Row('language-queue-int', 'Python `Queue`', PEER, LANGUAGES, 'stdlib-int', DICT),
        Row('many-int', '`mproc.Queue`, `put_many`/`get_many`', OURS, LANGUAGES, 'many-int', DICT, first=20000),
    ), 'language-queue-int'),
    Section('array', 'Python, arrays of float64, one way', tuple(
        Row(key, title, kind, ARRAYS, mode, ARRAY_SIZES, first=64, least=24) for key, title, kind, mode in (
            ('array-queue', 'Python `Queue`', PEER, 'stdlib'),
            ('array-pipe', 'Python `Pipe`', PEER, 'stdlib-pipe'),
            ('array-dill', '`multiprocess` (dill) `Queue`', PEER, 'dill'),
            ('array-segments', '`shared_memory` made for each, and a `Queue` of names', PEER, 'segments'),
            ('array-segments-again', '`shared_memory` used again, and queues of names', PEER, 'segments-again'),
            ('array-mproc', '`mproc.Queue`', OURS, 'mproc'),
            ('array-mproc-pipe', '`mproc.Pipe`', OURS, 'mproc-pipe'),
        )), 'array-queue'),
    Section('language-trip', 'Python, a small dictionary there and back, µs', (
        Row('language-pipe-trip', 'Python `Pipe`', PEER, LANGUAGES, 'stdlib-trip', DICT),
        Row('pipe-trip', '`Mp.Pipe`', OURS, LANGUAGES, 'pipe-trip', DICT),
        Row('queue-trip', 'two `Mp.Queue`', OURS, LANGUAGES, 'queue-trip', DICT),
    ), 'language-pipe-trip', True),
    Section('override', 'A put and a get in one process, µs', (
        Row('python-bare', 'Python, 16 bytes, the calls of the typelib', LIMIT, LANGUAGES, 'bare', (16,)),
        Row('python-override', 'Python, 16 bytes, `put` and `get`', OURS, LANGUAGES, 'override', (16,)),
        Row('gjs-bare', 'JavaScript, a small object, `JSON` and the calls of the typelib', LIMIT, LANGUAGES,
            'gjs-bare', (16,)),
        Row('gjs-override', 'JavaScript, a small object, `put` and `get`', OURS, LANGUAGES, 'gjs-override',
            (16,)),
    ), 'python-bare', True),
)

IDLE = 'idle'
IDLE_PROCESSES = (16, 64, 200)
IDLE_WAYS = (
    Row('idle-get', 'MpQueue, `get_into`', OURS, 'queue-idle', 'get'),
    Row('idle-loop', 'MpQueue, main loop', OURS, 'queue-idle', 'loop'),
    Row('idle-python', 'Python `Queue`, `get`', PEER, 'python_idle.py', ''),
)


@dataclasses.dataclass(frozen=True)
class Target:
    """A ratio of two cells, each a row, a size and a shape, or a difference of their times in µs."""
    title: str
    over: tuple
    under: tuple
    bound: float
    at_most: bool = False
    time: bool = False  # compares times and not rates
    difference: bool = False


def one_way(title, row, limit, sizes, bound):
    return tuple(Target(f'{title}, {label(size)}', (row, size, 1), (limit, size, 1), bound)
                 for size in sizes)


def label(size):
    for unit, name in ((1 << 20, 'MiB'), (1 << 10, 'KiB')):
        if size >= unit:
            return f'{size // unit} {name}'
    return f'{size} B'


TARGETS = (
    *one_way('`put_data`/`get_into` to the ring', 'data', 'ring', (64,), 0.6),
    *one_way('`put_data`/`get_into` to the ring', 'data', 'ring', (1024, 65536, 1048576), 0.9),
    Target('64 B, to Boost.Interprocess', ('data', 64, 1), ('boost', 64, 1), 4),
    Target('64 B, to ZeroMQ', ('data', 64, 1), ('zeromq', 64, 1), 5),
    Target('64 B, to `multiprocess`\'s Queue', ('data', 64, 1), ('py-dill', 64, 1), 100),
    Target('64 B, to Python\'s Queue', ('data', 64, 1), ('py-queue', 64, 1), 100),
    Target('64 B at 4x4, to its own 1x1', ('data', 64, 4), ('data', 64, 1), 0.7),
    Target('32 messages of 64 B at a time, to one at a time', ('batch', 64, 1), ('message', 64, 1), 1.3),
    Target('`put`/`get` of a small GVariant, to building and reading alone',
           ('variant', 16, 1), ('variant-alone', 16, 1), 0.5),
    Target('queue, signal `message`, to GDBus signals', ('signal', 64, 1), ('gdbus-signal', 64, 1), 20),
    Target('queue, `get_async`, to GDBus signals', ('async', 64, 1), ('gdbus-signal', 64, 1), 20),
    Target('queue, `get_async`, 8 at once, to GDBus signals', ('several', 64, 1),
           ('gdbus-signal', 64, 1), 20),
    Target('round trip with adaptive spin, to a futex ping-pong', ('trip-spin', 64, 1),
           ('futex', 64, 1), 0.02, True, True),
    Target('round trip without spin, to a futex ping-pong', ('trip-sleep', 64, 1),
           ('futex', 64, 1), 1.2, True, True),
    *one_way('connection, `send_data`/`recv_into` with `read-ahead`, to the raw framed socket',
             'connection-ahead', 'socket', (64, 1024), 1.5),
    *one_way('connection, asynchronous sends, to the raw framed socket', 'connection-async', 'socket',
             (64, 1024), 1.5),
    *one_way('connection, `send_data`/`recv_into`, to the raw framed socket', 'connection', 'socket',
             (65536, 1048576), 0.9),
    Target('connection, round trip 64 B with `read-ahead`, to the raw ping-pong',
           ('connection-trip-ahead', 64, 1),
           ('socket-trip', 64, 1), 1.1, True, True),
    Target('connection in a main loop, to GDBus signals', ('connection-loop', 64, 1),
           ('gdbus-signal', 64, 1), 20),
    Target('connection in a main loop, to jsonrpc-glib notifications', ('connection-loop', 64, 1),
           ('jsonrpc', 64, 1), 25),
    Target('wait for 1,000 connections, to a `poll ()` of them', ('wait-many', 64, 1),
           ('poll-many', 64, 1), 1, True, True),
    Target('connection, round trip in a main loop, to a GDBus call', ('loop-trip', 64, 1),
           ('gdbus-call', 64, 1), 0.333, True, True),
    *one_way('Python, bytes, to Python\'s SimpleQueue', 'language-bytes', 'language-simple', (16, 1024), 4),
    *one_way('Python, bytes, to `multiprocess`\'s Queue', 'language-bytes', 'language-dill', (16, 1024), 8),
    *one_way('Python, bytes, to Python\'s Queue', 'language-bytes', 'language-queue', (65536,), 8),
    Target('Python, small dict, to Python\'s Queue', ('language-dict', 16, 1),
           ('language-queue-dict', 16, 1), 2.5),
    Target('Python, small dict, to `multiprocess`\'s Queue', ('language-dict', 16, 1),
           ('language-dill-dict', 16, 1), 12),
    Target('Python, small integers by `put_many`/`get_many`, to Python\'s Queue', ('many-int', 16, 1),
           ('language-queue-int', 16, 1), 8),
    Target('Python, small dict by `put_many`/`get_many`, to Python\'s Queue', ('many-dict', 16, 1),
           ('language-queue-dict', 16, 1), 5),
    Target('Python, arrays of 1 MiB, to Python\'s Queue', ('array-mproc', 1048576, 1),
           ('array-queue', 1048576, 1), 10),
    Target('Python, arrays of 1 MiB, to `shared_memory` used again', ('array-mproc', 1048576, 1),
           ('array-segments-again', 1048576, 1), 0.8),
    Target('Python, arrays of 64 MiB, to `shared_memory` used again', ('array-mproc', 67108864, 1),
           ('array-segments-again', 67108864, 1), 0.8),
    Target('Python, round trip over two queues, to Python\'s Pipe', ('queue-trip', 16, 1),
           ('language-pipe-trip', 16, 1), 0.1, True, True),
    Target('Python, round trip over a pipe, to Python\'s Pipe', ('pipe-trip', 16, 1),
           ('language-pipe-trip', 16, 1), 0.8, True, True),
    Target('JavaScript, small object, to Python\'s Queue', ('gjs-dict', 16, 1),
           ('language-queue-dict', 16, 1), 1.5),
    Target('Python to C, small dict, to Python to Python', ('python-c', 16, 1), ('language-dict', 16, 1), 0.8),
    Target('JavaScript to C, small object, to Python to Python', ('gjs-c', 16, 1), ('language-dict', 16, 1),
           0.8),
    # Each consists of two calls.
    Target('Python, override over the bare calls of a put and a get, µs', ('python-override', 16, 1),
           ('python-bare', 16, 1), 1, True, True, True),
    Target('JavaScript, override over the bare calls of a put and a get, µs', ('gjs-override', 16, 1),
           ('gjs-bare', 16, 1), 2, True, True, True),
)
