# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds circular dependencies between files of the library.

A unit is a C file with the header of its name.  A header whose functions are in several C files
(that of a class which is written in several files, a private header of such a class) is a unit
of its own: the files that share it are told apart by which of them call which.

A unit needs the units whose headers it includes, and those whose functions or tables it uses. A
table that is declared by a room and defined at the top of the library does not count.
"""

import os
import re

FILLED_ON_TOP = frozenset(('mp_shareable_types',))

INCLUDE = re.compile(r'^#\s*include\s+"([^"]+)"', re.MULTILINE)
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|"(?:[^"\\]|\\.)*"', re.DOTALL)
NAME = re.compile(r'\bmp_\w+')
FUNCTION = re.compile(r'(mp_\w+) \(')
TABLE = re.compile(r'^(?!static|extern|typedef)[^\n(;=]*?(?:\(\*const )?\b(mp_\w+)(?:\[\w*\])+'
                   r'(?:\) \(void\))? = \{', re.MULTILINE)
INLINE = re.compile(r'^static inline .*?^\}', re.MULTILINE | re.DOTALL)


def without_comments(text):
    return COMMENT_OR_STRING.sub('', text)


def defined_names(text):
    """Returns the non-static functions and tables that a C file defines."""
    lines = text.splitlines()
    names = [(FUNCTION.match(line), before) for before, line in zip(lines, lines[1:])]
    functions = {found[1] for found, before in names if found and 'static' not in before}
    return (functions | set(TABLE.findall(text))) - FILLED_ON_TOP


def used_names(path, text):
    """Returns the names used in the code of a file; declarations in a header do not count."""
    code = without_comments(text)
    if path.endswith('.h'):
        code = '\n'.join(INLINE.findall(code))
    return set(NAME.findall(code))


def definers_of(files):
    """Returns which C file defines each name."""
    return {name: path for path, text in files.items() if path.endswith('.c')
            for name in defined_names(text)}


def units_of_files(files):
    """Returns the unit of each of the files, a table of texts by path."""
    definers = definers_of(files)
    units = {path: os.path.splitext(path)[0] for path in files if path.endswith('.c')}
    for path, text in files.items():
        if path.endswith('.h'):
            stem = re.sub(r'(-private)?\.h$', '', path)
            declared = NAME.findall(INLINE.sub('', without_comments(text)))
            shared = {definers[name] for name in declared if name in definers} - {stem + '.c'}
            units[path] = stem if stem + '.c' in files and not shared else path
    return units


def graph_of(files):
    """Returns the units that each unit needs."""
    units = units_of_files(files)
    headers = {os.path.basename(path): path for path in files if path.endswith('.h')}
    definers = definers_of(files)
    graph = {unit: set() for unit in units.values()}
    for path, text in files.items():
        needed = {headers[os.path.basename(name)] for name in INCLUDE.findall(text)
                  if os.path.basename(name) in headers}
        needed |= {definers[name] for name in used_names(path, text) if name in definers}
        graph[units[path]] |= {units[other] for other in needed} - {units[path]}
    return graph


def circles(graph):
    """Returns the sets of units that need each other, directly or indirectly."""
    reach = {unit: reachable(graph, unit) for unit in graph}
    found = {frozenset(other for other in reach[unit] if unit in reach[other])
             for unit in graph if unit in reach[unit]}
    return sorted(sorted(circle) for circle in found)


def reachable(graph, start):
    found, todo = set(), list(graph[start])
    while todo:
        unit = todo.pop()
        if unit not in found:
            found.add(unit)
            todo.extend(graph[unit])
    return found
