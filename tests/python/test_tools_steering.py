# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of mproc that take part in a queue, or steer it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp

from commands import (MPROC, TIMEOUT, Program, Terminal, mproc, objects, own_folder, refuse_tracing, start,
                      wait_until)

FOLDER = own_folder()

# A worker that takes a task and dies with it.
FAILS = '''
import os, signal
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
task = Mp.inherit('tasks').get_task()
os.kill(os.getpid(), signal.SIGKILL)
'''


# A program whose main loop waits for messages, and that says what comes.
LOOP = '''
import sys
import gi
gi.require_version('Mp', '1.0')
from gi.repository import GLib, Mp
queue = Mp.Queue(name=sys.argv[1])
queue.connect('message', lambda queue, message: print(message.get_variant().unpack(),
                                                    flush=True))
queue.start(GLib.PRIORITY_DEFAULT)
print('ready', flush=True)
GLib.MainLoop().run()
'''


def shown(selector):
    result = mproc('show', '--json', selector)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


class TestSteering(unittest.TestCase):
    def setUp(self):
        self.assertRuns(mproc('create', 'tasks', '--joinable', '--max-size', '50', '--max-deliveries', '2'))
        self.addCleanup(mproc, 'rm', 'tasks')

    def assertRuns(self, result, output='', status=0):
        self.assertEqual((result.returncode, result.stderr, result.stdout), (status, '', output))

    def assertFails(self, result, status, reason):
        self.assertEqual((result.returncode, result.stdout), (status, ''))
        self.assertRegex(result.stderr, f'^mproc: .*{reason}')

    # --- Putting and getting

    def test_put_and_get(self):
        self.assertRuns(mproc('put', 'tasks', '1', '"two"', '{"three": [3, null]}'))
        self.assertRuns(mproc('get', 'tasks'), '1\n')
        self.assertRuns(mproc('get', '-n2', 'tasks'), '"two"\n{"three":[3,null]}\n')
        self.assertEqual(shown('tasks')['unfinished'], 0)

    def test_put_lines(self):
        self.assertRuns(mproc('put', 'tasks', input='1\n[2]\n"3"'))
        self.assertRuns(mproc('get', '-n3', 'tasks'), '1\n[2]\n"3"\n')

    def test_put_bytes_and_files(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b'\xff\x00\n')
            file.flush()
            self.assertRuns(mproc('put', 'tasks', '--bytes', '--file', file.name))
        self.assertRuns(mproc('put', 'tasks', '--bytes', 'a b'))
        self.assertRuns(mproc('get', 'tasks'), '{"base64":"/wAK"}\n')
        self.assertRuns(mproc('get', '--format=raw', 'tasks'), 'a b')

    def test_put_gvariant(self):
        self.assertRuns(mproc('put', 'tasks', '--gvariant', '(uint16 5, "x")'))
        self.assertRuns(mproc('get', '--format=gvariant', 'tasks'), "(uint16 5, 'x')\n")

    def test_get_in_forms(self):
        for value, form, output in (('[1]', 'hex', '5b315d\n'), ('[1]', 'raw', '[1]'), ('[1]', 'json', '[1]\n')):
            with self.subTest(form=form):
                self.assertRuns(mproc('put', 'tasks', value))
                self.assertRuns(mproc('get', '--format', form, 'tasks'), output)
        self.assertRuns(mproc('put', 'tasks', '7'))
        [message] = objects(mproc('get', '--json', 'tasks').stdout)
        self.assertEqual(message, {'position': 0, 'format': 'json', 'size': 1, 'value': 7})

    def test_values_are_checked(self):
        self.assertFails(mproc('put', 'tasks', '{"a": '), 1, 'JSON')
        self.assertFails(mproc('put', 'tasks', '--gvariant', '('), 1, '')
        self.assertFails(mproc('put', 'tasks', '--gvariant', '--bytes', '1'), 2, 'exclude')
        self.assertFails(mproc('get', 'tasks', '--format', 'xml'), 2, '--format')
        self.assertEqual(shown('tasks')['put'], 0)

    def test_full_and_empty(self):
        self.assertRuns(mproc('put', 'tasks', input='1\n' * 50))
        self.assertFails(mproc('put', 'tasks', '-t', '0', '1'), 3, '')
        self.assertRuns(mproc('purge', '--yes', '-q', 'tasks'))
        self.assertFails(mproc('get', 'tasks', '-t', '0'), 3, '')

    def test_follow_until_shut_down(self):
        with start('get', '-f', 'tasks') as follower:
            mproc('put', 'tasks', '1', '2')
            self.assertEqual([follower.line() for _ in range(2)], ['1', '2'])
            self.assertRuns(mproc('shutdown', 'tasks'))
            self.assertEqual(follower.wait(TIMEOUT), 0)
        self.assertFails(mproc('put', 'tasks', '3'), 5, '')
        self.assertFails(mproc('get', 'tasks'), 5, '')

    def test_a_task_is_done_when_it_is_written(self):
        """If who reads is gone, the task goes to another consumer."""
        mproc('put', 'tasks', '1')
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([MPROC, 'get', 'tasks'], stdout=writer, stderr=subprocess.PIPE,
                                timeout=TIMEOUT, check=False)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (-signal.SIGPIPE, b''))
        self.assertRuns(mproc('get', 'tasks', '-t', '10'), '1\n')

    def file(self, content):
        path = os.path.join(FOLDER, 'content')
        with open(path, 'wb') as file:
            file.write(content)
        return path

    def test_nothing_raw_on_a_terminal(self):
        mproc('put', 'tasks', '--bytes', '\x1b[2J\x07')
        with Terminal(MPROC, 'get', '--format=raw', 'tasks') as terminal:
            self.assertIn(rb'\x1b[2J\x07', terminal.read_until(rb'x07'))
            self.assertEqual(terminal.finish(), 0)
        mproc('put', 'tasks', '--bytes', '--file', self.file(b'a\0b\x1b\xff'))
        for command in ('peek', 'get'):
            with Terminal(MPROC, command, '--format=raw', 'tasks') as terminal:
                self.assertIn(rb'a\x00b\x1b\xff', terminal.read_until(rb'xff'))
                self.assertEqual(terminal.finish(), 0)
            if command == 'peek':
                self.assertIn(r'bytes     a\x00b\x1b\xff', mproc('peek', 'tasks').stdout)
        mproc('put', 'tasks', r'"\u001b[2J\u009b\u202e"')
        result = mproc('get', '--json', 'tasks')
        self.assertTrue(result.stdout.strip().isprintable())
        self.assertEqual(json.loads(result.stdout)['value'], '\x1b[2J\x9b\u202e')

    # --- Working

    def test_work(self):
        mproc('create', 'results')
        self.addCleanup(mproc, 'rm', 'results')
        mproc('put', 'tasks', input='\n'.join(map(str, range(20))))
        self.assertRuns(mproc('work', 'tasks', '-j', '3', '--until-empty', '--results', 'results', '--', 'cat'))
        results = [mproc('get', '--format=raw', 'results').stdout for _ in range(20)]
        self.assertEqual(sorted(map(int, results)), list(range(20)))
        self.assertEqual((shown('tasks')['unfinished'], shown('tasks')['redelivered']), (0, 0))

    def test_work_raw(self):
        mproc('put', 'tasks', '--bytes', 'plain')
        self.assertRuns(mproc('work', 'tasks', '--until-empty', '--input=raw', '--', 'cat'), 'plain')

    def test_work_tells_what_it_works_on(self):
        mproc('put', 'tasks', '1')
        self.assertRuns(mproc('work', 'tasks', '--until-empty', '--', 'sh', '-c',
                              'echo $MPROC_QUEUE $MPROC_DELIVERY'), 'tasks 1\n')

    def test_work_again(self):
        """75 and signals mean another delivery; then it is a dead letter, which can be put back."""
        for script in ('exit 75', 'kill -KILL $$'):
            with self.subTest(script=script):
                mproc('put', 'tasks', '[5]')
                result = mproc('work', 'tasks', '--until-empty', '--', 'sh', '-c', script)
                self.assertEqual(result.returncode, 0)
                self.assertEqual((shown('tasks')['dead'], shown('tasks')['size']), (1, 0))
                [dead] = objects(mproc('peek', '--dead', '--json', 'tasks').stdout)
                self.assertEqual(dead['value'], [5])
                self.assertRuns(mproc('requeue', 'tasks'), '1 put back\n')
                self.assertEqual((shown('tasks')['dead'], shown('tasks')['size']), (0, 1))
                self.assertRuns(mproc('work', 'tasks', '--until-empty', '--', 'cat'), '[5]\n')
        self.assertEqual(mproc('requeue', 'tasks').returncode, 3)

    def test_work_reports(self):
        mproc('put', 'tasks', '1')
        result = mproc('work', 'tasks', '--until-empty', '--', 'sh', '-c', 'exit 9')
        self.assertEqual(result.returncode, 0)
        self.assertIn('status 9', result.stderr)
        self.assertEqual((shown('tasks')['unfinished'], shown('tasks')['dead']), (0, 0))

    def test_work_does_not_wait_for_ever(self):
        mproc('put', 'tasks', '1')
        result = mproc('work', 'tasks', '--until-empty', '--timeout', '0.05', '--', 'sleep', '60')
        self.assertEqual((result.returncode, shown('tasks')['dead']), (0, 1))
        self.assertIn('took too long', result.stderr)

    def test_work_ends_when_asked(self):
        """After one signal what runs comes to its end."""
        mproc('put', 'tasks', '1', '2')
        with start('work', 'tasks', '--', 'sh', '-c', 'echo begun; read go < %s; cat' % self.fifo()) as worker:
            self.assertEqual(worker.line(), 'begun')
            worker.send_signal(signal.SIGTERM)
            with open(self.path, 'w', encoding='ascii') as go:
                go.write('go\n')
            self.assertEqual(worker.wait(TIMEOUT), 0)
            self.assertEqual(worker.line(), '1')
        self.assertEqual((shown('tasks')['unfinished'], shown('tasks')['size']), (1, 1))

    def fifo(self):
        self.path = os.path.join(FOLDER, f'fifo-{os.urandom(4).hex()}')
        os.mkfifo(self.path)
        self.addCleanup(os.unlink, self.path)
        return self.path

    def test_a_killed_worker_loses_nothing(self):
        mproc('put', 'tasks', '1')
        with start('work', 'tasks', '--', 'sh', '-c', 'echo begun; exec sleep 60') as worker:
            self.assertEqual(worker.line(), 'begun')
            [held] = objects(mproc('peek', '--held', '--json', 'tasks').stdout)
            self.assertEqual(held['value'], 1)
            worker.kill()
        self.assertRuns(mproc('get', 'tasks', '-t', '10'), '1\n')

    def test_work_needs_a_program(self):
        self.assertFails(mproc('work', 'tasks'), 2, 'usage')
        self.assertFails(mproc('work', 'tasks', '--', '/nonexistent'), 2, 'there is no program')
        self.assertFails(mproc('work', '--', 'cat'), 2, 'usage')

    def test_work_without_tasks(self):
        mproc('create', 'plain')
        self.addCleanup(mproc, 'rm', 'plain')
        mproc('put', 'plain', '1', '2')
        self.assertRuns(mproc('work', 'plain', '--until-empty', '--', 'cat'), '1\n2\n')

    # --- Workers that are kept running

    def test_run(self):
        """A worker that dies is replaced, and what it held is done by another."""
        mproc('create', 'results')
        self.addCleanup(mproc, 'rm', 'results')
        worker = """
import os, signal
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
work, results = Mp.inherit('work'), Mp.inherit('results')
for number in work:
    if number == 3 and not os.path.exists(%r):
        open(%r, 'w').close()
        os.kill(os.getpid(), signal.SIGKILL)
    results.put(number)
    work.task_done()
""" % (marker := os.path.join(FOLDER, f'died-{os.urandom(4).hex()}'), marker)
        mproc('put', 'tasks', input='\n'.join(map(str, range(6))))
        with start('run', '-n', '2', '--queue', 'work=tasks', '--queue', 'results=local:results', '--',
                   sys.executable, '-c', worker, stderr=subprocess.PIPE) as pool:
            numbers = mproc('get', '-n6', 'results').stdout.split()
            self.assertEqual(sorted(numbers), list('012345'))
            self.assertRuns(mproc('wait', 'tasks'))
            pool.terminate()
            self.assertEqual(pool.wait(TIMEOUT), 0)
            self.assertIn('was ended by signal 9', pool.stderr.read())

    def test_run_replaces_workers_after_some_tasks(self):
        """Each ends by itself, as after a shutdown, when its last task is done."""
        mproc('create', 'results')
        self.addCleanup(mproc, 'rm', 'results')
        worker = '''
import os
import gi
gi.require_version('Mp', '1.0')
from gi.repository import Mp
work, results = Mp.inherit('work'), Mp.inherit('results')
for number in work:
    if number < 10:
        work.put(number + 10)  # also with the last task
    results.put([os.getpid(), number])
    work.task_done()
results.put([os.getpid(), 'end'])
'''
        mproc('put', 'tasks', input='\n'.join(map(str, range(10))))
        with start('run', '-n1', '--max-tasks=6', '--queue', 'work=tasks', '--queue', 'results=local:results', '--',
                   sys.executable, '-c', worker, stderr=subprocess.PIPE) as pool:
            found = [json.loads(line) for line in mproc('get', '-n23', 'results').stdout.splitlines()]
            self.assertRuns(mproc('wait', 'tasks'))
            pool.terminate()
            self.assertEqual(pool.wait(TIMEOUT), 0)
            self.assertEqual(pool.stderr.read(), '')
        self.assertEqual(sorted(value for _, value in found if value != 'end'), list(range(20)))
        of_each = {}
        for pid, value in found:
            of_each.setdefault(pid, []).append(value)
        self.assertEqual([len(values) for values in of_each.values()], [7, 7, 7, 2])
        self.assertEqual([values[-1] for values in of_each.values()][:3], ['end'] * 3)

    def test_run_once(self):
        self.assertRuns(mproc('run', '-n', '3', '--restart', 'no', '--', 'echo', 'x'), 'x\n' * 3)
        result = mproc('run', '-n', '1', '--max-restarts', '2', '--', 'false')
        self.assertEqual(result.returncode, 1)
        self.assertIn('status 1', result.stderr)
        self.assertFails(mproc('run', '--'), 2, 'usage')
        self.assertFails(mproc('run', '--restart', 'perhaps', '--', 'true'), 2, '--restart')
        self.assertFails(mproc('run', '--max-tasks', '-1', '--', 'true'), 2, 'not negative')
        self.assertFails(mproc('run', '--queue', 'x=no-such-queue', '--', 'true'), 4, 'no such queue')
        self.assertEqual(mproc('run', '-n1', '--', '/nonexistent').returncode, 4)

    # --- Waiting and ending

    def test_wait(self):
        mproc('put', 'tasks', '1')
        self.assertFails(mproc('wait', 'tasks', '-t', '0.01'), 3, '')
        self.assertFails(mproc('wait', '--empty', 'tasks', '-t', '0.01'), 3, '1 messages are still queued')
        with start('wait', 'tasks') as waiter:
            self.assertRuns(mproc('get', 'tasks'), '1\n')
            self.assertEqual(waiter.wait(TIMEOUT), 0)
        self.assertRuns(mproc('wait', '--empty', 'tasks'))

    def test_drain(self):
        mproc('put', 'tasks', '1', '2')
        self.assertFails(mproc('drain', 'tasks', '-t', '0.01'), 3, '')
        with start('drain', 'tasks') as drain:
            self.assertRuns(mproc('get', '-n2', 'tasks'), '1\n2\n')
            self.assertEqual(drain.wait(TIMEOUT), 0)
        self.assertTrue(shown('tasks')['shut_down'])

    def test_dropping_asks(self):
        mproc('put', 'tasks', '1', '2')
        for arguments in (['purge'], ['shutdown', '--immediate']):
            self.assertFails(mproc(*arguments, 'tasks'), 1, 'see --yes')
        self.assertEqual(shown('tasks')['size'], 2)
        with Terminal(MPROC, 'purge', 'tasks') as terminal:
            terminal.read_until(rb'Drop the 2 messages of tasks\? \[y/N\]')
            terminal.write(b'n\n')
            self.assertEqual(terminal.finish(), 1)
        with Terminal(MPROC, 'purge', 'tasks') as terminal:
            terminal.read_until(rb'\[y/N\]')
            terminal.write(b'y\n')
            terminal.read_until(rb'2 dropped')
            self.assertEqual(terminal.finish(), 0)
        mproc('put', 'tasks', '3')
        self.assertRuns(mproc('shutdown', '--immediate', '--yes', 'tasks'))
        self.assertEqual((shown('tasks')['size'], shown('tasks')['shut_down']), (0, True))

    def test_dropping_dead_letters(self):
        mproc('create', 'letters', '--joinable', '--max-deliveries', '1')
        self.addCleanup(mproc, 'rm', 'letters')
        queue = Mp.JoinableQueue.open('local:letters?create=no', None)
        for number in range(4):
            queue.put(number)
            queue.get_task().retry()
        queue.put('queued')
        serial = str(objects(mproc('peek', '--dead', '--json', 'letters').stdout)[2]['position'])
        self.assertFails(mproc('purge', '--dead', 'letters'), 1, 'see --yes')
        self.assertFails(mproc('purge', '--serial', 'x', 'letters'), 2, 'number')
        self.assertRuns(mproc('purge', '--yes', '--serial', serial, 'letters'), '1 dropped\n')
        self.assertRuns(mproc('purge', '--yes', '--serial', serial, 'letters'), '0 dropped\n')
        self.assertEqual([each['value'] for each in objects(mproc('peek', '--dead', '--json', 'letters').stdout)],
                         [0, 1, 3])
        self.assertRuns(mproc('purge', '--yes', '--dead', 'letters'), '3 dropped\n')
        self.assertEqual((shown('letters')['dead'], shown('letters')['size']), (0, 1))

    def test_requeue_of_a_number(self):
        queue = Mp.Queue.open('local:tasks?create=no', None)
        for number in range(3):
            queue.put(number)
        for _ in range(6):
            worker = Mp.Process.new([sys.executable, '-c', FAILS])
            worker.give('tasks', queue)
            worker.start()
            worker.join()
        # What the last one held is found by the next that takes part.
        wait_until(lambda: mproc('get', '-t', '0', 'tasks') and shown('tasks')['dead'] == 3, 'three dead letters')
        self.assertRuns(mproc('requeue', '-n1', 'tasks'), '1 put back\n')
        self.assertEqual((shown('tasks')['dead'], shown('tasks')['size']), (2, 1))
        mproc('shutdown', 'tasks')
        self.assertFails(mproc('requeue', 'tasks'), 5, 'closed')
        self.assertEqual(shown('tasks')['dead'], 2)

    def test_requeue_of_one(self):
        queue = Mp.JoinableQueue.open('local:tasks?create=no', None)
        for number in range(3):
            queue.put(number)
        while queue.get_size() > 0:
            queue.get_task().retry()
        dead = {each['value']: each['position'] for each in objects(mproc('peek', '--dead', '--json', 'tasks').stdout)}
        self.assertEqual(set(dead), {0, 1, 2})
        self.assertRuns(mproc('requeue', '--serial', str(dead[1]), 'tasks'), '1 put back\n')
        self.assertRuns(mproc('get', 'tasks'), '1\n')
        self.assertRuns(mproc('requeue', '--serial', str(dead[1]), 'tasks'), '0 put back\n', 3)
        for wrong in (['--serial', 'x'], ['--serial', '1', '-n', '1']):
            self.assertFails(mproc('requeue', *wrong, 'tasks'), 2, '--serial')
        self.assertEqual(shown('tasks')['dead'], 2)

    def test_requeue_needs_no_room(self):
        queue = Mp.JoinableQueue.open('local:tasks?create=no', None)
        queue.put('dead')
        while queue.get_size() > 0:
            queue.get_task().retry()
        mproc('put', 'tasks', input='1\n' * 50)
        self.assertRuns(mproc('requeue', 'tasks'), '1 put back\n')
        self.assertEqual((shown('tasks')['dead'], shown('tasks')['size']), (0, 51))
        self.assertRuns(mproc('get', 'tasks'), '"dead"\n')

    def test_requeue_that_is_killed(self):
        """Each letter is in the queue or a dead letter, whenever the command ends."""
        mproc('create', 'letters', '--joinable', '--max-deliveries', '1')
        self.addCleanup(mproc, 'rm', 'letters')
        queue = Mp.JoinableQueue.open('local:letters?create=no', None)
        for number in range(3000):
            queue.put(number)
        while queue.get_size() > 0:
            queue.get_task().retry()
        monitor = Mp.QueueMonitor.new_for_queue(queue)
        for left in (2900, 1500, 10):
            with start('requeue', 'letters') as requeue:
                while requeue.poll() is None and monitor.props.n_dead > left:
                    monitor.refresh()
                requeue.kill()
            numbers = []
            while queue.get_size() > 0:
                with queue.get_task(timeout=TIMEOUT) as task:
                    numbers.append(task.value)
            monitor.refresh()
            self.assertEqual(len(set(numbers)), len(numbers))
            self.assertEqual(len(numbers) + monitor.props.n_dead, 3000)
            for number in numbers:
                queue.put(number)
            while queue.get_size() > 0:
                queue.get_task().retry()

    # --- Names

    def test_a_queue_outlives_its_processes(self):
        mproc('put', 'tasks', '1')
        self.assertIn('tasks', mproc('ls', '--names').stdout.splitlines())
        found = shown('local:tasks')
        self.assertEqual((found['size'], found['handles'], found['uri']), (1, 0, 'local:tasks'))
        self.assertEqual(found['max_size'], 50)
        self.assertRegex(mproc('ls').stdout, r'tasks +JoinableQueue +1 +50')
        self.assertRuns(mproc('rm', 'tasks'))
        self.assertFails(mproc('show', 'local:tasks'), 4, 'no such queue')
        self.assertFails(mproc('rm', 'tasks'), 4, '')

    def test_create_again(self):
        self.assertRuns(mproc('create', 'tasks', '--joinable', '--max-size', '50'))
        self.assertFails(mproc('create', 'tasks', '--joinable', '--max-size', '51'), 4, '50, not 51')
        self.assertFails(mproc('create', 'tasks'), 4, 'joinable')
        self.assertFails(mproc('create', 'a/b'), 1, 'no name')
        self.assertFails(mproc('create', 'b', '--max-bytes', '1X'), 2, 'no size')
        self.assertFails(mproc('put', 'local:nothing', '1'), 4, '')
        self.assertFails(mproc('show', 'local:nothing'), 4, '')

    def test_create_with_sizes(self):
        self.assertRuns(mproc('create', 'sized', '--max-bytes', '1M'))
        self.addCleanup(mproc, 'rm', 'sized')
        self.assertEqual(shown('sized')['max_bytes'], 1 << 20)

    def test_a_queue_of_a_process(self):
        """A queue without a name in a running program, by its id and by its descriptor."""
        queue = Mp.JoinableQueue()
        number = str(Mp.QueueMonitor.new_for_queue(queue).props.id)
        self.assertRuns(mproc('put', number, '{"from": "outside"}'))
        self.assertEqual(queue.get(timeout=TIMEOUT), {'from': 'outside'})
        queue.task_done()
        uri = json.loads(mproc('show', '--json', number).stdout)['uri']
        self.assertRegex(uri, r'^process:\d+/\d+$')
        self.assertRuns(mproc('put', uri.removeprefix('process:'), '2'))
        self.assertRuns(mproc('get', number), '2\n')

    def test_without_the_permission_to_trace(self):
        """One takes part in the queues that one sees also where Yama forbids to trace other processes."""
        queue = Mp.JoinableQueue(max_deliveries=0)
        number = str(Mp.QueueMonitor.new_for_queue(queue).props.id)

        def stranger(*arguments):
            return mproc(*arguments, preexec_fn=refuse_tracing)

        self.assertRuns(stranger('put', number, '1', '2', '3', '4'))
        self.assertRuns(stranger('get', number), '1\n')
        self.assertRuns(stranger('work', '--until-empty', '-q', number, '--', 'true'))
        self.assertEqual(shown(number)['unfinished'], 0)
        self.assertRuns(stranger('put', number, '5'))
        self.assertRuns(stranger('purge', '--yes', number), '1 dropped\n')
        queue.put('held')
        with start('work', number, '--', 'sleep', '1000', preexec_fn=refuse_tracing) as worker:
            wait_until(lambda: shown(number)['held'] == 1, 'a task')
            worker.kill()
        task = queue.get_task(timeout=TIMEOUT)
        self.assertEqual((task.get_delivery_count(), task.value), (2, 'held'))
        task.done()
        self.assertRuns(stranger('shutdown', number))
        self.assertTrue(shown(number)['shut_down'])

    def test_waking_a_main_loop_without_the_permission_to_trace(self):
        name = f'loop-{os.urandom(4).hex()}'
        with Program([sys.executable, '-c', LOOP, name], stdout=subprocess.PIPE) as program:
            self.assertEqual(program.line(), 'ready')
            wait_until(lambda: shown(name)['waiting']['loops'] == 1, 'the main loop')
            for number in range(3):
                self.assertRuns(mproc('put', name, f'"{number}"', preexec_fn=refuse_tracing))
                self.assertEqual(program.line(), str(number))
            program.kill()

    # --- Events

    def test_monitor(self):
        queue = Mp.Queue.open('local:tasks?create=no', None)
        with start('monitor', '--json', '-d', '0.01', 'tasks') as monitor:
            seen = []

            def until(event, **wanted):
                while True:
                    line = monitor.line()
                    self.assertIsNotNone(line, f'{event} {wanted} did not come after {seen}')
                    seen.append(json.loads(line))
                    if seen[-1]['event'] == event and wanted.items() <= seen[-1].items():
                        return seen[-1]

            # What happens before the first look is not told.
            while monitor.line(0.05) is None:
                queue.put('wake')
                queue.get_task().done()

            other = Mp.Queue.open('local:tasks?create=no', None)
            other.put('x')
            until('attached', pid=os.getpid())
            task = queue.get_task()
            claimed = until('claimed', pid=os.getpid())
            task.done()
            self.assertEqual(until('done', serial=claimed['serial'])['name'], 'tasks')
            del other
            until('left', pid=os.getpid())

            queue.put('y')
            worker = Mp.Process.new([sys.executable, '-c', FAILS.replace('os.kill', 'signal.pause() or os.kill')])
            worker.give('tasks', queue)
            worker.set_die_with_parent(True)
            worker.start()
            until('claimed', pid=worker.get_pid())
            worker.kill()
            worker.join()
            self.assertEqual(until('died', pid=worker.get_pid())['held'], 1)
            queue.get_task(timeout=TIMEOUT).done()

            for number in range(50):
                queue.put(number)
            until('full')
            queue.shutdown()
            until('shut-down')
            del queue, task
            mproc('rm', 'tasks')
            until('queue-gone')
            self.assertEqual(monitor.wait(TIMEOUT), 0)

    def test_monitor_of_some_events(self):
        self.assertFails(mproc('monitor', '--only', 'nonsense'), 2, 'no event')
        with start('monitor', '--only=queue-new,queue-gone', '-d', '0.01') as monitor:
            line = None
            while line is None:
                mproc('create', 'new-one')
                mproc('put', 'new-one', '1')
                line = monitor.line(0.6)
                mproc('rm', 'new-one')
            self.assertIn(line.split()[1], ('queue-new', 'queue-gone'))
            monitor.terminate()
            self.assertEqual(monitor.wait(TIMEOUT), 0)

    # --- Connections

    def test_listen_and_connect(self):
        address = f'unix:{FOLDER}/socket'
        key = os.path.join(FOLDER, 'key')
        with open(key, 'w', encoding='ascii') as file:
            file.write('secret\n')
        pipes = {'stdin': subprocess.PIPE, 'stderr': subprocess.PIPE}
        with start('listen', address, '--key-file', key, '--once', **pipes) as listener:
            self.assertEqual(listener.stderr.readline(), f'mproc: listening at {address}\n')
            self.assertFails(mproc('connect', address, '--key-file', '/dev/null'), 1, '')
            with start('connect', address, '--key-file', key, **pipes) as client:
                client.stdin.write('{"a": 1}\nnonsense\n[2]\n')
                client.stdin.flush()
                self.assertEqual([listener.line() for _ in range(2)], ['{"a":1}', '[2]'])
                self.assertIn('JSON', client.stderr.readline())
                listener.stdin.write('"back"\n')
                listener.stdin.flush()
                self.assertEqual(client.line(), '"back"')
                client.terminate()
                self.assertEqual(client.wait(TIMEOUT), 0)
            self.assertEqual(listener.wait(TIMEOUT), 0)

    def test_connect_to_python(self):
        """A peer that knows nothing but pickles."""
        program = ('import sys; from multiprocessing.connection import Listener\n'
                   'with Listener(sys.argv[1]) as listener, listener.accept() as peer:\n'
                   '    print("", end="", flush=True)\n'
                   '    peer.send({"got": peer.recv()})\n')
        path = os.path.join(FOLDER, 'python')
        with Program([sys.executable, '-c', program, path]) as peer:
            wait_until(lambda: os.path.exists(path), 'the listener')
            result = mproc('connect', f'unix:{path}', '--format=pickle', '--once', input='[1, "x"]\n')
            self.assertEqual((result.returncode, result.stdout), (0, '{"got":[1,"x"]}\n'))
            self.assertEqual(peer.wait(TIMEOUT), 0)

    def test_bench(self):
        for arguments in ([], ['--joinable', '-p2', '-c2', '-s', '1K'], ['--round-trip']):
            with self.subTest(arguments=arguments):
                [found] = objects(mproc('bench', '--json', '-d', '0.05', *arguments).stdout)
                self.assertGreater(found['messages'], 0)
                self.assertEqual('p50_us' in found, arguments == ['--round-trip'])


if __name__ == '__main__':
    unittest.main()
