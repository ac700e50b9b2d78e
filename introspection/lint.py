#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks a GIR for problems that the scanner accepts and that break language bindings.

lint.py GIR [LIBRARY]   prints one problem per line; the exit status is 0 if there are none

Without LIBRARY, its exported symbols are not compared.
"""

import collections
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

CALLABLES = ('function', 'method', 'constructor')
DOCUMENTED = CALLABLES + ('class', 'interface', 'record', 'enumeration', 'bitfield', 'member',
                          'callback', 'property', 'constant', 'virtual-method')

# Names of GObject's own methods in Python and JavaScript: a method with such a name would hide
# them.
TAKEN = ('connect', 'disconnect', 'emit', 'notify')

NUMBERS = ('gint', 'guint', 'gint8', 'guint8', 'gint16', 'guint16', 'gint32', 'guint32', 'gint64',
           'guint64', 'gsize', 'gssize', 'glong', 'gulong', 'gshort', 'gushort', 'gdouble',
           'gfloat', 'gboolean', 'gchar', 'guchar')

# Elements that exist only in headers.
MACROS = ('constant', 'function-macro')

# Symbols that are deliberately not available to bindings.
NOT_FOR_BINDINGS = frozenset((
    'mp_connection_next_value',
    'mp_queue_next_value',
    'opened',
))


def tag(element):
    return element.tag.replace(CORE, '').replace(GLIB, 'glib:')


def name_of(element):
    return element.get(C + 'identifier') or element.get(C + 'type') or element.get('name', '?')


def walk(element, owner=None):
    """Yields (element, owner) for all below @element; the owner is the type it belongs to."""
    for child in element:
        yield child, owner
        inner = child if tag(child) in ('class', 'interface', 'record', 'enumeration',
                                        'bitfield') else owner
        yield from walk(child, inner)


def is_type_struct(element):
    return element is not None and element.get(GLIB + 'is-gtype-struct-for') is not None


def check_introspectable(namespace):
    for element, owner in walk(namespace):
        if element.get('introspectable') != '0' or is_type_struct(owner):
            continue
        if tag(element) != 'function-macro' and name_of(element) not in NOT_FOR_BINDINGS:
            yield f'{name_of(element)} is not introspectable'


def check_arguments(namespace):
    for element, owner in walk(namespace):
        if tag(element) not in CALLABLES + ('callback', 'virtual-method') or is_type_struct(owner):
            continue
        for parameter in element.findall(f'{CORE}parameters/{CORE}parameter'):
            yield from check_type(element, parameter, parameter.get('name', '?'))
        yield from check_type(element, element.find(f'{CORE}return-value'), 'the return value')


def check_type(function, value, label):
    kind = None if value is None else value.find(f'{CORE}type')
    if kind is None:
        return
    c_type, name = kind.get(C + 'type', ''), kind.get('name', '')
    if value.get('direction', 'in') == 'in' and c_type.endswith('*') and name in NUMBERS:
        yield f'{name_of(function)}: {label} is a bare pointer to a number, {c_type}'
    if c_type == 'gpointer' and name == 'gpointer' and label not in ('user_data', 'data'):
        yield f'{name_of(function)}: {label} is a bare pointer'


def check_method_names(namespace):
    for element, owner in walk(namespace):
        if tag(element) in ('method', 'virtual-method') and element.get('name') in TAKEN:
            if tag(owner) in ('class', 'interface'):
                yield f'{name_of(element)} hides a method of GObject'


def check_async_pairs(namespace):
    functions = {element.get(C + 'identifier') for element, _ in walk(namespace)
                 if tag(element) in CALLABLES}
    for function in sorted(filter(None, functions)):
        if function.endswith('_async') and function[:-6] + '_finish' not in functions:
            yield f'{function} has no {function[:-6]}_finish'


def check_documentation(namespace):
    for element, owner in walk(namespace):
        kind = tag(element)
        if kind not in DOCUMENTED + ('glib:signal',) or is_type_struct(owner):
            continue
        if is_type_struct(element) or element.get('disguised') == '1':
            continue
        if kind == 'virtual-method' or (kind == 'callback' and owner is not None):
            continue
        label = name_of(element)
        if label.endswith('_quark'):
            continue
        if owner is not None and kind in ('property', 'glib:signal'):
            label = f'{name_of(owner)}:{element.get("name")}'
        if element.find(f'{CORE}doc') is None:
            yield f'{label} is not documented'
        if kind != 'member' and element.get('version') is None:
            yield f'{label} does not say since when it is there'
        yield from check_documented_values(element, label)


def check_documented_values(function, label):
    for parameter in function.findall(f'{CORE}parameters/{CORE}parameter'):
        if parameter.find(f'{CORE}doc') is None:
            yield f'{label}: {parameter.get("name")} is not documented'
    value = function.find(f'{CORE}return-value')
    kind = None if value is None else value.find(f'{CORE}type')
    if value is None or (kind is not None and kind.get('name') == 'none'):
        return
    if value.find(f'{CORE}doc') is None:
        yield f'{label}: the return value is not documented'


def check_properties(namespace):
    """Bindings and documentation connect a property with its methods by annotations."""
    for owner, _ in walk(namespace):
        if tag(owner) not in ('class', 'interface'):
            continue
        methods = {method.get('name'): method for method in owner.findall(f'{CORE}method')}
        for property_ in owner.findall(f'{CORE}property'):
            yield from check_accessors(owner, property_, methods)


def check_accessors(owner, property_, methods):
    name = property_.get('name')
    label = f'{name_of(owner)}:{name}'
    accessors = [('getter', 'get', property_.get('readable', '1') == '1'),
                 ('setter', 'set', property_.get('writable') == '1' and
                  property_.get('construct-only') != '1')]
    for attribute, verb, is_there in accessors:
        method = methods.get(f'{verb}_{name.replace("-", "_")}')
        if not is_there or method is None:
            continue
        if property_.get(attribute) is None:
            yield f'{label} has no annotation of its {attribute}'
        if method.get(f'{GLIB}{verb}-property') != name:
            yield f'{name_of(method)} has no annotation ({verb}-property {name})'


def check_formats(namespace):
    """A format has the type MpFormat and not a number. Annotations may make it a number for
    bindings, which is faster."""
    for element, owner in walk(namespace):
        if tag(element) not in CALLABLES or is_type_struct(owner):
            continue
        for parameter in element.findall(f'{CORE}parameters/{CORE}parameter'):
            kind = parameter.find(f'{CORE}type')
            if kind is None or parameter.get('name') != 'format' or kind.get('name') not in NUMBERS:
                continue
            if not kind.get(C + 'type', '').startswith('MpFormat'):
                yield f'{name_of(element)}: format is {kind.get("name")}, not MpFormat'


def identifiers(namespace):
    found = set()
    for element, _ in walk(namespace):
        for attribute in (C + 'identifier', GLIB + 'get-type'):
            name = element.get(attribute)
            if name and name != 'intern' and tag(element) not in MACROS + ('member',):
                found.add(name)
        for attribute in ('ref-func', 'unref-func'):
            if element.get(GLIB + attribute):
                found.add(element.get(GLIB + attribute))
    return found


def exported_symbols(library):
    lines = subprocess.run(['nm', '-D', '--defined-only', library], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    return {line.split()[-1].partition('@')[0] for line in lines}


def check_symbols(namespace, exported):
    named = identifiers(namespace)
    for symbol in sorted(named - exported):
        yield f'{symbol} is not exported by the library'
    for symbol in sorted(exported - named):
        yield f'{symbol} is exported, and not in the GIR'


def lint(root, exported=None):
    """Returns the problems of a parsed GIR."""
    namespace = root.find(f'{CORE}namespace')
    checks = [check_introspectable(namespace), check_arguments(namespace),
              check_method_names(namespace), check_async_pairs(namespace),
              check_documentation(namespace), check_properties(namespace),
              check_formats(namespace)]
    if exported is not None:
        checks.append(check_symbols(namespace, exported))
    problems = collections.OrderedDict.fromkeys(problem for check in checks for problem in check)
    return list(problems)


def main(gir, library=None):
    exported = exported_symbols(library) if library else None
    problems = lint(ElementTree.parse(gir).getroot(), exported)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
