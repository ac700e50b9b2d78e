# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a Vala program that calls each method of each class in the GIR on an object that GObject
made without what its constructor sets: bare.py GIR > bare-all.vala."""

import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'

# These wait without a timeout.
WAITS = {'SimpleQueue.get', 'SimpleQueue.get_many'}

NUMBERS = {'gint', 'guint', 'gint32', 'guint32', 'gint64', 'guint64', 'gsize', 'gssize', 'guintptr', 'guint8'}
VALUES = {**dict.fromkeys(NUMBERS, '0'), 'gboolean': 'false', 'gdouble': '0.5', 'utf8': '"text"',
          'filename': '"text"', 'GType': 'typeof (Object)', 'GLib.Variant': 'new Variant.int32 (1)',
          'GLib.Bytes': 'new Bytes ({ 1 })', 'Message': 'new Mp.Message.json ("1")',
          'Gio.UnixFDList': 'new UnixFDList ()', 'Shareable': 'make<Mp.Connection> ()',
          'GLib.Error': 'new Mp.Error.FULL ("no room")'}
ARRAYS = {'Task': 'new Mp.Task[0]', 'guint8': 'new uint8[2]', 'guint64': 'new uint64[2]', 'utf8': '{ "text" }', 'filename': '{ "text" }'}
OUT_TYPES = {'gint': 'int', 'guint': 'uint', 'guint64': 'uint64', 'gint64': 'int64', 'gsize': 'size_t'}
ENUMS = {'GLib.IOCondition': 'IOCondition', 'Gio.SubprocessFlags': 'SubprocessFlags'}

HEAD = '''/* SPDX-License-Identifier: LGPL-2.1-or-later */

T make<T> ()
{
  return (T) Object.@new (typeof (T));
}

delegate void Use ();

/* A crash ends the subprocess; its output names the call. */
void run_alone (Use use)
{
  if (!Test.subprocess ()) {
    Test.trap_subprocess (null, 0, 0);
    Test.trap_assert_passed ();
    return;
  }

  /* Wrong calls print criticals. */
  Log.set_always_fatal (LogLevelFlags.LEVEL_ERROR);
  use ();
}
'''


def value_of(parameter, enums):
    array = parameter.find(f'{CORE}array')
    if array is not None:
        if array.get('name'):
            element = array.find(f'{CORE}type').get('name')
            return f'new GenericArray<Mp.{element}> ()' if array.get('name') == 'GLib.PtrArray' else 'null'
        return ARRAYS.get(array.find(f'{CORE}type').get('name'), 'null')
    kind = parameter.find(f'{CORE}type').get('name')
    return f'({enums[kind]}) 0' if kind in enums else VALUES.get(kind, 'null')


def is_callback(parameter):
    kind = parameter.find(f'{CORE}type')
    return kind is not None and kind.get('name') == 'Gio.AsyncReadyCallback'


def parameters_of(method):
    """Returns the parameters that Vala has: none for lengths of arrays and data of callbacks."""
    every = method.findall(f'{CORE}parameters/{CORE}parameter')
    returned = method.find(f'{CORE}return-value/{CORE}array')
    arrays = [array for parameter in every if (array := parameter.find(f'{CORE}array')) is not None]
    arrays += [] if returned is None else [returned]
    hidden = {int(array.get('length')) for array in arrays if array.get('length')}
    hidden |= {int(parameter.get('closure')) for parameter in every if parameter.get('closure')}
    return [parameter for i, parameter in enumerate(every)
            if i not in hidden and not is_callback(parameter) and parameter.get('name') != 'user_data']


def call(method, enums, number):
    lines, arguments = [], []
    for i, parameter in enumerate(parameters_of(method)):
        if parameter.get('direction') == 'out':
            kind = parameter.find(f'{CORE}type').get('name')
            lines.append(f'{OUT_TYPES.get(kind, kind)} out{number}_{i};')
            arguments.append(f'out out{number}_{i}')
        else:
            arguments.append(value_of(parameter, enums))
    name = method.get('name')
    is_async = name.endswith('_async')
    lines.append(f'object.{f"{name}.begin" if is_async else f"@{name}"} ({", ".join(arguments)});')
    if method.get('throws') == '1' and not is_async:
        lines = ['try {', *(f'  {line}' for line in lines), '} catch (Error e) {', '}']
    return lines


def gets_address(method):
    """Whether it is for bindings that pass the address of memory."""
    return any(kind.get('name') == 'guintptr' for kind in method.iterfind(f'{CORE}parameters//{CORE}type'))


def is_called(owner, method):
    name = method.get('name')
    return (method.get('introspectable') != '0' and not name.endswith('_finish') and
            not gets_address(method) and f'{owner}.{name}' not in WAITS)


def methods_of(node, nodes):
    """Returns the methods of a class, of what it derives from, and of its interfaces, by name."""
    methods = {}
    for name in [node.get('parent'), *(one.get('name') for one in node.findall(f'{CORE}implements'))]:
        if name in nodes:
            methods.update(methods_of(nodes[name], nodes))
    methods.update((method.get('name'), method) for method in node.findall(f'{CORE}method'))
    return methods


def write_class(name, methods, enums):
    yield f'\nvoid use_{name.lower()} ()\n{{'
    for number, method in enumerate(methods):
        yield '  {'
        yield f'    var object = make<Mp.{name}> ();\n'
        yield f'    print ("{name}.{method.get("name")}\\n");'
        yield from (f'    {line}' for line in call(method, enums, number))
        yield '  }'
    yield '}'


def main():
    root = ElementTree.parse(sys.argv[1]).getroot()
    enums = {node.get('name'): f'Mp.{node.get("name")}'
             for kind in ('enumeration', 'bitfield') for node in root.iter(f'{CORE}{kind}')} | ENUMS
    nodes = {node.get('name'): node for kind in ('class', 'interface') for node in root.iter(f'{CORE}{kind}')}
    classes = [node.get('name') for node in root.iter(f'{CORE}class')]

    print(HEAD, end='')
    for name in classes:
        methods = [method for method in methods_of(nodes[name], nodes).values() if is_called(name, method)]
        print('\n'.join(write_class(name, methods, enums)))
    print('\nint main (string[] args)\n{\n  Test.init (ref args);')
    for name in classes:
        print(f'  Test.add_func ("/vala/bare-all/{name}", () => run_alone (use_{name.lower()}));')
    print('  return Test.run ();\n}')


main()
