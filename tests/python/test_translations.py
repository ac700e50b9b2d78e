# SPDX-License-Identifier: LGPL-2.1-or-later
"""All error messages are marked for translation, and translated into each language of
po/LINGUAS."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from test_house import SOURCE, library_files, read

PO = os.path.join(SOURCE, 'po')
LANGUAGES = read(os.path.join(PO, 'LINGUAS')).split()

# The functions that set an error: their first string is a format or a message.
SETTERS = re.compile(r'(?<=[^\n])\b(g_set_error|g_set_error_literal|g_prefix_error|mp_set_error_from_errno|'
                     r'mp_channel_set_timed_out) \(([^;"]*)"((?:[^"\\]|\\.)*)"')

PROGRAM = '''
import locale, sys
import gi
gi.require_version('Mp', '1.0')
from gi.repository import GLib, Mp
locale.setlocale(locale.LC_ALL, '')
locale.bindtextdomain('mproc-glib', sys.argv[1])
try:
    Mp.inherit('nothing')
except Exception as error:
    print(error)
'''


def messages_of(text):
    """Returns the messages of a PO file, and whether each is translated, by what they are in C."""
    found = {}
    for entry in text.split('\n\n'):
        joined = re.sub(r'"\n"', '', entry)
        key = re.search(r'^msgid "(.*)"$', joined, re.MULTILINE)
        value = re.search(r'^msgstr "(.*)"$', joined, re.MULTILINE)
        if key and value and key[1]:
            found[key[1]] = bool(value[1]) and ', fuzzy' not in joined
    return found


def unmarked(text):
    """Returns the messages that an error is set to and that are not marked."""
    code = re.sub(r'/\*.*?\*/', '', text, flags=re.DOTALL)
    return [message for _setter, before, message in SETTERS.findall(code)
            if not before.endswith('_ (') and re.search('[a-zA-Z]{2}', message.replace('%s', ''))]


class TestTranslations(unittest.TestCase):
    def messages_in_source(self):
        if shutil.which('xgettext') is None:
            self.skipTest('there is no xgettext')
        files = read(os.path.join(PO, 'POTFILES.in')).split()
        template = subprocess.run(['xgettext', '--from-code=UTF-8', '-k_', '-kN_', '-o', '-', *files],
                                  cwd=SOURCE, check=True, text=True, stdout=subprocess.PIPE).stdout
        return set(messages_of(template))

    def test_every_message_is_marked(self):
        for path in library_files():
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                self.assertEqual(unmarked(read(path)), [])

    def test_what_is_not_marked_is_found(self):
        self.assertEqual(unmarked('  g_set_error (error, A, B,\n  "Not so");'), ['Not so'])
        self.assertEqual(unmarked('  g_set_error (error, A, B, _ ("So"));'), [])

    def test_complete(self):
        wanted = self.messages_in_source()
        self.assertGreater(len(wanted), 100)
        self.assertIn('de', LANGUAGES)
        self.assertIn('fr', LANGUAGES)
        for language in LANGUAGES:
            with self.subTest(language=language):
                there = messages_of(read(os.path.join(PO, f'{language}.po')))
                self.assertEqual(sorted(wanted - set(there)), [])
                self.assertEqual(sorted(set(there) - wanted), [])
                self.assertEqual([key for key, done in there.items() if not done], [])

    def test_formats(self):
        if shutil.which('msgfmt') is None:
            self.skipTest('there is no msgfmt')
        for language in LANGUAGES:
            checked = subprocess.run(['msgfmt', '-c', '--statistics', '-o', os.devnull, f'{language}.po'],
                                     cwd=PO, text=True, check=False, stderr=subprocess.PIPE,
                                     env={**os.environ, 'LC_ALL': 'C'})
            self.assertEqual(checked.returncode, 0, checked.stderr)
            self.assertRegex(checked.stderr, r'^\d+ translated messages\.$')

    def test_used(self):
        if shutil.which('msgfmt') is None:
            self.skipTest('there is no msgfmt')
        with tempfile.TemporaryDirectory() as folder:
            place = os.path.join(folder, 'de', 'LC_MESSAGES')
            os.makedirs(place)
            subprocess.run(['msgfmt', '-o', os.path.join(place, 'mproc-glib.mo'), 'de.po'], cwd=PO, check=True)
            said = subprocess.run([sys.executable, '-c', PROGRAM, folder], check=True, text=True,
                                  stdout=subprocess.PIPE,
                                  env={**os.environ, 'LC_ALL': 'C.UTF-8', 'LANGUAGE': 'de'}).stdout
        self.assertIn('Diesem Prozess wurde bei seinem Start nichts übergeben', said)


if __name__ == '__main__':
    unittest.main()
