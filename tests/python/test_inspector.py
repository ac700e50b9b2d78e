# SPDX-License-Identifier: LGPL-2.1-or-later
"""The window `mproc-inspector`, on a virtual screen.

Each case with a window stores a screenshot in the build directory: inspector-PAGE.png
"""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import gi

gi.require_version('Mp', '1.0')

import servers  # noqa: E402

from gi.repository import Gio, GLib, Mp  # noqa: E402
from helping import DEADLINE, wait_until  # noqa: E402
from screen import ENVIRONMENT, Screen  # noqa: E402

BUILD = os.environ['MP_BUILD_ROOT']
INSPECTOR = [sys.executable, os.path.join(BUILD, 'tools', 'inspector', 'mproc-inspector-devel')]
WIDTH, HEIGHT = 980, 600

# Works on tasks for a long time.
WORKER = '''
import sys, signal, gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
task = Mp.inherit('tasks').get_task()
task.set_progress(float(sys.argv[1]), f'page {sys.argv[2]}')
signal.pause()
'''


def has_adwaita():
    program = 'import gi; gi.require_version("Gtk", "4.0"); gi.require_version("Adw", "1")'
    return not subprocess.run([sys.executable, '-c', program], stderr=subprocess.DEVNULL,
                              check=False).returncode


def is_blue(red, green, blue):
    """Whether it is the colour of a progress bar, or of what was put."""
    return blue > red + 60 and blue > green + 30


def is_orange(red, green, blue):
    """Whether it is the colour of what was taken."""
    return red > green + 60 and green > blue + 60


def identifier(queue):
    return str(Mp.QueueMonitor.new_for_queue(queue).props.id)


def has_open(pid, number):
    """Whether the process looks at the queue with that id."""
    folder = f'/proc/{pid}/fd'
    for name in os.listdir(folder):
        try:
            if str(os.stat(os.path.join(folder, name)).st_ino) == number:
                return True
        except FileNotFoundError:
            pass
    return False


def dump(queue):
    result = subprocess.run([*INSPECTOR, '--dump', '--queue', identifier(queue)], text=True, check=True,
                            stdout=subprocess.PIPE, timeout=DEADLINE)
    [shown] = json.loads(result.stdout)
    return shown


class TestModel(unittest.TestCase):
    """What the window shows, without a window."""

    def setUp(self):
        self.queue = Mp.JoinableQueue(20, name=f'inspected-{os.getpid()}', max_deliveries=1)

    def test_queue(self):
        self.queue.put({'number': 1})
        self.queue.put('\N{BELL}\x07')
        shown = dump(self.queue)
        self.assertEqual((shown['kind'], shown['size'], shown['max-size'], shown['n-put']),
                         ('JoinableQueue', 2, 20, 2))
        self.assertEqual([(message['position'], message['content']) for message in shown['messages']],
                         [(0, '{"number":1}'), (1, '"\N{BELL}\\u0007"')])
        [process] = shown['processes']
        self.assertEqual((process['pid'], process['n-put']), (os.getpid(), 2))
        self.assertEqual(shown['uri'].split('/')[0], f'process:{os.getpid()}')

    def test_task(self):
        for number in range(3):
            self.queue.put(number)
        task = self.queue.get_task()
        task.set_progress(0.4, 'a\nb\x1b[31m')
        shown = dump(self.queue)
        [row] = shown['tasks']
        self.assertEqual((row['state'], row['progress'], row['text']),
                         ('held', 0.4, 'a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m'))
        self.assertIn(str(os.getpid()), row['holder'])
        task.retry()
        shown = dump(self.queue)
        self.assertEqual((shown['n-dead'], shown['warning']), (1, '1 dead letters'))

    def test_large_message(self):
        """What is too large to be shown is said, and what follows is left for later."""
        self.queue.put(bytes(2 << 20))
        [message] = dump(self.queue)['messages']
        self.assertIn('more than a monitor shows', message['content'])

    def test_opaque(self):
        """A message is never unpickled."""
        queue = Mp.Queue(name=f'opaque-{os.getpid()}', codec=pickle)
        queue.put(threading.Barrier)
        [message] = dump(queue)['messages']
        self.assertEqual(message['format'], 'opaque')

    def test_unknown(self):
        result = subprocess.run([*INSPECTOR, '--dump', '--queue', 'no such queue'], check=False,
                                stdout=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual((result.returncode, result.stdout), (1, b'[]\n'))


class TestServers(unittest.TestCase):
    """What the window shows of queues on a server."""

    @classmethod
    def setUpClass(cls):
        servers.skip_without_server()
        cls.server = servers.Server('--appendonly', 'yes')
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.place = f'redis+unix://{self.server.path}'
        self.uri = f'{self.place}?name={self.id()}'
        self.queue = Mp.queue_open(self.uri, mode='joinable')

    def dump(self, *arguments):
        result = subprocess.run([*INSPECTOR, '--dump', *arguments], text=True, check=True, stdout=subprocess.PIPE,
                                timeout=DEADLINE)
        return {shown['name']: shown for shown in json.loads(result.stdout)}[self.id()]

    def test_queue(self):
        for number in range(3):
            self.queue.put({'number': number})
        task = self.queue.get_task()
        task.set_progress(0.5, 'half')
        for arguments in (('--queue', self.uri), ('--server', self.place)):
            shown = self.dump(*arguments)
            self.assertEqual((shown['kind'], shown['size'], shown['n-held'], shown['uri'], shown['memory']),
                             ('JoinableQueue', 2, 1, self.uri, None))
            [row], [process] = shown['tasks'], shown['processes']
            self.assertEqual((row['progress'], row['text'], row['holder']), (0.5, 'half', process['process']))
            self.assertEqual([message['content'] for message in shown['messages']], ['{"number":1}', '{"number":2}'])
        task.done()

    def test_server_comes_back(self):
        """What is shown is marked as old meanwhile, and nothing waits for the server."""
        sys.path.insert(0, os.path.join(os.environ['MP_SOURCE_ROOT'], 'tools', 'inspector'))
        self.addCleanup(sys.path.pop, 0)
        from inspector.queues import Queues
        from inspector.rows import shown_messages
        self.queue.put('kept')
        queues = Queues([self.uri])
        queues.scan()
        queues.wait()
        queue = queues.find(self.uri)
        queue.are_messages_shown = True

        def sample_until(condition):
            while not condition():
                queue.sample()
                GLib.MainContext.default().iteration(True)

        sample_until(lambda: len(shown_messages(queue)) == 1)
        self.server.kill()
        sample_until(lambda: queue.problem is not None)
        self.assertEqual((queue.warning, queue.monitor.props.size), (queue.problem, 1))
        self.server.start()
        sample_until(lambda: queue.problem is None)
        Mp.Queue.remove(self.uri, None)
        sample_until(lambda: queues.find(self.uri) is None)

    def test_no_server(self):
        result = subprocess.run([*INSPECTOR, '--dump', '--server', 'redis+unix:///nowhere'], check=False, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertEqual((result.returncode, 'No such file' in result.stderr), (1, True))


class FakeWindow(Gio.SimpleActionGroup):
    """Has the actions, and keeps what they say."""

    def __init__(self, queue):
        super().__init__()
        self.queue = queue
        self.said = []

    def say(self, text):
        self.said.append(text)


@unittest.skipUnless(has_adwaita(), 'GTK 4 or libadwaita is missing')
class TestActions(unittest.TestCase):
    """What the window does to a queue."""

    def setUp(self):
        sys.path.insert(0, os.path.join(os.environ['MP_SOURCE_ROOT'], 'tools', 'inspector'))
        self.addCleanup(sys.path.pop, 0)
        gi.require_version('Gtk', '4.0')
        gi.require_version('Adw', '1')
        from inspector.actions import Actions
        from inspector.queues import Queues
        self.queue = Mp.JoinableQueue(name='steered', max_deliveries=1)
        queues = Queues()
        queues.scan()
        self.window = FakeWindow(queues.find(identifier(self.queue)))
        self.actions = Actions(self.window, os.path.join(BUILD, 'tools', 'mproc'))

    def run_action(self, name):
        self.window.queue.sample()
        self.actions.enable(self.window.queue)
        self.assertTrue(self.window.get_action_enabled(name))
        self.window.activate_action(name, None)
        while not self.window.said:
            GLib.MainContext.default().iteration(True)
        return self.window.said.pop()

    def test_requeue(self):
        self.actions.enable(self.window.queue)
        self.assertFalse(self.window.get_action_enabled('requeue'))
        self.queue.put('again')
        self.queue.get_task().retry()
        self.assertEqual(self.run_action('requeue'), 'Dead letters are queued again')
        self.assertEqual(self.queue.get(timeout=DEADLINE), 'again')
        self.queue.task_done()

    def test_shutdown(self):
        self.assertEqual(self.run_action('shutdown'), 'The queue is shut down')
        with self.assertRaisesRegex(ValueError, 'closed|shut down'):
            self.queue.put('too late')

    def test_failure(self):
        """What the command says reaches the user."""
        self.window.queue.monitor.dup_uri = lambda: 'process:1/99999'
        self.assertIn('1/99999', self.run_action('shutdown'))

    def test_no_queue(self):
        self.actions.enable(None)
        for name in ('requeue', 'shutdown', 'purge'):
            self.assertFalse(self.window.get_action_enabled(name))


class TestFiles(unittest.TestCase):
    """What a desktop needs to show the program."""

    def validate(self, *command):
        if shutil.which(command[0]) is None:
            self.skipTest(f'{command[0]} is missing')
        folder = os.path.join(os.environ['MP_SOURCE_ROOT'], 'tools', 'inspector')
        result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_desktop_file(self):
        self.validate('desktop-file-validate', 'org.mproc_glib.Inspector.desktop')

    def test_metainfo(self):
        self.validate('appstreamcli', 'validate', '--no-net', 'org.mproc_glib.Inspector.metainfo.xml')


@unittest.skipUnless(shutil.which('Xvfb') and has_adwaita(), 'GTK 4, libadwaita or Xvfb is missing')
class TestWindow(unittest.TestCase):
    def setUp(self):
        self.queue = Mp.JoinableQueue(name='thumbnails')
        self.screen = Screen(WIDTH, HEIGHT)
        self.addCleanup(self.screen.__exit__)

    def start(self, *arguments):
        program = subprocess.Popen([*INSPECTOR, '--queue', identifier(self.queue), *arguments], stderr=subprocess.PIPE, text=True,
                                   env={**ENVIRONMENT, 'DISPLAY': self.screen.name})
        self.addCleanup(self.end, program)
        return program

    @staticmethod
    def end(program):
        program.kill()
        program.communicate()

    def run_workers(self, *fractions):
        for number, fraction in enumerate(fractions):
            worker = Mp.Process.new([sys.executable, '-c', WORKER, str(fraction), str(number)])
            worker.give('tasks', self.queue)
            worker.start()
            self.addCleanup(os.kill, worker.get_pid(), signal.SIGKILL)
        wait_until(lambda: dump(self.queue)['n-held'] == len(fractions))

    def wait_for(self, page, condition):
        wait_until(lambda: condition(self.screen.photo()))
        self.screen.photo().save(os.path.join(BUILD, f'inspector-{page}.png'))

    def close(self, program):
        self.screen.close_windows()
        _, errors = program.communicate(timeout=DEADLINE)
        self.assertEqual((program.returncode, errors), (0, ''))

    def test_tasks(self):
        for number in range(40):
            self.queue.put({'path': f'/photos/{number}.jpeg', 'size': 256})
        self.run_workers(0.9, 0.6, 0.3)
        program = self.start('--page', 'tasks')
        self.wait_for('tasks', lambda photo: photo.longest_run(is_blue) > 100)
        self.close(program)

    def test_queue_on_a_server(self):
        servers.skip_without_server()
        server = servers.Server()
        self.addCleanup(server.stop)
        uri = f'redis+unix://{server.path}?name=thumbnails'
        queue = Mp.queue_open(uri, mode='joinable')
        for number in range(4):
            queue.put(number)
        tasks = queue.get_tasks(3)
        for number, task in enumerate(tasks):
            task.set_progress(0.9 - number / 4, f'page {number}')
        program = self.start('--queue', uri, '--page', 'tasks')
        self.wait_for('server', lambda photo: photo.longest_run(is_blue) > 100)
        self.close(program)

    def test_overview(self):
        stop = threading.Event()

        def work():
            n = 0
            while not stop.is_set():
                n += 1
                for number in range(20 + n % 40):
                    self.queue.put(number)
                time.sleep(0.05)  # the pace of what is drawn
                for number in range(20 + n % 30):
                    self.queue.get()
                    self.queue.task_done()

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        program = self.start()
        self.wait_for('overview', lambda photo: photo.longest_run(is_blue) > 1 and
                      photo.longest_run(is_orange) > 1)
        self.close(program)

    def test_a_queue_ends(self):
        """The queue that is shown may end at any time."""
        program = self.start('--page', 'processes')
        wait_until(lambda: len(self.screen.photo().colours()) > 16)
        number = identifier(self.queue)
        wait_until(lambda: has_open(program.pid, number))
        self.queue = None
        # It lets go of a queue that has ended.
        wait_until(lambda: not has_open(program.pid, number))
        self.close(program)


if __name__ == '__main__':
    unittest.main()
