# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks of the project's rules about its source: dependencies, sizes and format."""

import glob
import os
import re
import shutil
import subprocess
import unittest

import circles

SOURCE = os.environ['MP_SOURCE_ROOT']
LIBRARY = os.path.join(SOURCE, 'mproc-glib')

# The floor of each room. A room uses itself and rooms on lower floors; the files outside the rooms
# are on the highest floor.
FLOORS = {
    'base': 1,
    'net': 2,
    'formats': 3, 'memory': 3, 'redis': 3, 'sharing': 3, 'waiting': 3, 'wire': 3,
    'message': 4, 'process': 4,
    'connection': 5, 'inspection': 5, 'queue': 5,
    'pool': 6,
    '': 7,
}

# Formats and data that cannot carry a licence tag.
UNTAGGED = ('.md', '.abi', '.svg', '.png', '.json', '.txt', '.metadata', '.supp', '.in', '.pem', '.pyi')
UNTAGGED_NAMES = ('COPYING', 'dep5', 'NEWS', 'LINGUAS', '.gitignore', '.editorconfig', '.clang-format')

PROTOTYPE = re.compile(r'^[\w][\w *]*?\b(mp_\w+)\s*\(', re.MULTILINE)

LISTS = re.compile(r'_class_init$|^install_(properties|signals)$')

# Times, random numbers, and what another thread or process may change.
VARIES = re.compile(r'\b(?:\w*load\w*|\w+_(?:now|time)|g_random_\w+|g_atomic_\w+|read|recv) \(|\+\+|--')

MAX_FILE_LINES = 900
MAX_FUNCTION_LINES = 80
MAX_COLUMNS = 100

# A line that is one long literal, such as a vector of a test, cannot be broken.
LITERAL = re.compile(r'^[^"]{0,40}"(?:[^"\\]|\\.){50,}"[^"]{0,30}$')


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def tracked_files():
    try:
        output = subprocess.run(['git', '-C', SOURCE, 'ls-files', '-z'], check=True, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [path for path in output.split('\0') if os.path.isfile(os.path.join(SOURCE, path))]


def c_files(*folders):
    return [path for folder in folders for suffix in ('*.c', '*.h')
            for path in sorted(glob.glob(os.path.join(folder, suffix)))]


def library_files():
    return c_files(LIBRARY, *(path for path in sorted(glob.glob(os.path.join(LIBRARY, '*')))
                              if os.path.isdir(path)))


def room_of(path):
    return os.path.relpath(os.path.dirname(path), LIBRARY).strip('.')


def may_use(room, other):
    return room == other or FLOORS[other] < FLOORS[room]


def forbidden_includes(room, text, rooms_of_headers):
    """Returns the includes of a file of @room that are not allowed."""
    found = []
    for include in circles.INCLUDE.findall(text):
        other = rooms_of_headers.get(os.path.basename(include))
        if other is not None and not may_use(room, other):
            found.append(include)
    return found


def forbidden_calls(room, text, rooms_of_functions):
    """Returns the functions used by a file of @room that are not allowed."""
    names = set(circles.NAME.findall(circles.without_comments(text)))
    return sorted(name for name in names
                  if name in rooms_of_functions and not may_use(room, rooms_of_functions[name]))


def long_functions(text, limit):
    """Returns the names of functions longer than @limit, from brace to brace.

    Functions that initialise a class are lists and may be longer."""
    found, name, start = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        named = re.match(r'(\w+) \(', line)
        if named:
            name = named[1]
        if line == '{':
            start = number
        elif line == '}' and start is not None:
            if number - start - 1 > limit and not re.search(LISTS, name):
                found.append(name)
            start = None
    return found


def arguments(text, start):
    """Returns the text between the parenthesis before @start and the one that closes it."""
    depth, end = 1, start
    while depth > 0 and end < len(text):
        depth += {'(': 1, ')': -1}.get(text[end], 0)
        end += 1
    return text[start:end - 1]


def evaluated_twice(text):
    """Returns the arguments of MIN () and the like that may differ from one evaluation to the next."""
    return [found for macro in re.finditer(r'\b(?:MIN|MAX|CLAMP|ABS) \(', text)
            if VARIES.search(found := arguments(text, macro.end()))]


class TestHouse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = {path: read(path) for path in library_files()}
        cls.headers = {os.path.basename(path): room_of(path) for path in cls.files
                       if path.endswith('.h')}
        cls.functions = {name: room_of(path) for path, text in cls.files.items()
                         if path.endswith('.c') for name in circles.defined_names(text)}

    def test_every_folder_is_a_room(self):
        self.assertEqual({room_of(path) for path in self.files}, set(FLOORS))
        self.assertGreater(len(self.functions), 500)

    def test_includes_go_down(self):
        for path, text in self.files.items():
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                self.assertEqual(forbidden_includes(room_of(path), text, self.headers), [])

    def test_calls_go_down(self):
        for path, text in self.files.items():
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                self.assertEqual(forbidden_calls(room_of(path), text, self.functions), [])

    def test_a_forbidden_include_is_found(self):
        self.assertEqual(forbidden_includes('wire', '#include "frame.h"\n#include "mp-error.h"\n'
                                                    '#include "string.h"\n', self.headers), [])
        self.assertEqual(forbidden_includes('wire', '#include "mp-connection.h"\n'
                                                    '#include "formats/gvariant.h"\n', self.headers),
                         ['mp-connection.h', 'formats/gvariant.h'])

    def test_a_forbidden_call_is_found(self):
        self.assertEqual(forbidden_calls('queue', 'mp_task_done (mp_message_get_size (x));',
                                         self.functions), [])
        self.assertEqual(forbidden_calls('memory', '/* mp_queue_get () */ mp_queue_put (q, f);',
                                         self.functions), ['mp_queue_put'])

    def test_no_circles(self):
        files = {os.path.relpath(path, LIBRARY): text for path, text in self.files.items()}
        self.assertEqual(circles.circles(circles.graph_of(files)), [])

    def test_a_circle_of_headers_is_found(self):
        self.assertEqual(circles.circles(circles.graph_of({
            'a.h': '#include "b.h"', 'b.h': '#include "c.h"', 'c.h': '#include "a.h"',
            'd.h': '#include "a.h"'})), [['a.h', 'b.h', 'c.h']])

    def test_a_circle_of_calls_is_found(self):
        files = {
            'x.h': 'void mp_x (void);\nvoid mp_x_more (void);\n',
            'x.c': '#include "x.h"\nvoid\nmp_x (void)\n{\n  mp_x_more ();\n}\n',
            'x-more.c': '#include "x.h"\nvoid\nmp_x_more (void)\n{\n}\n',
        }
        self.assertEqual(circles.circles(circles.graph_of(files)), [])
        files['x-more.c'] = '#include "x.h"\nvoid\nmp_x_more (void)\n{\n  mp_x ();\n}\n'
        self.assertEqual(circles.circles(circles.graph_of(files)), [['x', 'x-more']])

    def test_a_circle_over_a_header_and_a_call_is_found(self):
        files = {
            'x.h': 'void mp_x (void);\n',
            'x.c': '#include "x.h"\n#include "y.h"\nvoid\nmp_x (void)\n{\n  mp_y ();\n}\n',
            'y.h': 'void mp_y (void);\n',
            'y.c': '#include "y.h"\nvoid\nmp_y (void)\n{\n}\n',
        }
        self.assertEqual(circles.circles(circles.graph_of(files)), [])
        files['y.h'] += '#include "x.h"\n'
        self.assertEqual(circles.circles(circles.graph_of(files)), [['x', 'y']])

    def test_a_circle_over_a_table_is_found(self):
        files = {
            'x.c': 'const Table mp_table[256] = {\n  { mp_y },\n};\n',
            'y.c': 'void\nmp_y (void)\n{\n  mp_table[0] ();\n}\n',
        }
        self.assertEqual(circles.circles(circles.graph_of(files)), [['x', 'y']])

    def test_size(self):
        for path in library_files():
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                text = read(path)
                self.assertLessEqual(len(text.splitlines()), MAX_FILE_LINES)
                self.assertEqual(long_functions(text, MAX_FUNCTION_LINES), [])

    def test_columns(self):
        for path in tracked_files():
            if path.endswith(('.c', '.h')) and 'corpus/' not in path:
                with self.subTest(path=path):
                    self.assertEqual([line for line in read(os.path.join(SOURCE, path)).splitlines()
                                      if len(line) > MAX_COLUMNS and not LITERAL.match(line)], [])

    def test_format(self):
        files = [path for path in tracked_files() if path.endswith(('.c', '.h'))]
        if shutil.which('clang-format') is None or not files:
            self.skipTest('there is no clang-format, or no checkout')
        checked = subprocess.run(['clang-format', '--dry-run', '-Werror', *files], cwd=SOURCE,
                                 stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(checked.stderr[:2000], '')

    def test_macros_do_not_evaluate_twice(self):
        for path in tracked_files():
            if path.endswith(('.c', '.h')):
                with self.subTest(path=path):
                    self.assertEqual(evaluated_twice(read(os.path.join(SOURCE, path))), [])

    def test_what_a_macro_evaluates_twice_is_found(self):
        self.assertEqual(evaluated_twice('MIN (mp_load (&self->n), LIMIT)'), ['mp_load (&self->n), LIMIT'])
        self.assertEqual(evaluated_twice('MAX (1, end - g_get_monotonic_time ())'),
                         ['1, end - g_get_monotonic_time ()'])
        self.assertEqual(evaluated_twice('MIN (n, i++)'), ['n, i++'])
        self.assertEqual(evaluated_twice('n = MIN (n, sizeof (x)) + mp_load (&y);'), [])

    def test_a_long_function_is_found(self):
        body = '  x ();\n' * 5
        self.assertEqual(long_functions(f'void\nf (void)\n{{\n{body}}}\n', 4), ['f'])
        self.assertEqual(long_functions(f'void\nf (void)\n{{\n{body}}}\n', 5), [])

    def test_public_prototypes_are_available(self):
        for path in library_files():
            if path.endswith('.c') or 'private' in path:
                continue
            lines = read(path).splitlines()
            if 'MP_AVAILABLE_IN_1_0' not in '\n'.join(lines) or path.endswith('mp-macros.h'):
                continue
            for before, line in zip(lines, lines[1:]):
                if PROTOTYPE.match(line) and not line.startswith('G_DECLARE'):
                    with self.subTest(path=os.path.relpath(path, SOURCE), line=line):
                        self.assertEqual(before, 'MP_AVAILABLE_IN_1_0')

    def test_licence(self):
        for path in tracked_files():
            if path.endswith(UNTAGGED) or os.path.basename(path) in UNTAGGED_NAMES:
                continue
            if 'corpus/' in path or 'vectors/' in path or path.startswith(('debian/', 'po/', 'REUSE')):
                continue
            # Debian's files of these names have forms of their own; debian/copyright says the licence.
            if path.startswith('debian/') and not os.access(os.path.join(SOURCE, path), os.X_OK):
                continue
            with self.subTest(path=path):
                head = '\n'.join(read(os.path.join(SOURCE, path)).splitlines()[:3])
                # What describes a program to software centres has to be free of conditions.
                licence = 'CC0-1.0' if path.endswith('.metainfo.xml') else 'LGPL-2.1-or-later'
                self.assertIn(f'SPDX-License-Identifier: {licence}', head)

    def test_translations_are_listed(self):
        listed = {line for line in read(os.path.join(SOURCE, 'po', 'POTFILES.in')).splitlines()
                  if line and not line.startswith('#')}
        used = {os.path.relpath(path, SOURCE)
                for path in library_files()
                if re.search(r'(?<!\w)N?_ \("|ngettext \(', read(path))}
        self.assertLessEqual(used, listed)
        self.assertEqual([path for path in listed if not os.path.exists(os.path.join(SOURCE, path))],
                         [])


if __name__ == '__main__':
    unittest.main()
