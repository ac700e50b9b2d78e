# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every public function is used elsewhere than in its own C test: by another file of the library,
an override, an example, a tool, a program in the documentation or in another language."""

import os
import re
import unittest
import xml.etree.ElementTree as ElementTree

from test_house import SOURCE, read, tracked_files

GIR = os.path.join(os.environ['MP_BUILD_ROOT'], 'mproc-glib', 'Mp-1.0.gir')

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

# The file types in which bindings' names of functions and properties are searched.
SCRIPTS = ('.py', '.js', '.vala', '.ts')

# Functions without a user, and the reason why they exist.
EXCEPTIONS = {
}


def functions_of(gir):
    """Yields the name in C of each function, and the names that bindings have for it."""
    root = ElementTree.parse(gir).getroot()
    for element in root.iter():
        name = element.get(C + 'identifier')
        if name is None or not name.startswith('mp_') or name.endswith('_quark'):
            continue
        names = {element.get('shadows') or element.get('name')}
        for attribute in ('get-property', 'set-property'):
            if element.get(GLIB + attribute):
                names |= {element.get(GLIB + attribute),
                          element.get(GLIB + attribute).replace('-', '_')}
        short = element.get('name')
        if short.endswith('_finish'):
            names |= {short[:-len('_finish')] + '_async', short[:-len('_finish')]}
        if element.tag == f'{CORE}constructor':
            names.add('new')
        yield name, names


def programs(text):
    """Returns the programs of a page of the documentation."""
    return '\n'.join(re.findall(r'```\w*\n(.*?)```', text, re.DOTALL))


def comments_left_out(text):
    return re.sub(r'/\*.*?\*/', '', text, flags=re.DOTALL)


def is_own_test(path):
    """Tests in C count as tests of the room, whatever else they use."""
    return path.startswith('tests/') and path.endswith(('.c', '.h')) and \
        not path.startswith(('tests/benchmarks/', 'tests/matrix/', 'tests/installed/'))


class Uses:
    def __init__(self):
        self.c_names = {}
        self.script_names = set()
        for path in tracked_files():
            self.add(path)

    def add(self, path):
        if path.endswith(('.c', '.h')):
            if not is_own_test(path) and not path.endswith('.h'):
                self.add_c(path, comments_left_out(read(os.path.join(SOURCE, path))))
        elif path.endswith(SCRIPTS):
            self.add_script(read(os.path.join(SOURCE, path)))
        elif path.endswith('.md'):
            text = programs(read(os.path.join(SOURCE, path)))
            self.add_c(path, text)
            self.add_script(text)

    def add_c(self, path, text):
        for name in set(re.findall(r'\bmp_\w+', text)):
            self.c_names.setdefault(name, set()).add(path)

    def add_script(self, text):
        self.script_names |= set(re.findall(r'[.\'"]([A-Za-z][\w-]*)', text))
        self.script_names |= set(re.findall(r'\b([a-z]\w*)(?==| ?:|,|\})', text))

    def are_of(self, name, names):
        defined = re.compile(rf'^{name} \(', re.MULTILINE)
        users = [path for path in self.c_names.get(name, ())
                 if not path.endswith('.c') or not defined.search(read(os.path.join(SOURCE, path)))]
        return bool(users) or bool(names & self.script_names)


class TestPublicUse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.uses = Uses()
        cls.functions = {}
        for name, names in functions_of(GIR):
            cls.functions.setdefault(name, set()).update(names)
        if not tracked_files():
            raise unittest.SkipTest('this is no checkout')

    def test_every_function_is_used(self):
        unused = {name for name, names in self.functions.items()
                  if not self.uses.are_of(name, names)}
        self.assertGreater(len(self.functions), 100)
        self.assertEqual(sorted(unused - set(EXCEPTIONS)), [])

    def test_exceptions_are_needed(self):
        self.assertEqual([name for name in EXCEPTIONS if name not in self.functions], [])
        self.assertEqual([name for name in EXCEPTIONS
                          if self.uses.are_of(name, self.functions[name])], [])

    def test_what_nothing_uses_is_found(self):
        self.assertFalse(self.uses.are_of('mp_queue_' + 'invented', {'in' + 'vented_for_this'}))


if __name__ == '__main__':
    unittest.main()
