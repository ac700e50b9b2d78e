# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mproc shows of others: what can be known of a queue from outside, what goes wrong, and workers at
work."""

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import gi
gi.require_version('Mp', '1.0')
from gi.repository import Gio, GLib, Mp

from helping import state_of

from commands import MPROC, TIMEOUT, Program, Terminal, mproc, objects, own_folder, start, wait_until

FOLDER = own_folder()
PR_SET_DUMPABLE = 4
NOBODY = 65534

# A program with a queue of its own, that does what it reads until the end of its input.
OWNER = '''
import ctypes, os, sys
import gi
gi.require_version('Mp', '1.0')
from gi.repository import GLib, Mp
queue = Mp.JoinableQueue(name=sys.argv[1])
queue.put('secret')
for line in sys.stdin:
    exec(line)
    print(flush=True)
'''

# The same program with a worker, which holds a task until it is killed.
HOLDER = '''
import signal
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
task = Mp.inherit('tasks').get_task()
task.set_progress(0.5, 'half')
signal.pause()
'''


def owner(name, **keywords):
    return Program([sys.executable, '-c', OWNER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                   **keywords)


def do(program, line):
    program.stdin.write(line + '\n')
    program.stdin.flush()
    assert program.line() is not None


def identifier(queue):
    return str(Mp.QueueMonitor.new_for_queue(queue).props.id)


def shown(selector):
    result = mproc('show', '--json', selector)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def as_nobody():
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class TestFacts(unittest.TestCase):
    """What can be known of a queue from outside."""

    def setUp(self):
        self.name = f'facts-{os.urandom(4).hex()}'
        self.queue = Mp.JoinableQueue(20, name=self.name, max_deliveries=3)
        self.number = identifier(self.queue)

    def worker(self):
        worker = Mp.Process.new([sys.executable, '-c', HOLDER])
        worker.give('tasks', self.queue)
        worker.set_die_with_parent(True)
        worker.start()
        self.addCleanup(worker.kill)
        return worker

    def test_the_file_has_the_name(self):
        links = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')
                 if os.path.exists(f'/proc/self/fd/{fd}')]
        self.assertTrue(any(f'/memfd:mproc-glib-queue:{self.name}' in link for link in links), links)

    def test_the_id_is_the_inode(self):
        process, descriptor = shown(self.number)['uri'].removeprefix('process:').split('/')
        self.assertEqual(str(os.stat(f'/proc/{process}/fd/{descriptor}').st_ino), self.number)

    def test_participants_are_processes(self):
        """By the lock of the descriptor, not by what the queue says."""
        worker = self.worker()
        self.queue.put(1)
        wait_until(lambda: shown(self.number)['held'] == 1)
        found = {each['pid']: each for each in shown(self.number)['processes']}
        self.assertEqual(set(found), {os.getpid(), worker.get_pid()})
        self.assertEqual((found[os.getpid()]['put'], found[worker.get_pid()]['got'],
                          found[worker.get_pid()]['held']), (1, 1, 1))

    def test_who_waits(self):
        waiter = start('get', self.number)
        self.addCleanup(waiter.wait)
        self.addCleanup(waiter.kill)
        wait_until(lambda: shown(self.number)['waiting']['get'] == 1)
        waits = {each['command']: each['waits'] for each in shown(self.number)['processes']}
        self.assertEqual(waits['mproc'], ['get'])
        self.queue.put(1)
        self.assertEqual(waiter.wait(TIMEOUT), 0)

    def test_a_main_loop_waits(self):
        self.queue.connect('message', print)
        self.queue.start()
        self.addCleanup(self.queue.stop)
        while GLib.MainContext.default().iteration(False):
            pass
        self.assertEqual(shown(self.number)['waiting']['loops'], 1)

    def test_tasks(self):
        self.queue.put({'n': 1})
        task = self.queue.get_task()
        task.set_progress(0.25, 'a quarter')
        [row] = shown(self.number)['tasks']
        self.assertEqual((row['state'], row['pid'], row['deliveries'], row['progress'], row['text']),
                         ('held', os.getpid(), 1, 0.25, 'a quarter'))
        self.assertGreaterEqual(row['held_us'], 0)
        task.retry()
        [row] = shown(self.number)['tasks']
        self.assertEqual((row['state'], row['pid'], row['held_us']), ('again', None, None))

    def test_rates_and_age(self):
        top = start('top', '--json', '-d', '0.2', self.number)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        self.assertEqual(json.loads(top.line())['rates'],
                         {'interval': None, 'put': 0, 'get': 0, 'bytes_in': 0, 'bytes_out': 0})
        self.queue.put('x' * 1000)
        rates = wait_until(lambda: (found := json.loads(top.line()))['rates']['put'] > 0 and found)
        self.assertGreater(rates['rates']['interval'], 0)
        self.assertGreater(rates['rates']['bytes_in'], 1000 * rates['rates']['put'])
        self.assertEqual(rates['rates']['bytes_out'], 0)
        self.assertGreater(wait_until(lambda: (found := json.loads(top.line()))['oldest_us'] and found)['oldest_us'], 0)
        self.assertEqual(rates['size'], 1)

    def test_messages_are_seen_and_not_taken(self):
        for value in (1, 'two'):
            self.queue.put(value)
        self.assertEqual([each['value'] for each in objects(mproc('peek', '--json', self.number).stdout)], [1, 'two'])
        self.assertEqual((shown(self.number)['size'], self.queue.get()), (2, 1))

    def test_looking_is_no_participation(self):
        monitor = Mp.QueueMonitor.new_for_queue(self.queue)
        before = (monitor.props.n_processes, monitor.props.memory)
        others = [Mp.QueueMonitor.new_for_queue(self.queue) for _ in range(20)]
        for each in others:
            each.refresh()
            each.list_processes()
            each.list_tasks(10)
        monitor.refresh()
        self.assertEqual((monitor.props.n_processes, monitor.props.memory), before)

    def test_looking_wakes_nobody(self):
        """A process that waits in a main loop sleeps on while others look."""
        with owner(self.name + '-sleeper') as sleeper:
            do(sleeper, 'queue.get()')
            do(sleeper, 'queue.connect("message", print); queue.start()')
            sleeper.stdin.write('GLib.MainLoop().run()\n')
            sleeper.stdin.flush()
            wait_until(lambda: objects(mproc('ls', '--all', '--json', self.name + '-sleeper').stdout)[0]['waiting']['loops'])
            number = str(next(each['id'] for each in objects(mproc('ls', '--all', '--json', self.name + '-sleeper').stdout)))
            # It looks for deaths by itself from time to time.
            before, begun = switches(sleeper.pid), time.monotonic()
            for _ in range(30):
                for monitor in Mp.QueueMonitor.find():
                    monitor.list_processes()
            mproc('ls')
            mproc('peek', number)
            self.assertLess(switches(sleeper.pid) - before, 5 + 2 * (time.monotonic() - begun))
            sleeper.kill()

    def list_as(self, become):
        """Returns what `ls --all` does in a process that was changed by @become, if it can run."""
        try:
            result = mproc('ls', '--all', preexec_fn=become)
        except PermissionError:
            self.skipTest('another user cannot run the program')
        if result.returncode == 127:
            self.skipTest('another user cannot read the library')
        return result

    @unittest.skipIf(os.getuid() != 0, 'only root can become another user')
    def test_other_users_see_only_that_there_is_one(self):
        self.queue.put(1)
        result = self.list_as(as_nobody)
        self.assertNotIn(self.name, result.stdout)
        self.assertRegex(result.stdout, r'\d+ more belongs? to others\.')
        self.assertEqual(mproc('show', self.number, preexec_fn=as_nobody).returncode, 4)
        uri = shown(self.number)['uri'].removeprefix('process:')
        for command, *values in (['show'], ['put', '2'], ['get'], ['purge', '--yes']):
            with self.subTest(command=command):
                denied = mproc(command, uri, *values, preexec_fn=as_nobody)
                self.assertEqual(denied.returncode, 6, denied.stderr)
                self.assertIn('ermission denied', denied.stderr)
        self.assertEqual(self.queue.get_size(), 1)

    def test_undumpable_processes_are_not_seen(self):
        """Neither by root without the privilege nor by their own user."""
        become = as_nobody if os.getuid() == 0 else None
        self.list_as(become)
        with owner(self.name + '-closed', preexec_fn=become) as program:
            do(program, 'pass')
            self.assertIn(self.name + '-closed', mproc('ls', '--names', preexec_fn=become).stdout)
            do(program, f'ctypes.CDLL(None).prctl({PR_SET_DUMPABLE}, 0)')
            result = mproc('ls', '--all', preexec_fn=become)
            self.assertNotIn(self.name + '-closed', result.stdout)
            self.assertRegex(result.stdout, r'\d+ more belongs? to others\.')
            program.stdin.close()

    def test_tracing_is_not_needed(self):
        """Where Yama forbids to attach to other processes, one can still look at their queues and take part."""
        path = '/proc/sys/kernel/yama/ptrace_scope'
        if not os.path.exists(path):
            self.skipTest('the kernel has no Yama')
        with open(path, encoding='ascii') as file:
            before = file.read()
        if os.access(path, os.W_OK):
            with open(path, 'w', encoding='ascii') as file:
                file.write('1')
            self.addCleanup(lambda: open(path, 'w', encoding='ascii').write(before))
        elif before.strip() == '0':
            self.skipTest('tracing is allowed here')
        with owner(self.name + '-other') as program:
            do(program, 'pass')
            self.assertIn(self.name + '-other', mproc('ls', '--names').stdout)
            self.assertEqual(mproc('put', self.name + '-other', '1').returncode, 0)
            self.assertEqual(mproc('get', self.name + '-other').stdout, '"secret"\n')
            program.stdin.close()

    def test_inside_a_pid_namespace(self):
        """The id outside is that of the process, whatever it is inside."""
        if subprocess.run(['unshare', '--pid', '--fork', '--mount-proc', 'true'], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest('there are no namespaces')
        with Program(['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', sys.executable, '-c', OWNER,
                      self.name + '-inside'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            do(program, 'pass')
            [found] = objects(mproc('ls', '--json', self.name + '-inside').stdout)
            [process] = found['processes']
            self.assertEqual(process['pid_inside'], 1)
            with open(f'/proc/{process["pid"]}/cmdline', encoding='utf-8') as file:
                self.assertIn(self.name + '-inside', file.read())
            program.stdin.close()

    def test_json_is_as_its_schema_says(self):
        self.queue.put(1)
        task = self.queue.get_task()
        task.set_progress(1, '')
        with open(os.path.join(os.environ['MP_SOURCE_ROOT'], 'tests', 'tools', 'queue.schema.json'),
                  encoding='utf-8') as file:
            schema = json.load(file)
        found = shown(self.number)
        self.assertEqual(problems(found, schema), [])
        self.assertNotEqual(problems({**found, 'size': '1'}, schema), [])
        self.assertNotEqual(problems({**found, 'more': 1}, schema), [])
        task.done()


def switches(pid):
    """How often a process went to sleep."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return int(re.search(r'^voluntary_ctxt_switches:\t(\d+)', file.read(), re.MULTILINE)[1])


TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'integer': int, 'number': (int, float),
         'null': type(None)}


def problems(value, schema, where=''):
    """Checks a value against the part of JSON Schema that ours uses."""
    types = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    if not any(isinstance(value, TYPES[each]) and (each == 'boolean' or not isinstance(value, bool))
               for each in types):
        return [f'{where} is {value!r}']
    found = []
    if isinstance(value, dict):
        found += [f'{where}.{key} is missing' for key in schema['properties'] if key not in value]
        for key, member in value.items():
            if key not in schema['properties']:
                found.append(f'{where}.{key} is not described')
            else:
                found += problems(member, schema['properties'][key], f'{where}.{key}')
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += problems(item, schema['items'], f'{where}[{i}]')
    return found


# A user of the queue, which holds nothing and ends as it is told to.
USER = '''
import os, signal, sys
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
queue = Mp.inherit('tasks')
queue.put('here')
for line in sys.stdin:
    exec(line)
'''


class TestEvents(unittest.TestCase):
    """Who ends without leaving the queue has died, whatever it held."""

    def setUp(self):
        self.name = f'events-{os.urandom(4).hex()}'
        self.queue = Mp.JoinableQueue(name=self.name)

    def user(self):
        user = Mp.Process.new([sys.executable, '-c', USER])
        user.give('tasks', self.queue)
        user.set_die_with_parent(True)
        user.set_flags(Gio.SubprocessFlags.STDIN_PIPE)
        user.start()
        self.addCleanup(user.kill)
        self.assertEqual(self.queue.get(timeout=TIMEOUT), 'here')
        self.queue.task_done()
        return user

    def monitor(self, name, do_something):
        """Returns a command that tells events of the queue, and has seen it."""
        monitor = start('monitor', '--json', '-d', '0.02', name)
        self.addCleanup(monitor.wait)
        self.addCleanup(monitor.kill)
        while monitor.line(0.1) is None:
            do_something()
        return monitor

    @staticmethod
    def event(monitor, *names):
        while (event := json.loads(monitor.line()))['event'] not in names:
            pass
        return event

    def work(self):
        self.queue.put(1)
        self.queue.get_task().done()

    def test_ends(self):
        monitor = self.monitor(self.name, self.work)
        for how, wanted in (('os.kill(os.getpid(), signal.SIGKILL)', 'died'), ('os._exit(0)', 'died'),
                            ('sys.exit(3)', 'left'), ('del queue', 'left')):
            with self.subTest(how=how):
                user = self.user()
                self.assertEqual(self.event(monitor, 'attached')['pid'], user.get_pid())
                user.get_stdin_pipe().write_all(f'{how}\n'.encode(), None)
                event = self.event(monitor, 'left', 'died')
                self.assertEqual((event['event'], event['pid'], event['held']), (wanted, user.get_pid(), 0))

    def test_the_last_one_dies(self):
        """The queue goes with it; both are told."""
        with owner(self.name + '-last') as program:
            do(program, 'pass')
            monitor = self.monitor(self.name + '-last', lambda: do(program, 'queue.put(1); queue.get_task().done()'))
            do(program, 'queue.put(1); task = queue.get_task()')
            while 'serial' not in self.event(monitor, 'claimed'):
                pass
            program.kill()
            event = self.event(monitor, 'left', 'died')
            self.assertEqual((event['event'], event['pid'], event['held']), ('died', program.pid, 1))
            self.event(monitor, 'queue-gone')
            self.assertEqual(monitor.wait(TIMEOUT), 0)


class TestRefusals(unittest.TestCase):
    """What bad input gets."""

    def setUp(self):
        self.name = f'refusals-{os.urandom(4).hex()}'
        self.queue = Mp.JoinableQueue(name=self.name)
        self.queue.put('x')

    def test_unknown(self):
        for command in ('show', 'peek', 'tail', 'get', 'drain', 'purge', 'requeue', 'wait', 'shutdown'):
            with self.subTest(command=command):
                result = mproc(command, 'no-such-queue')
                self.assertEqual((result.returncode, result.stderr), (4, 'mproc: no-such-queue: there is no such queue\n'))

    def test_a_password_is_not_told(self):
        for command, *values in (['put', '1'], ['show'], ['peek']):
            result = mproc(command, 'redis://user:secret@127.0.0.1:1/0?name=x', *values)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn('redis://127.0.0.1:1/0?name=x', result.stderr)
            self.assertNotIn('secret', result.stdout + result.stderr)
        result = mproc('put', 'redis://user:secret@127.0.0.1:1/0?name=a@b', '1')
        self.assertIn('redis://127.0.0.1:1/0?name=a@b', result.stderr)

    def test_by_uri(self):
        """What a monitor says is a name for commands, too."""
        [uri] = [monitor.dup_uri() for monitor in Mp.QueueMonitor.find(None)
                 if monitor.props.name == self.name]
        self.assertEqual(mproc('put', uri, '1').returncode, 0)
        self.assertEqual(mproc('get', uri).stdout, '"x"\n')
        self.assertIn('JoinableQueue', mproc('show', uri).stdout)

    def test_several(self):
        other = Mp.JoinableQueue(name=self.name)
        result = mproc('put', self.name, '1')
        self.assertEqual(result.returncode, 4)
        for queue in (other, self.queue):
            self.assertIn(identifier(queue), result.stderr)
        self.assertEqual(mproc('put', identifier(other), '1').returncode, 0)

    def test_by_its_process(self):
        with owner(self.name) as program:
            do(program, 'pass')
            self.assertEqual(mproc('show', self.name).returncode, 4)
            found = shown(f'{self.name}@{program.pid}')
            self.assertEqual([each['pid'] for each in found['processes']], [program.pid])
            program.stdin.close()

    def test_a_hostile_queue_is_damaged(self):
        """It is shown as such, whatever its memory says, and nothing can be done with it."""
        memory = os.memfd_create(f'mproc-glib-queue:{self.name}-bad', os.MFD_ALLOW_SEALING)
        os.ftruncate(memory, 1 << 20)
        [found] = [each for each in objects(mproc('ls', '--all', '--json').stdout)
                   if each['id'] == os.fstat(memory).st_ino] or [None]
        # Nobody has it open in the way that participants have.
        self.assertIsNone(found)
        lock = struct.pack('hhlli4x', fcntl.F_WRLCK, os.SEEK_SET, 1 << 62, 1, 0)
        again = os.open(f'/proc/self/fd/{memory}', os.O_RDWR)
        fcntl.fcntl(again, 37, lock)  # F_OFD_SETLK
        [found] = [each for each in objects(mproc('ls', '--json').stdout) if each['id'] == os.fstat(memory).st_ino]
        self.assertEqual((found['damaged'], found['size'], found['name'], found['processes']), (True, 0, None, []))
        number = str(found['id'])
        self.assertRegex(mproc('ls').stdout, rf'{number} .* damaged')
        self.assertIn('damaged', mproc('show', number).stdout)
        self.assertEqual(mproc('peek', number).returncode, 3)
        self.assertEqual(mproc('put', number, '1').returncode, 1)
        os.close(again)
        os.close(memory)

    def test_memory_that_is_cut_short(self):
        """A file on tmpfs cannot be sealed; who looks at it survives that its owner cuts it."""
        queue = Mp.JoinableQueue.open(f'local:{self.name}-cut', None)
        queue.put('x')
        monitor = Mp.QueueMonitor.new_for_queue(queue)
        path = os.path.join(FOLDER, 'mproc-glib', f'{self.name}-cut', 'memory')
        with start('top', '-b', '-d', '0.02', f'local:{self.name}-cut') as top:
            top.line()
            del queue
            os.truncate(path, 100)
            monitor.refresh()
            self.assertIsNone(top.poll())
            for _ in range(20):
                self.assertIsNotNone(top.line())
            top.terminate()
            self.assertEqual(top.wait(TIMEOUT), 0)
        shutil.rmtree(os.path.dirname(path))

    def test_a_queue_that_ends_while_it_is_shown(self):
        for arguments in (['top', '-b', '-d', '0.02'], ['show', '-w', '0.02']):
            with self.subTest(arguments=arguments), owner(self.name + '-ends') as program:
                do(program, 'pass')
                with start(*arguments, self.name + '-ends', stderr=subprocess.PIPE) as looker:
                    self.assertIsNotNone(looker.line())
                    program.stdin.close()
                    self.assertEqual(looker.wait(TIMEOUT), 0)
                    self.assertEqual(looker.stderr.read(), '')

    def test_a_process_id_that_is_used_again(self):
        """What another process of that number has is not taken for the queue."""
        worker = Mp.Process.new([sys.executable, '-c', HOLDER])
        worker.give('tasks', self.queue)
        worker.start()
        monitor = Mp.QueueMonitor.new_for_queue(self.queue)

        def pids():
            return {row.get('pid') for row in monitor.list_processes().unpack()}

        wait_until(lambda: worker.get_pid() in pids())
        worker.kill()
        worker.join()
        self.assertEqual(pids(), {os.getpid()})
        last_pid = '/proc/sys/kernel/ns_last_pid'
        if os.access(last_pid, os.W_OK):
            with open(last_pid, 'r+', encoding='ascii') as file:
                before = file.read()
                file.seek(0)
                file.write(str(worker.get_pid() - 1))
                file.flush()
                other = Program(['sleep', '60'])
                # Other programs expect that the number of a process that has ended is not used again soon.
                file.seek(0)
                file.write(before)
            with other:
                self.assertEqual(pids(), {os.getpid()})
                other.kill()

    def test_a_terminal_of_20_columns(self):
        with Terminal(MPROC, 'top', '-d', '0.02', self.name, columns=20, lines=8) as top:
            lines = top.frame('NAME')
            self.assertLessEqual(max(map(len, lines)), 20)
            self.assertLessEqual(len(lines), 8)
            top.write(b'q')
            self.assertEqual(top.finish(), 0)

    def test_a_terminal_that_changes(self):
        with Terminal(MPROC, 'top', '-d', '30', self.name, columns=40) as top:
            top.read_until(rb'NAME.*\n')
            top.resize(100, 30)
            frame = top.read_until(rb'\x1b\[H\x1b\[2J.*HANDLES')
            self.assertIn(b'OLDEST', frame)
            top.write(b'q')
            self.assertEqual(top.finish(), 0)

    def test_show_fits_the_terminal(self):
        task = self.queue.get_task()
        task.set_progress(0.5, '\N{GREEK SMALL LETTER OMEGA}' * 20)
        with Terminal(MPROC, 'show', '-w', '0.02', self.name, columns=20, lines=8) as show:
            lines = show.frame('messages')
            self.assertLessEqual(max(map(len, lines)), 20)
            self.assertLessEqual(len(lines), 8)
            show.write(b'\x03')
            self.assertEqual(show.finish(), 0)
        task.done()

    def test_a_terminal_that_goes_away(self):
        terminal = Terminal(MPROC, 'top', '-d', '30', self.name)
        terminal.read_until(rb'NAME.*\n')
        os.close(terminal.descriptor)
        _, status = os.waitpid(terminal.pid, 0)
        self.assertIn(os.waitstatus_to_exitcode(status), (0, -signal.SIGHUP))

    def test_a_dumb_terminal(self):
        with Terminal(MPROC, 'top', '-d', '0.02', '-n', '2', self.name, TERM='dumb') as top:
            top.finish()
            self.assertNotIn(b'\x1b', top.output)
            self.assertEqual(top.output.count(b'NAME'), 2)

    def test_a_pipe_that_closes(self):
        """`mproc tail | head -1` ends quietly."""
        with Program(['sh', '-c', f'exec 2>&1; {MPROC} tail {self.name} | head -1'], stdout=subprocess.PIPE,
                     text=True) as pipe:
            while pipe.poll() is None and pipe.line(0.1) is None:
                self.queue.put('x')
            while pipe.poll() is None:
                self.queue.put('x')
                self.assertIsNone(pipe.line(0.1))
            self.assertEqual(pipe.returncode, 0)

    def test_no_runtime_folder(self):
        """Names are then in /run/user or /dev/shm."""
        environment = {key: value for key, value in os.environ.items() if key != 'XDG_RUNTIME_DIR'}
        name = self.name + '-somewhere'
        self.assertEqual(mproc('create', name, env=environment).returncode, 0)
        self.assertEqual(mproc('put', name, '1', env=environment).returncode, 0)
        self.assertEqual(mproc('get', name, env=environment).stdout, '1\n')
        self.assertEqual(mproc('rm', name, env=environment).returncode, 0)
        self.assertEqual(mproc('create', name, env={**environment, 'XDG_RUNTIME_DIR': '/nonexistent'}).returncode, 4)


class TestWorkers(unittest.TestCase):
    """`mproc top` on the example that checksums a tree."""

    def setUp(self):
        self.coordinator = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples', 'c', 'checksum-coordinator')
        if shutil.which('gjs') is None or not os.path.exists(self.coordinator):
            self.skipTest('there is no gjs, or no examples')
        self.folder = tempfile.mkdtemp(prefix='mproc-glib-top-')
        self.addCleanup(shutil.rmtree, self.folder)
        # However fast the workers are, these keep them busy for longer than anything takes.
        for i in range(8):
            with open(os.path.join(self.folder, f'file-{i}'), 'wb') as file:
                file.truncate(1 << 36)

    def test_top_shows_workers_by_name(self):
        build = os.path.join(os.environ['MP_BUILD_ROOT'], 'examples')
        source = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
        with Program([self.coordinator, self.folder], stdout=subprocess.PIPE,
                     stderr=subprocess.DEVNULL, start_new_session=True,
                     env={**os.environ, 'MP_EXAMPLES_SOURCE': source, 'MP_EXAMPLES_BUILD': build}) as run:
            try:
                self.look(run)
            finally:
                os.killpg(run.pid, signal.SIGKILL)

    @staticmethod
    def stop_at_work(number, pid):
        """Stops a worker, and returns the name of the file of its task; lets it go on if it has none."""
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: state_of(pid) == 'T')
        for row in shown(number)['tasks']:
            if row['pid'] == pid and row['text']:
                return row['text']
        os.kill(pid, signal.SIGCONT)
        return None

    def look(self, run):
        [number] = wait_until(lambda: [
            str(each['id']) for each in objects(mproc('ls', '--all', '--json', 'tasks').stdout)
            if run.pid in [process['pid'] for process in each['processes']]])
        with Terminal(MPROC, 'top', '-d', '0.1', number, columns=120) as top:
            workers = [r'checksum-worker\[\d+\]', r'checksum-worker\.py\[\d+\]', r'checksum-worker\.js\[\d+\]']
            rows = [rf'{each} +tasks +\d+ +\d+ +1 .* +\d+%  file-\d' for each in workers]
            # In a picture in which all four are at work.
            lines = top.frame(*rows, r'(?s)(checksum-worker[^\n]*%.*?){4}')
            self.assertEqual(sum('checksum-worker' in line and '%' in line for line in lines), 4, lines)
            [victim] = [int(re.search(r'\[(\d+)\]', line)[1]) for line in lines if 'checksum-worker.py' in line]
            task = wait_until(lambda: self.stop_at_work(number, victim))
            os.kill(victim, signal.SIGKILL)
            # Somebody else has it again, for the second time.
            lines = top.frame(rf' 2  +\d+%  {task}')
            [row] = [line for line in lines if re.search(rf' 2  +\d+%  {task}', line)]
            self.assertNotIn(f'[{victim}]', row)
            top.write(b'q')
            self.assertEqual(top.finish(), 0)


if __name__ == '__main__':
    unittest.main()
