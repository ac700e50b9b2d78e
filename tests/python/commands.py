# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the command mproc, in pipes and on terminals, for its tests."""

import atexit
import ctypes
import errno
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

MPROC = os.path.join(os.environ['MP_BUILD_ROOT'], 'tools', 'mproc')
TIMEOUT = 120

ESCAPES = re.compile(rb'\x1b\[[0-9;?]*[a-zA-Z]')


def own_folder():
    """Gives this process and its children a folder of their own for queues with names."""
    folder = tempfile.mkdtemp(prefix='mproc-glib-', dir='/dev/shm')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ['XDG_RUNTIME_DIR'] = folder
    return folder


def mproc(*arguments, **keywords):
    keywords = {'stdin': subprocess.DEVNULL, **keywords} if 'input' not in keywords else keywords
    return subprocess.run([MPROC, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT, check=False, **keywords)


class Program(subprocess.Popen):
    """One that is ended when a test fails before it has ended by itself."""

    rest = b''

    def line(self, timeout=TIMEOUT):
        """Returns the next line of the output; None if none comes. Not together with stdout.read*."""
        while b'\n' not in self.rest:
            if not select.select([self.stdout], [], [], timeout)[0]:
                return None
            data = os.read(self.stdout.fileno(), 65536)
            if not data:
                return None
            self.rest += data
        line, _, self.rest = self.rest.partition(b'\n')
        return line.decode()

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)


def start(*arguments, **keywords):
    return Program([MPROC, *arguments], stdout=subprocess.PIPE, text=True, **keywords)


class _Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('instructions', ctypes.c_void_p)]


def refuse_tracing():
    """From now on this process cannot duplicate the descriptors of others, as where Yama forbids to trace
    them."""
    number, load, compare, answer = 438, 0x20, 0x15, 0x06  # pidfd_getfd has this number everywhere
    refused, allowed = 0x50000 | errno.EPERM, 0x7fff0000
    code = b''.join(struct.pack('=HBBI', *each) for each in (
        (load, 0, 0, 0), (compare, 0, 1, number), (answer, 0, 0, refused), (answer, 0, 0, allowed)))
    instructions = ctypes.create_string_buffer(code, len(code))
    program = _Filter(len(code) // 8, ctypes.addressof(instructions))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program)):
        raise OSError('no filter of system calls')


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def wait_until(condition, what='the condition'):
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f'{what} did not come true')
        time.sleep(0.005)
    return value


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *command, columns=80, lines=24, **environment):
        self.output = b''
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
            os.environ.update({'TERM': 'xterm', **environment})
            os.execv(command[0], command)

    def resize(self, columns, lines):
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def read_some(self):
        ready, _, _ = select.select([self.descriptor], [], [], TIMEOUT)
        if not ready:
            raise TimeoutError(f'nothing more came: {self.output}')
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the other end was closed
            data = b''
        self.output += data
        return data

    def read_until(self, wanted):
        """Reads until a regular expression is found; returns what came up to its end."""
        while not (found := re.search(wanted, self.output, re.DOTALL)):
            if not self.read_some():
                raise EOFError(f'{wanted} did not come: {self.output}')
        seen, self.output = self.output[:found.end()], self.output[found.end():]
        return seen

    def frame(self, *wanted):
        """Returns the first whole picture, as lines of text, in which all of these are found."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            seen = self.read_until(rb'\x1b\[H\x1b\[2J(?=.*\x1b\[H\x1b\[2J)')
            while b'\x1b[H\x1b[2J' not in self.output:
                self.read_some()
            frame = self.output[:self.output.index(b'\x1b[H\x1b[2J')]
            text = ESCAPES.sub(b'', frame).decode(errors='replace').replace('\r', '')
            if all(re.search(each, text) for each in wanted):
                return text.splitlines()
            del seen
        raise TimeoutError(f'no picture has {wanted}: {text}')

    def write(self, text):
        os.write(self.descriptor, text)

    def finish(self):
        """Reads to the end; returns the exit status."""
        while self.read_some():
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.pid != 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)
