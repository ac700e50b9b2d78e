# SPDX-License-Identifier: LGPL-2.1-or-later
"""A server that is killed while it writes the effects of a function to its append-only file.

When it starts again it drops the incomplete transaction, but servers leave its complete commands in
the file, and carry them out when they start for the second time. Whatever part that is, nothing is
lost, and nothing is done twice. Each function is cut within every third of its commands; with
MP_TEST_LONG at each byte."""

import copy
import glob
import os
import unittest
import unittest.mock

import helping
import servers
from server_functions import OK, Session, load, read_code

QUEUE = 'torn'
RESTART_GRACE = 'local RESTART_GRACE = 60000'
PAYLOADS = ('m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm' * 9000)

# Who speaks to the server between its two starts.
WHO = ('nobody', 'others', 'all')


class Torn(Exception):
    """The server was killed before it answered."""


class Client:
    """What the library does with a session: it says hello again after each start of the server, gives
    back what it does not know, and repeats what was not answered."""

    def __init__(self, world, **settings):
        self.world, self.held, self.putting, self.finishing = world, {}, None, None
        self.is_gone = False
        self.session = Session(world.server.path, QUEUE, **settings)

    def copy(self, world):
        other = Client.__new__(Client)
        other.__dict__.update(self.__dict__, world=world, held=dict(self.held), session=copy.copy(self.session))
        return other

    def reconnect(self):
        session = self.session
        session.close()
        session.epoch, session.first = session.epoch + 1, 1
        session.connect()
        assert session.hello()[0] == OK
        listed = {int(session.hand[i]): int(session.hand[i + 1]) for i in range(0, len(session.hand), 2)}
        if self.putting:
            missing = self.putting[session.last + 1 - session.number:]
            session.number = session.last + 1
            self.put(*missing)
        if self.finishing:
            self.fin(*self.finishing)
        for serial in set(self.held) - set(listed):
            del self.held[serial]
        unknown = [('u', serial, n) for serial, n in listed.items() if serial not in self.held]
        if unknown:
            self.fin(*unknown)

    def put(self, *payloads):
        self.putting = payloads
        entries = []
        for i, payload in enumerate(payloads):
            if len(payload) > 8192:
                key = self.session.key(f't:{self.session.session}:{self.session.number + i}')
                self.session.ask('SET', key, payload, 'EX', 3600)
                payload = b'\xe2%d %s' % (len(payload), key.encode())
            entries.append(payload)
        if entries:
            assert self.session.put(*entries) == (len(entries), OK)
        self.putting = None

    def get(self, n):
        for serial, count, payload in self.session.get(n)[2]:
            if payload.isdigit():
                payload = self.session.ask('GET', self.session.key(f'y:{serial}')).decode()
            self.held[serial] = (count, payload)

    def fin(self, *triples):
        """A batch that was not answered is sent again with the same number."""
        self.finishing = triples
        answer = self.session.done(*triples)
        assert len(answer) == len(triples), (triples, answer)
        self.finishing = None
        for (how, serial, _), was_ours in zip(triples, answer):
            _, payload = self.held.pop(serial, (0, None))
            if was_ours == '1' and how in 'dcx':
                self.world.done[payload] = self.world.done.get(payload, 0) + 1

    def finish_all(self, how='d'):
        if self.held:
            self.fin(*[(how, serial, count) for serial, (count, _) in sorted(self.held.items())])

    def get_dead(self):
        answer = self.session.call('dead')
        if answer[0] != OK:
            return False
        serial, count = int(answer[1]), int(answer[2])
        self.held[serial] = (count, answer[3].decode()[1:])
        self.fin(('x', serial, count))
        return True


class World:
    """A queue with messages that are ready, in hand, and given back."""

    def __init__(self, server):
        self.server, self.done = server, {}
        self.producer, self.actor, self.other = [Client(self, limit='3') for _ in range(3)]
        self.producer.put(*PAYLOADS)
        self.actor.get(3)
        self.other.get(3)
        self.other.fin(('r', 4, 1), ('u', 5, 1))

    def copy(self):
        other = World.__new__(World)
        other.server, other.done = self.server, dict(self.done)
        for name in ('producer', 'actor', 'other'):
            setattr(other, name, getattr(self, name).copy(other))
        return other

    @property
    def clients(self):
        return self.producer, self.actor, self.other


def prepare_burial(world):
    for _ in range(2):
        world.actor.finish_all('r')
        world.actor.get(3)


def prepare_dead(world):
    prepare_burial(world)
    world.actor.finish_all('r')


def say_goodbye(world):
    world.actor.is_gone = True
    world.actor.session.call('bye')


# What is done before, and what is cut.
CASES = {
    'put': (None, lambda world: world.producer.put('n1', 'n' * 9000, 'n2')),
    'get-given-back': (None, lambda world: world.actor.get(1)),
    'get-all': (None, lambda world: world.other.get(9)),
    'finish': (None, lambda world: world.actor.finish_all()),
    'consume': (None, lambda world: world.actor.finish_all('c')),
    'retry': (None, lambda world: world.actor.finish_all('r')),
    'undeliver': (None, lambda world: world.actor.finish_all('u')),
    'bury': (prepare_burial, lambda world: world.actor.finish_all('r')),
    'take-dead': (prepare_dead, lambda world: world.actor.get_dead()),
    'requeue': (prepare_dead, lambda world: world.actor.fin(('q', 1, 3), ('q', 2, 3))),
    'say-goodbye': (None, say_goodbye),
}


def find_ends(effects):
    """Returns where each of the commands ends."""
    ends, at = [], 0
    while at < len(effects):
        line_end = effects.index(b'\r\n', at)
        n, at = int(effects[at + 1:line_end]), line_end + 2
        for _ in range(n):
            line_end = effects.index(b'\r\n', at)
            at = line_end + 2 + int(effects[at + 1:line_end]) + 2
        ends.append(at)
    return ends


class TestRedisTorn(helping.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server('--appendonly', 'yes', '--appendfsync', 'always')
        cls.addClassCleanup(cls.server.stop)
        code = read_code()
        assert RESTART_GRACE in code
        load(cls.server, code.replace(RESTART_GRACE, 'local RESTART_GRACE = 300'))
        cls.path, = glob.glob(os.path.join(cls.server.folder.name, 'appendonlydir', '*.incr.aof'))
        cls.empty = cls.read_file()

    @classmethod
    def read_file(cls):
        with open(cls.path, 'rb') as file:
            return file.read()

    def restart(self, content=None):
        self.server.kill()
        if content is not None:
            with open(self.path, 'wb') as file:
                file.write(content)
        self.server.start()

    def prepare(self, name):
        """Returns the world before the answer, the file before the function, and its effects."""
        prepare, act = CASES[name]
        self.restart(self.empty)
        world = World(self.server)
        if prepare:
            prepare(world)
        before = self.read_file()

        def call(session, function, *arguments):
            answer = original(session, function, *arguments)
            if function != 'dead':
                raise Torn
            return answer

        original = Session.call
        with unittest.mock.patch.object(Session, 'call', call), self.assertRaises(Torn):
            act(world)
        return world, before, self.read_file()[len(before):]

    def speak_between(self, who, world):
        if who == 'all':
            for client in world.clients:
                if not client.is_gone:
                    client.reconnect()
            world.other.finish_all()
        elif who == 'others':
            if not world.producer.putting:
                world.producer.reconnect()
            world.other.reconnect()
            world.other.finish_all()
            world.other.get(2)
        session = Session(self.server.path, 'another')
        session.put('x')
        session.close()

    def check(self, world, more):
        """Each message is done once, and nothing is left."""
        rest = Client(world)
        for client in world.clients:
            if not client.is_gone:
                client.reconnect()
                client.finish_all()

        def is_over():
            while rest.get_dead():
                pass
            rest.get(20)
            rest.finish_all()
            return rest.session.state()[3] <= consumed

        consumed = int(rest.session.ask('HGET', rest.session.key('c'), 'consumed') or 0)
        helping.wait_until(is_over)
        for _ in range(consumed):
            self.assertEqual(rest.session.done(('a', 0, 0)), '1')
        self.assertEqual(rest.session.state()[1:4], [0, 0, 0])
        self.assertEqual(rest.session.ask('HLEN', rest.session.key('m')), 0)
        self.assertEqual(world.done, dict.fromkeys([*PAYLOADS, *more], 1))
        rest.session.close()

    def run_cut(self, saved, content, who, more):
        world = saved.copy()
        self.restart(content)
        self.speak_between(who, world)
        self.restart()
        self.check(world, more)
        for client in world.clients:
            client.session.close()

    def cut(self, name, is_long):
        world, before, effects = self.prepare(name)
        more = ('n1', 'n' * 9000, 'n2') if name == 'put' else ()
        ends = find_ends(effects)
        self.assertGreater(len(ends), 4)
        # Within each command, so that those before it are left.
        cuts = range(1, len(effects)) if is_long else [end - 3 for end in ends[2::3]]
        for i, cut in enumerate(cuts):
            for who in WHO if is_long else [WHO[i % len(WHO)]]:
                with self.subTest(name, cut=cut, who=who):
                    self.run_cut(world, before + effects[:cut], who, more)


def add_test(name):
    setattr(TestRedisTorn, 'test_' + name.replace('-', '_'),
            lambda self: self.cut(name, 'MP_TEST_LONG' in os.environ))


for each in CASES:
    add_test(each)


if __name__ == '__main__':
    unittest.main()
