# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs on the page about D-Bus and systemd."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from gi.repository import Gio
from helping import DEADLINE, Program

from gi.repository import Mp

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']


def programs(language):
    """Returns the blocks of code in @language on the page."""
    with open(os.path.join(SOURCE, 'docs', 'desktop.md'), encoding='utf-8') as file:
        return re.findall(rf'^```{language}\n(.*?)^```$', file.read(), re.MULTILINE | re.DOTALL)


class TestDesktop(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='mproc-glib-desktop-')
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    @unittest.skipUnless(shutil.which('dbus-daemon'), 'there is no D-Bus daemon')
    def test_queue_over_dbus(self):
        bus = Gio.TestDBus.new(Gio.TestDBusFlags.NONE)
        bus.up()
        self.addCleanup(bus.stop)
        environment = {**os.environ, 'DBUS_SESSION_BUS_ADDRESS': bus.get_bus_address()}
        service, worker = (self.write(f'{index}.py', text) for index, text in enumerate(programs('python')))

        with contextlib.closing(Program([sys.executable, '-u', service], env=environment)) as running:
            self.assertEqual(running.process.stdout.readline(), 'The tasks can be fetched\n')
            done = subprocess.run([sys.executable, worker], env=environment, stdout=subprocess.PIPE, text=True,
                                  timeout=DEADLINE, check=True)
            self.assertEqual(done.stdout, 'Working on the first task\n')
            self.assertEqual(running.process.stdout.read(), 'All tasks are done\n')

    def build_service(self):
        program = os.path.join(self.folder, 'service')
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'gio-unix-2.0'], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.split()
        rooms = [entry.path for entry in os.scandir(os.path.join(SOURCE, 'mproc-glib')) if entry.is_dir()]
        subprocess.run(['cc', '-Werror', '-Wall', '-o', program, self.write('service.c', programs('c')[0]),
                        *(f'-I{folder}' for folder in (*rooms, SOURCE, BUILD, f'{BUILD}/mproc-glib')), *flags,
                        f'-L{BUILD}/mproc-glib', '-lmproc-glib-1.0'], check=True)
        return program

    def test_listener_from_systemd(self):
        program = self.build_service()
        path = os.path.join(self.folder, 'socket')
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()

            # As systemd does: the socket is descriptor 3, and LISTEN_FDS says how many there are.
            command = f'exec {program} 3<&{listening.fileno()}'
            with contextlib.closing(Program(['sh', '-c', command], pass_fds=[listening.fileno()],
                                            env={**os.environ, 'LISTEN_FDS': '1'})) as service:
                client = Mp.connect(f'unix:{path}', None, DEADLINE * 1000000)
                client.send('the time')
                self.assertEqual(client.recv(), 'here it is')
                self.assertEqual(service.process.stdout.read(), 'Asked for the time\n')
                self.assertEqual(service.process.wait(DEADLINE), 0)

            # The next one takes over where it ended.
            self.assertTrue(os.path.exists(path))


if __name__ == '__main__':
    unittest.main()
