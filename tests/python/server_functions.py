# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls the functions that the library keeps on a Redis server (mp1.lua), without the library."""

import itertools
import os
import socket

OK, SHORT, CLOSED, GONE, NOT_FIT, OTHER, OLD, LATE, MISSING, GAP = range(10)
ITEMS, ROOM, DONE = 1, 2, 4
LETTERS = ('c', 'm', 'o:{}', 'b', 'n', 'd', 'i', 'r', 'e', 'w', 'h', 'x')
CODE = os.path.join(os.environ['MP_BUILD_ROOT'], 'mproc-glib', 'mp1.lua')
TIMEOUT = 30

numbers = itertools.count(1)


class Link:
    """A connection that speaks RESP."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        self._file = self._socket.makefile('rb')

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(b'*%d\r\n' % len(encoded) + b''.join(
            b'$%d\r\n%s\r\n' % (len(word), word) for word in encoded))

    def read(self):
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            raise RuntimeError(rest.decode())
        if kind in b'+:':
            return rest.decode() if kind == b'+' else int(rest)
        if int(rest) < 0:
            return None
        if kind == b'*':
            return [self.read() for _ in range(int(rest))]
        return self._file.read(int(rest) + 2)[:-2]

    def ask(self, *words):
        self.send(*words)
        return self.read()


class Session:
    """A session, whose channel is subscribed to as long as it lives."""

    def __init__(self, path, queue, **settings):
        self._path, self.queue, self.session = path, queue, f's{next(numbers):015}'
        self.incarnation, self.number, self.finish, self.epoch, self.first = '', 1, 1, 1, 1
        self.connect()
        self.hello(**settings)

    def connect(self):
        self._link = Link(self._path)
        self.pushes = Link(self._path)
        self.pushes.ask('SSUBSCRIBE', f'mp1:{{{self.queue}}}:{self.session}')

    def die(self):
        self.pushes.close()

    def close(self):
        self.die()
        self._link.close()

    def key(self, letter):
        return f'mp1:{{{self.queue}}}:{letter}'

    def ask(self, *words):
        return self._link.ask(*words)

    def call(self, function, *arguments):
        keys = [self.key(letter.format(self.session)) for letter in LETTERS]
        return self.ask('FCALL', 'mp1_' + function, len(keys), *keys, self.incarnation, self.session, *arguments)

    def hello(self, create=1, mode='joinable', size='', cap='', limit='', grace='300'):
        answer = self.call('hello', self.epoch, 'host 1', create, mode, size, cap, limit, grace)
        self.status = answer[0]
        if self.status == OK:
            self.incarnation, self.last, self.hand = answer[2].decode(), int(answer[4]), answer[10:]
        return answer

    def put(self, *payloads, wait=0, number=None):
        entries = [each if isinstance(each, bytes) else b'b' + each.encode() for each in payloads]
        stored, status = divmod(self.call('put', self.epoch, number or self.number, wait, *entries), 16)
        if number is None and status in (OK, SHORT):
            self.number += stored
        return stored, status

    def get(self, n=1, wait=0, left=1 << 20, fit=-1, offers=0):
        answer = self.call('get', self.epoch, n, left, fit, wait, self.first, offers)
        self.first = 0
        if answer[0] == SHORT:
            answer = answer[:2]
        return answer[0], answer[1], [(int(answer[i]), int(answer[i + 1]), answer[i + 2][1:].decode())
                                      for i in range(2, len(answer), 3)]

    def done(self, *triples, number=None):
        answer = self.call('fin', number or self.finish, *[word for triple in triples for word in triple])
        self.finish += number is None
        return answer.decode()

    def state(self, bits=0):
        return [int(each) for each in self.call('state', bits)]

    def woken(self):
        """Returns the condition of the next wake-up."""
        return int(self.pushes.read()[2])

    def offered(self):
        """Returns the id and the payload of the next message that comes with a wake-up."""
        word = self.pushes.read()[2]
        serial, _, entry = word[1:].split(b' ', 2)
        assert word[:1] == b'm', word
        return int(serial), entry[1:].decode()

    def is_woken(self):
        """Whether there is a wake-up: each is sent before the answer of the command that caused it."""
        self.ask('SPUBLISH', self.key(self.session), '0')
        return self.woken() != 0


def read_code():
    with open(CODE, encoding='utf-8') as file:
        return file.read()


def load(server, code):
    link = Link(server.path)
    link.ask('FUNCTION', 'LOAD', 'REPLACE', code)
    link.close()
