# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects created by GObject without the properties that their constructors set: any call on them,
with any arguments, raises an exception or succeeds, and never crashes."""

import inspect
import os
import signal
import time
import unittest
import xml.etree.ElementTree as ElementTree

from helping import DEADLINE, TestCase

from gi.repository import GLib, GObject, Mp

GIR = os.path.join(os.environ['MP_BUILD_ROOT'], 'mproc-glib', 'Mp-1.0.gir')
CORE = '{http://www.gtk.org/introspection/core/1.0}'

# The timeout of a single call, in seconds: it waits for something that never happens.
PATIENCE = 0.1

ARGUMENTS = ((), (0,), (None,), ('text',), (b'bytes',), (0, 0), ('text', 0), (None, None), (0, 0, None),
             ('text', 'text', 0), (0.5, 'text'))

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP)


class Interrupted(BaseException):
    pass


def interrupt(*ignored):
    raise Interrupted


def bare(cls):
    return GObject.Object.__new__(cls) if cls.__gtype__.is_abstract() else GObject.new(cls)


def names_of(cls):
    """Returns the names of methods and attributes, except those of every GObject."""
    def is_own(name):
        return inspect.getattr_static(cls, name) is not inspect.getattr_static(GObject.Object, name, None)

    return sorted(name for name in dir(cls) if is_own(name) and
                  (not name.startswith('__') or name in ('__len__', '__iter__', '__enter__')))


def use(obj, name):
    attribute = getattr(obj, name)
    if not callable(attribute):
        return
    for arguments in ARGUMENTS:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            result = attribute(*arguments)
            if name == '__iter__':
                next(result)
        except (Exception, Interrupted):
            pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def use_in_child(cls, name):
    pid = os.fork()
    if pid:
        return pid
    try:
        # Wrong calls print criticals.
        GLib.log_set_always_fatal(GLib.LogLevelFlags.LEVEL_ERROR)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.signal(signal.SIGALRM, interrupt)
        use(bare(cls), name)
    except (Exception, Interrupted):
        pass
    finally:
        os._exit(0)


def end_of(pid):
    """Returns the signal that ended a child, which is killed if it waits within C."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return signal.SIGKILL


class TestBare(TestCase):
    def check(self, cls):
        crashed = {name: signal.Signals(ended).name for name in names_of(cls)
                   if (ended := end_of(use_in_child(cls, name))) in CRASHES}
        self.assertEqual(crashed, {})

    def test_everything_is_called(self):
        """Each method that the GIR has, of the class and of what it derives from."""
        for node in ElementTree.parse(GIR).iter(f'{CORE}class'):
            cls = getattr(Mp, node.get('name'))
            methods = {method.get('name') for method in node.iter(f'{CORE}method')
                       if method.get('introspectable') != '0' and method.get('shadowed-by') is None}
            self.assertEqual(methods - set(names_of(cls)), set(), cls)
            self.assertTrue(hasattr(self, f'test_{cls.__name__}'), cls)

    def test_a_crash_is_found(self):
        class Crash(GObject.Object):
            def crash(self):
                os.kill(os.getpid(), signal.SIGSEGV)

        with self.assertRaises(AssertionError):
            self.check(Crash)


def add_tests():
    for name in dir(Mp):
        cls = getattr(Mp, name)
        if isinstance(cls, type) and issubclass(cls, GObject.Object):
            setattr(TestBare, f'test_{name}', lambda self, cls=cls: self.check(cls))


add_tests()

if __name__ == '__main__':
    unittest.main()
