# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documentation site: it is complete, contains every page, and has no broken links."""

import functools
import glob
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

SOURCE = os.environ['MP_SOURCE_ROOT']
BUILD = os.environ['MP_BUILD_ROOT']
CONFIG = os.path.join(BUILD, 'docs', 'mproc-glib.toml')
SITE = os.path.join(BUILD, 'docs', 'mproc-glib-1.0')

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
                [sys.executable, os.path.join(SOURCE, 'docs', 'site.py'), '--fatal-warnings',
                 '--gi-docgen', shutil.which('gi-docgen'), '--config', CONFIG,
                 '--gir', os.path.join(BUILD, 'mproc-glib', 'Mp-1.0.gir'),
                 '--source', SOURCE, '--output', os.path.join(folder, 'site')],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    @unittest.skipUnless(os.path.exists(CONFIG), 'the documentation is not built')
    def test_every_page_is_in_the_manual(self):
        pages = {os.path.basename(page) for page in glob.glob(os.path.join(SOURCE, 'docs', '*.md'))}
        listed = re.search(r'content_files = \[(.*)\]', read(CONFIG))[1]
        self.assertEqual(set(re.findall(r'"([^"]+)"', listed)), pages)


class TestClasses(unittest.TestCase):
    """The page that shows the examples of the classes in the other languages."""

    GIR = os.path.join(BUILD, 'mproc-glib', 'Mp-1.0.gir')
    CORE = '{http://www.gtk.org/introspection/core/1.0}'

    def sections(self):
        text = read(os.path.join(SOURCE, 'docs', 'classes.md'))
        return {name: set(re.findall(r'^```(\w+)$', section, re.MULTILINE))
                for name, section in re.findall(r'^## Mp(\w+)\n(.*?)(?=^## |\Z)', text, re.MULTILINE | re.DOTALL)}

    @unittest.skipUnless(os.path.exists(GIR), 'the library is built without introspection')
    def test_every_example_is_in_every_language(self):
        namespace = ElementTree.parse(self.GIR).getroot().find(f'{self.CORE}namespace')
        described = {each.get('name'): each.findtext(f'{self.CORE}doc', '')
                     for kind in ('class', 'interface', 'record') for each in namespace.findall(self.CORE + kind)}
        with_examples = {name for name, text in described.items() if '```c' in text}
        self.assertGreater(len(with_examples), 10)
        self.assertEqual(set(self.sections()), with_examples)
        for name, languages in self.sections().items():
            self.assertEqual(languages, {'python', 'js', 'vala'}, name)


class Page(html.parser.HTMLParser):
    """What a page links to, the places in it that can be linked to, and its blocks of code."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places, self.blocks, self.plain = [], set(), [], []
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[name] for name in ('href', 'src') if name in attributes]
        self.places.update(attributes[name] for name in ('id', 'name') if name in attributes)
        if tag in ('a', 'pre', 'code', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'title'):
            self.open.append(tag)
        if tag == 'pre':
            self.blocks.append('')

    def handle_endtag(self, tag):
        if tag in self.open:
            self.open.reverse()
            self.open.remove(tag)
            self.open.reverse()

    def handle_data(self, data):
        if 'pre' in self.open:
            self.blocks[-1] += data
        elif self.open == ['code']:
            self.plain.append(data)


@functools.lru_cache(maxsize=None)
def page_at(path):
    return Page(read(path))


def dead_links(path):
    """Returns the links of the page at @path that lead nowhere in the site."""
    dead = []
    for link in page_at(path).links:
        address = urllib.parse.urlsplit(link)
        if address.scheme in ('http', 'https') and address.netloc:
            continue
        target = os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(address.path)))
        if not address.path:
            target = path
        place = urllib.parse.unquote(address.fragment)
        if address.scheme or not link or not os.path.isfile(target):
            dead.append(link)
        elif place and target.endswith('.html') and place not in page_at(target).places:
            dead.append(link)
    return dead


@unittest.skipUnless(os.path.exists(CONFIG), 'the documentation is not built')
class TestSite(unittest.TestCase):
    """What gi-docgen and docs/site.py made."""

    # What fits into the column of a page at its preferred width.
    WIDTH = 98

    def paths(self, pattern='*.html'):
        paths = glob.glob(os.path.join(SITE, pattern))
        self.assertGreater(len(paths), 5)
        return paths

    def guides(self):
        names = re.findall(r'"([^"]+)\.md"', re.search(r'content_files = \[(.*)\]', read(CONFIG))[1])
        return [os.path.join(SITE, f'{name}.html') for name in names]

    def test_every_link_leads_somewhere(self):
        paths = glob.glob(os.path.join(SITE, '**', '*.html'), recursive=True)
        self.assertGreater(len(paths), 300)
        dead = {os.path.relpath(path, SITE): links for path in paths if (links := dead_links(path))}
        self.assertEqual(dead, {})

    def test_dead_links_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'page.html')
            with open(path, 'w', encoding='utf-8') as file:
                file.write('<p id="here"><a href="#here">a</a> <a href="#there">b</a> <a href="page.md">c</a>'
                           '<a href="javascript:void(0)">d</a> <a href="page.html#here">e</a> <a href="">f</a>')
            self.assertEqual(dead_links(path), ['#there', 'page.md', 'javascript:void(0)', ''])

    def test_sites_of_other_libraries(self):
        addresses = re.findall(r"'(https:[^']+)'", read(os.path.join(SITE, 'urlmap.js')))
        external = {link for path in self.paths() for link in page_at(path).links
                    if 'docs.gtk.org' in link}
        self.assertGreater(len(external), 20)
        self.assertEqual([link for link in external if not link.startswith(tuple(addresses))], [])

    def test_members_are_links(self):
        plain = {(os.path.basename(path), name) for path in self.paths() for name in page_at(path).plain
                 if re.fullmatch(r'(MP|G_IO)_ERROR_[A-Z_]+', name)}
        self.assertEqual(plain, set())

    def test_first_page(self):
        text = read(os.path.join(SITE, 'index.html'))
        self.assertNotIn('Unknown', text)
        self.assertNotIn('href=""', text)
        self.assertIn('source/index.html', text)
        self.assertIn('logo.svg', text)

    def test_source_lines(self):
        for name in ('class.Queue', 'method.Queue.put', 'property.Queue.max-size', 'signal.Connection.closed'):
            with self.subTest(page=name):
                links = [link for link in page_at(os.path.join(SITE, f'{name}.html')).links
                         if re.match(r'source/mproc-glib/.*\.[ch]\.html#L\d+$', link)]
                self.assertTrue(links)

    def test_search(self):
        symbols = json.loads(read(os.path.join(SITE, 'index.json')))['symbols']
        self.assertGreater(len(symbols), 200)
        self.assertEqual([symbol['summary'] for symbol in symbols if re.search(r'\[\w+@|`', symbol['summary'])], [])

    def test_previous_and_next(self):
        guides = self.guides()
        for before, after in zip(guides, guides[1:]):
            with self.subTest(page=os.path.basename(before)):
                self.assertIn(f'Next: <a href="{os.path.basename(after)}">', read(before))
                self.assertIn(f'Previous: <a href="{os.path.basename(before)}">', read(after))

    def test_devhelp(self):
        # Devhelp takes the book whose name is that of its folder.
        book = read(os.path.join(SITE, 'mproc-glib-1.0.devhelp2'))
        links = re.findall(r'link="([^"]+)"', book)
        self.assertGreater(len(links), 200)
        self.assertEqual([link for link in links
                          if not os.path.exists(os.path.join(SITE, link.partition('#')[0]))], [])

    def test_code_fits_the_page(self):
        wide = {(os.path.basename(path), line) for path in self.paths() for block in page_at(path).blocks
                for line in block.splitlines() if len(line) > self.WIDTH}
        self.assertEqual(wide, set())

    def test_classes_show_other_languages(self):
        sections = re.findall(r'^## Mp(\w+)$', read(os.path.join(SOURCE, 'docs', 'classes.md')), re.MULTILINE)
        self.assertGreater(len(sections), 10)
        for name in sections:
            path = next(path for kind in ('class', 'iface', 'struct')
                        if os.path.exists(path := os.path.join(SITE, f'{kind}.{name}.html')))
            with self.subTest(name=name):
                self.assertTrue(f'classes.html#mp{name.lower()}' in read(path))


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


# Rows of docs/limits.md by how they begin, and the constants whose values they name.
LIMITS = (
    ('messages queued', 'memory/layout.h', 'MP_MAX_COUNT'),
    ('bytes queued', 'memory/shared-open.c', 'DEFAULT_MAX_BYTES'),
    ('bytes queued', 'memory/shared-open.c', 'MAX_MAX_BYTES'),
    ('messages held by consumers', 'memory/layout.h', 'MP_N_LEASES'),
    ('bytes held by consumers', 'memory/shared-open.c', 'MIN_SLACK'),
    ('bytes held by consumers', 'memory/shared-open.c', 'MAX_SLACK'),
    ('users:', 'memory/layout.h', 'MP_N_PARTICIPANTS'),
    ('threads and main loops', 'memory/layout.h', 'MP_N_WAITERS'),
    ('threads and main loops', 'memory/sleeper.c', 'WITHOUT_SLOT_US'),
    ('threads and main loops', 'memory/bell.c', 'WITHOUT_SLOT_US'),
    ('deliveries of one message', 'base/queue-backend.h', 'MP_QUEUE_DEFAULT_MAX_DELIVERIES'),
    ('threads that put', 'memory/layout.h', 'MP_N_INTENTS'),
    ('wait of a call', 'memory/shared-wait.c', 'HOLDER_PATIENCE_US'),
    ('messages among', 'memory/lease.h', 'MP_LEASE_PORTION'),
    ('text of', 'base/queue-backend.h', 'MP_QUEUE_PROGRESS_SIZE - 1'),
    ('name of a queue | 63', 'base/queue-backend.h', 'MP_QUEUE_NAME_SIZE - 1'),
    ('inotify instances', 'memory/layout.h', 'MP_N_WATCHING_HANDLES'),
    ('one message | `max-bytes`, at', 'redis/redis-queue-private.h', 'MP_REDIS_MAX_MESSAGE'),
    ('name of a queue | 128', 'redis/redis-uri.c', 'MAX_NAME'),
    ('a call without a timeout', 'redis/redis-uri.c', 'DEFAULT_TIMEOUT_US'),
    ('`timeout=`', 'redis/redis-uri.c', 'MAX_SECONDS'),
    ('number of the database', 'redis/redis-uri.c', 'MAX_DATABASE'),
    ('one message | 64 MiB', 'connection/mp-connection-private.h', 'MP_CONNECTION_DEFAULT_MESSAGE_SIZE'),
    ('one message | 64 MiB', 'connection/mp-connection-private.h', 'MP_CONNECTION_LARGEST_MESSAGE'),
    ('descriptors of a message', 'net/transport.h', 'MP_TRANSPORT_MAX_FDS'),
    ('bytes of asynchronous sends', 'wire/channel-send.c', 'MAX_QUEUED'),
    ('messages kept', 'wire/channel-receive.c', 'MAX_KEPT'),
    ('calls of the peer', 'connection/calls-received.c', 'MANY_CALLS'),
    ('the same, while', 'connection/calls-received.c', 'MAX_INCOMING'),
    ('duration of a handshake', 'wire/peer-settings.h', 'MP_PEER_DEFAULT_HANDSHAKE_TIMEOUT'),
    ('a message of the handshake', 'wire/handshake.h', 'MP_HANDSHAKE_MAX_MESSAGE'),
    ('handshakes in progress', 'connection/mp-listener.c', 'DEFAULT_MAX_PENDING'),
    ('handshakes of TLS', 'wire/tls.h', 'MP_TLS_MAX_THREADS'),
    ('refused peers', 'wire/acceptor-peers.c', 'MAX_REFUSED'),
    ('clients in the', 'connection/mp-listener.c', 'DEFAULT_BACKLOG'),
    ('nesting of JSON', 'formats/json-writer.h', 'MP_JSON_MAX_NESTING'),
    ('nesting of a GVariant', 'formats/gvariant-reader.c', 'MAX_DEPTH'),
    ('nesting of a value', 'formats/gvariant-writer.h', 'MP_GVARIANT_MAX_NESTING'),
    ('nesting of a pickle', 'formats/pickle-writer.h', 'MP_PICKLE_MAX_NESTING'),
    ('type of a GVariant', 'formats/gvariant.h', 'MP_GVARIANT_MAX_TYPE_LENGTH'),
    ('JSON text', 'formats/json-scan.c', 'MAX_TREE_SIZE'),
    ('a pickle that', 'formats/pickle-machine.c', 'MAX_PICKLE_SIZE'),
    ('shared values', 'formats/pickle-machine.c', 'WORK_PER_BYTE'),
    ('an integer', 'formats/pickle-operations.c', 'MAX_BIG_INT_BYTES'),
    ('an integer', 'formats/pickle-text.c', 'MAX_BIG_INT_DIGITS'),
    ('dimensions', 'formats/ndarray.h', 'MP_NDARRAY_MAX_DIMENSIONS'),
    ('objects in a message', 'formats/object.c', 'MAX_OBJECTS'),
    ('objects in a message', 'formats/object.h', 'MP_OBJECT_MAX_NESTING'),
    ('pause before', 'pool/pool-slots.c', 'MAX_DELAY_US'),
    ('memory of large messages', 'base/mp-large-memory.c', 'MAX_KEPT'),
)


def value_of(path, expression):
    """Returns the value of an expression of constants that are defined in a file of the library."""
    text = read(os.path.join(SOURCE, 'mproc-glib', path))
    constants = dict(re.findall(r'^#define (\w+) +(.+)$', text, re.MULTILINE))
    constants.update(G_USEC_PER_SEC='1000000', G_MAXINT32='(2 ** 31 - 1)')
    while names := [name for name in re.findall(r'\b[A-Z]\w+\b', expression) if name in constants]:
        expression = re.sub(rf'\b{names[0]}\b', f'({constants[names[0]]})', expression)
    # That of processors with 64 bits.
    expression = re.sub(r'sizeof \(gpointer\) > 4 \? (.*) : .*?(?=\)|$)', r'\1', expression)
    expression = re.sub(r'\(gsize\)|G_G?U?INT64_CONSTANT|/\*.*?\*/|(?<=\d)u\b', '', expression)
    return eval(expression, {'__builtins__': {}})  # pylint: disable=eval-used


def ways_to_write(value):
    ways = [f'{value:,}']
    for unit, name in ((1 << 40, 'TiB'), (1 << 30, 'GiB'), (1 << 20, 'MiB'), (10 ** 6, 's'), (1000, 'ms')):
        ways += [f'{value // unit:,} {name}'] if value % unit == 0 else []
    return ways


class TestLimits(unittest.TestCase):
    """The page of limits names the values that are in the source."""

    def test_values(self):
        rows = re.findall(r'^\| (.*)', read(os.path.join(SOURCE, 'docs', 'limits.md')), re.MULTILINE)
        for beginning, path, constant in LIMITS:
            with self.subTest(row=beginning, constant=constant):
                row, = [row for row in rows if row.startswith(beginning)]
                ways = '|'.join(re.escape(way) for way in ways_to_write(value_of(path, constant)))
                self.assertRegex(row, rf'(?<![\d,])({ways})(?![\d,]*\d)')

    def test_values_of_constants(self):
        self.assertEqual(value_of('memory/layout.h', 'MP_MAX_COUNT'), 1 << 27)
        self.assertEqual(value_of('memory/shared-open.c', 'DEFAULT_MAX_BYTES'), 4 << 30)
        self.assertEqual(ways_to_write(3 << 20), ['3,145,728', '3 MiB'])
        self.assertEqual(ways_to_write(5000), ['5,000', '5 ms'])


class TestTroubleshooting(unittest.TestCase):
    def test_every_error_is_explained(self):
        text = read(os.path.join(SOURCE, 'docs', 'troubleshooting.md'))
        explained = set(re.findall(r'`(\w+)`', ''.join(re.findall(r'^\| (`.*?) \|', text, re.MULTILINE))))
        own = set(re.findall(r'^  (MP_ERROR_\w+)', read(os.path.join(SOURCE, 'mproc-glib', 'base', 'mp-error.h')),
                             re.MULTILINE))
        self.assertGreater(len(own), 10)
        system = {code for path in glob.glob(os.path.join(SOURCE, 'mproc-glib', '*', '*.c'))
                  for code in re.findall(r'G_IO_ERROR, (G_IO_ERROR_\w+)', read(path))}
        # What GIO reports is compared with it; no call fails with it.
        self.assertEqual((own | system) - explained, {'G_IO_ERROR_WOULD_BLOCK'})


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
