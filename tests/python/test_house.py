# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the house that a reviewer would otherwise have to look after."""

import glob
import os
import re
import subprocess
import unittest

SOURCE = os.environ['MP_SOURCE_ROOT']
LIBRARY = os.path.join(SOURCE, 'mproc-glib')
ROOMS = ('wire', 'formats', 'memory')

# What a room may include beside itself: what lies below it.
BELOW = ('config.h', 'mp-error.h', 'mp-fork.h', 'mp-format.h', 'mp-macros.h', 'mp-spin.h')

# Formats and data that cannot carry a licence tag.
UNTAGGED = ('.md', '.svg', '.png', '.json', '.txt', '.metadata', '.supp', '.in', '.pem', '.pyi')
UNTAGGED_NAMES = ('COPYING', 'NEWS', 'LINGUAS', '.gitignore', '.editorconfig', '.clang-format')

INCLUDE = re.compile(r'^#\s*include\s+"([^"]+)"', re.MULTILINE)
PROTOTYPE = re.compile(r'^[\w][\w *]*?\b(mp_\w+)\s*\(', re.MULTILINE)

LISTS = re.compile(r'_class_init$|^install_(properties|signals)$')

MAX_FILE_LINES = 900
MAX_FUNCTION_LINES = 80


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


def forbidden_includes(room, text):
    """Returns what a file of @room includes and may not know."""
    found = []
    for include in INCLUDE.findall(text):
        folder, _, name = include.rpartition('/')
        if folder in (room, '') and (name in BELOW or not name.startswith('mp-')):
            continue
        if folder in ('', 'mproc-glib') and name in BELOW:
            continue
        found.append(include)
    return found


def long_functions(text, limit):
    """Returns the names of functions longer than @limit, from brace to brace.

    What sets up a class is a list, and reads as one."""
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


class TestHouse(unittest.TestCase):
    def test_rooms_know_nothing_above_or_beside_them(self):
        for room in ROOMS:
            for path in c_files(os.path.join(LIBRARY, room)):
                with self.subTest(path=os.path.relpath(path, SOURCE)):
                    self.assertEqual(forbidden_includes(room, read(path)), [])

    def test_a_forbidden_include_is_found(self):
        self.assertEqual(forbidden_includes('wire', '#include "frame.h"\n#include "mp-error.h"\n'
                                                    '#include "wire/frame.h"\n'), [])
        self.assertEqual(forbidden_includes('wire', '#include "mp-connection.h"\n'
                                                    '#include "formats/json.h"\n'),
                         ['mp-connection.h', 'formats/json.h'])

    def test_size(self):
        for path in c_files(LIBRARY, *(os.path.join(LIBRARY, room) for room in ROOMS)):
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                text = read(path)
                self.assertLessEqual(len(text.splitlines()), MAX_FILE_LINES)
                self.assertEqual(long_functions(text, MAX_FUNCTION_LINES), [])

    def test_a_long_function_is_found(self):
        body = '  x ();\n' * 5
        self.assertEqual(long_functions(f'void\nf (void)\n{{\n{body}}}\n', 4), ['f'])
        self.assertEqual(long_functions(f'void\nf (void)\n{{\n{body}}}\n', 5), [])

    def test_public_prototypes_are_available(self):
        for path in c_files(LIBRARY):
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
            if 'corpus/' in path or 'vectors/' in path or path.startswith('po/'):
                continue
            with self.subTest(path=path):
                head = '\n'.join(read(os.path.join(SOURCE, path)).splitlines()[:3])
                self.assertIn('SPDX-License-Identifier: LGPL-2.1-or-later', head)

    def test_translations_are_listed(self):
        listed = {line for line in read(os.path.join(SOURCE, 'po', 'POTFILES.in')).splitlines()
                  if line and not line.startswith('#')}
        used = {os.path.relpath(path, SOURCE)
                for path in c_files(LIBRARY, *(os.path.join(LIBRARY, room) for room in ROOMS))
                if re.search(r'(?<!\w)N?_ \("|ngettext \(', read(path))}
        self.assertLessEqual(used, listed)
        self.assertEqual([path for path in listed if not os.path.exists(os.path.join(SOURCE, path))],
                         [])


if __name__ == '__main__':
    unittest.main()
