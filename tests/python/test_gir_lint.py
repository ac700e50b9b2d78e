# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lint of the GIR: run on the built GIR, and on problems that it has to find."""

import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.environ['MP_SOURCE_ROOT'], 'introspection'))

import lint  # noqa: E402

BUILT = os.path.join(os.environ['MP_BUILD_ROOT'], 'mproc-glib')

FRAME = '''\
<repository xmlns="http://www.gtk.org/introspection/core/1.0"
            xmlns:c="http://www.gtk.org/introspection/c/1.0"
            xmlns:glib="http://www.gtk.org/introspection/glib/1.0">
  <namespace name="Mp">
    <class name="Queue" c:type="MpQueue" version="1.0" glib:get-type="mp_queue_get_type">
      <doc>A queue.</doc>
      %s
    </class>
  </namespace>
</repository>
'''

METHOD = '''\
<method name="{name}" c:identifier="mp_queue_{name}" version="1.0" {attributes}>
  <doc>Does it.</doc>
  <return-value>{value}</return-value>
  <parameters>{parameters}</parameters>
</method>
'''

NOTHING = '<type name="none" c:type="void"/>'


def method(name='close', attributes='', value=NOTHING, parameters=''):
    return METHOD.format(name=name, attributes=attributes, value=value, parameters=parameters)


def parameter(kind, attributes=''):
    return f'<parameter name="size" {attributes}><doc>Its size.</doc>{kind}</parameter>'


def problems(members, exported=None):
    return lint.lint(ElementTree.fromstring(FRAME % members), exported)


class TestBuilt(unittest.TestCase):
    def test_clean(self):
        root = ElementTree.parse(os.path.join(BUILT, 'Mp-1.0.gir')).getroot()
        exported = lint.exported_symbols(os.path.join(BUILT, 'libmproc-glib-1.0.so'))
        self.assertEqual(lint.lint(root, exported), [])


class TestFaults(unittest.TestCase):
    property_ = '<property name="size" version="1.0" writable="1" {}><doc>Size.</doc></property>'

    def test_accessors(self):
        members = self.property_.format('') + method('get_size') + method('set_size')
        self.assertEqual(problems(members), [
            'MpQueue:size has no annotation of its getter',
            'mp_queue_get_size has no annotation (get-property size)',
            'MpQueue:size has no annotation of its setter',
            'mp_queue_set_size has no annotation (set-property size)'])
        members = (self.property_.format('getter="get_size" setter="set_size"') +
                   method('get_size', 'glib:get-property="size"') +
                   method('set_size', 'glib:set-property="size"'))
        self.assertEqual(problems(members), [])

    def test_format(self):
        kind = '<type name="gint" c:type="int"/>'
        members = method(parameters=f'<parameter name="format"><doc>It.</doc>{kind}</parameter>')
        self.assertEqual(problems(members), ['mp_queue_close: format is gint, not MpFormat'])

    number = '<type name="gsize" c:type="gsize*"/>'

    def test_fine(self):
        self.assertEqual(problems(method(), {'mp_queue_close', 'mp_queue_get_type'}), [])
        self.assertEqual(problems(method(parameters=parameter(self.number, 'direction="out"'))), [])

    def test_not_introspectable(self):
        self.assertEqual(problems(method(attributes='introspectable="0"')),
                         ['mp_queue_close is not introspectable'])

    def test_bare_pointer_to_a_number(self):
        self.assertEqual(problems(method(parameters=parameter(self.number))),
                         ['mp_queue_close: size is a bare pointer to a number, gsize*'])
        self.assertEqual(problems(method(value='<doc>n</doc><type name="guint8" c:type="guint8*"/>')),
                         ['mp_queue_close: the return value is a bare pointer to a number, guint8*'])

    def test_bare_pointer(self):
        kind = '<type name="gpointer" c:type="gpointer"/>'
        self.assertEqual(problems(method(parameters=parameter(kind))),
                         ['mp_queue_close: size is a bare pointer'])

    def test_taken_name(self):
        for name in ('connect', 'disconnect', 'emit', 'notify'):
            self.assertEqual(problems(method(name)), [f'mp_queue_{name} hides a method of GObject'])

    def test_async_without_finish(self):
        self.assertEqual(problems(method('get_async')), ['mp_queue_get_async has no mp_queue_get_finish'])
        self.assertEqual(problems(method('get_async') + method('get_finish')), [])

    def test_symbols(self):
        self.assertEqual(problems(method(), {'mp_queue_get_type'}),
                         ['mp_queue_close is not exported by the library'])
        self.assertEqual(problems(method(), {'mp_queue_close', 'mp_queue_get_type', 'mp_lost'}),
                         ['mp_lost is exported, and not in the GIR'])

    def test_not_documented(self):
        self.assertEqual(problems('<method name="close" c:identifier="mp_queue_close"/>'),
                         ['mp_queue_close is not documented',
                          'mp_queue_close does not say since when it is there'])
        self.assertEqual(problems(method(parameters='<parameter name="size"/>')),
                         ['mp_queue_close: size is not documented'])
        self.assertEqual(problems(method(value='<type name="gsize" c:type="gsize"/>')),
                         ['mp_queue_close: the return value is not documented'])
        self.assertEqual(problems('<property name="size" version="1.0"/>'),
                         ['MpQueue:size is not documented'])
        self.assertEqual(problems('<glib:signal name="message" version="1.0"/>'),
                         ['MpQueue:message is not documented'])


if __name__ == '__main__':
    unittest.main()
