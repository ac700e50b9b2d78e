# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example that checksums a tree on three machines: coordinator and workers are in network
namespaces of their own, and reach each other only by a server in a third one. A worker and the
server are killed meanwhile."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import helping
import servers
import test_checksum_queue as example

N_LARGE = 40
LARGE_SIZE = 32 * 1024 * 1024


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def can_make_namespaces():
    """In a container, root may not have the right to."""
    if os.geteuid() != 0 or not shutil.which('ip') or not shutil.which('unshare'):
        return False
    return subprocess.run(
        ['unshare', '--net', 'ip', 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'other'],
        check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Namespace:
    """A network namespace without a name, which ends with the process that keeps it."""

    def __init__(self):
        self.keeper = subprocess.Popen(['unshare', '--net', '--kill-child', '--fork', 'cat'],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.own = os.readlink('/proc/self/ns/net')
        helping.wait_until(lambda: self.read() not in (None, self.own))
        self.enter = ['nsenter', f'--net=/proc/{self.keeper.pid}/ns/net', '--']
        self.run('ip', 'link', 'set', 'lo', 'up')

    def read(self):
        try:
            return os.readlink(f'/proc/{self.keeper.pid}/ns/net')
        except OSError:
            return None

    def run(self, *command):
        return run(*self.enter, *command)

    def wire(self, other, network):
        """A cable between this one, which gets .1, and @other, which gets .2."""
        names = [f'cable{network}', f'cable{network}']
        self.run('ip', 'link', 'add', names[0], 'type', 'veth', 'peer', 'name', names[1],
                 'netns', str(other.keeper.pid))
        for end, (namespace, name) in enumerate(zip((self, other), names), 1):
            namespace.run('ip', 'address', 'add', f'10.77.{network}.{end}/24', 'dev', name)
            namespace.run('ip', 'link', 'set', name, 'up')

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait()


class TestNamespaces(unittest.TestCase):
    def setUp(self):
        servers.skip_without_server()
        if not can_make_namespaces():
            self.skipTest('this needs root, and the right to make network namespaces')
        self.folder = tempfile.mkdtemp(prefix='mproc-glib-checksum-')
        self.addCleanup(shutil.rmtree, self.folder)
        for i in range(N_LARGE):
            with open(os.path.join(self.folder, str(i)), 'wb') as file:
                file.truncate(LARGE_SIZE)
        self.middle, self.here, self.there = [self.make_namespace() for _ in range(3)]
        self.middle.wire(self.here, 1)
        self.middle.wire(self.there, 2)
        self.server = servers.Server('--port', '6379', '--protected-mode', 'no', '--appendonly', 'yes',
                                     '--appendfsync', 'always', prefix=self.middle.enter)
        self.addCleanup(self.server.stop)

    def make_namespace(self):
        namespace = Namespace()
        self.addCleanup(namespace.close)
        return namespace

    def start(self, namespace, network, language, role, *words):
        uri = f'redis://10.77.{network}.1/0?grace=1&name=checksums'
        process = subprocess.Popen(
            [*namespace.enter, *example.command(language, role), '--queue', uri, *words],
            env=example.ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def file_in_hand(self, worker):
        """Returns what a worker has open below the folder, or None."""
        with os.scandir(f'/proc/{worker.pid}/fd') as descriptors:
            for entry in descriptors:
                try:
                    path = os.readlink(entry.path)
                except OSError:
                    continue
                if path.startswith(self.folder + '/'):
                    return path
        return None

    def test_kills(self):
        victim = self.start(self.there, 2, 'c', 'worker', 'victim')
        survivor = self.start(self.there, 2, 'c', 'worker', 'survivor')
        coordinator = self.start(self.here, 1, 'c', 'coordinator', '--n', '0', self.folder)

        helping.wait_until(lambda: self.file_in_hand(victim))
        self.server.kill()
        self.server.start()
        # The first may be from before, and the second in an answer that was under way.
        seen = set()

        def goes_on():
            seen.add(self.file_in_hand(victim))
            return len(seen - {None}) >= 3

        helping.wait_until(goes_on)
        victim.send_signal(signal.SIGKILL)

        output, _ = coordinator.communicate(timeout=example.TIMEOUT)
        self.assertEqual(coordinator.returncode, 0, output)
        self.assertTrue(output.endswith('all digests agree\n'), output)
        self.assertEqual(survivor.wait(example.TIMEOUT), 0)
        self.assertEqual(victim.wait(example.TIMEOUT), -signal.SIGKILL)


if __name__ == '__main__':
    unittest.main()
