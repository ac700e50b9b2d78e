# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference manual: it is complete, contains every page, and has no broken links."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']
CONFIG = os.path.join(BUILD, 'docs', 'mproc-glib.toml')

LINK = re.compile(r'\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)')

LANGUAGES = ('c', 'python', 'js', 'vala')

# Additional source files of the examples.
PARTS = ('child', 'checksum-report', 'checksum-tree', 'reading')


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def broken_links(path, text):
    folder = os.path.dirname(path)
    return [target for target in LINK.findall(text)
            if not os.path.exists(os.path.join(folder, target))]


class TestReference(unittest.TestCase):
    @unittest.skipUnless(shutil.which('gi-docgen') and os.path.exists(CONFIG),
                         'the documentation is not built')
    def test_check(self):
        done = subprocess.run(
            ['gi-docgen', 'check', '--quiet', '--config', CONFIG,
             os.path.join(BUILD, 'mproc-glib', 'Mp-1.0.gir')],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    @unittest.skipUnless(shutil.which('gi-docgen') and os.path.exists(CONFIG),
                         'the documentation is not built')
    def test_links_to_symbols(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                ['gi-docgen', 'generate', '--quiet', '--fatal-warnings', '--config', CONFIG,
                 '--content-dir', os.path.join(SOURCE, 'docs'), '--output-dir', folder,
                 os.path.join(BUILD, 'mproc-glib', 'Mp-1.0.gir')],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    @unittest.skipUnless(os.path.exists(CONFIG), 'the documentation is not built')
    def test_every_page_is_in_the_manual(self):
        pages = {os.path.basename(page) for page in glob.glob(os.path.join(SOURCE, 'docs', '*.md'))}
        listed = re.search(r'content_files = \[(.*)\]', read(CONFIG))[1]
        self.assertEqual(set(re.findall(r'"([^"]+)"', listed)), pages)


class TestLinks(unittest.TestCase):
    def test_links(self):
        paths = [path for folder in ('', 'docs', 'examples')
                 for path in glob.glob(os.path.join(SOURCE, folder, '*.md'))]
        self.assertGreater(len(paths), 2)
        for path in paths:
            with self.subTest(path=os.path.relpath(path, SOURCE)):
                self.assertEqual(broken_links(path, read(path)), [])

    def test_broken_link_is_found(self):
        self.assertEqual(broken_links('/nowhere/a.md', 'see [b](b.md) and [c](https://c.org)'),
                         ['b.md'])


class TestExamples(unittest.TestCase):
    def setUp(self):
        self.links = {link for link in LINK.findall(read(os.path.join(SOURCE, 'examples', 'README.md')))
                      if link.startswith(tuple(f'{language}/' for language in LANGUAGES))}

    def test_every_program_is_listed(self):
        sources = {os.path.relpath(path, os.path.join(SOURCE, 'examples'))
                   for language in LANGUAGES
                   for path in glob.glob(os.path.join(SOURCE, 'examples', language, '*.*'))
                   if not path.endswith(('.h', '.build'))}
        self.assertEqual({source for source in sources if name_of(source) not in PARTS}, self.links)

    def test_every_program_is_there_in_every_language(self):
        names = {language: {name_of(link) for link in self.links if link.startswith(language + '/')}
                 for language in LANGUAGES}
        names['python'].remove('service-worker')
        names['js'].remove('window-worker')
        for language in LANGUAGES:
            self.assertEqual(names[language], names['c'])


if __name__ == '__main__':
    unittest.main()
