#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the documentation site: the guides, the reference by gi-docgen, and the source files.

The guides link to each other as files of the repository do, so that they can also be read there.
For the site, copies are made whose links name the pages that are made of them, and which end with
links to the previous and to the next one. In the pages of gi-docgen,

 * links to other libraries become links to their sites, which gi-docgen leaves to a script;
 * names of functions, types and error codes become links to where they are described;
 * links to the source lead to copies of the source files that are part of the site;
 * what the search shows of a symbol loses its markup, which gi-docgen keeps;
 * the description of a class ends with links to its section on the page of classes, which shows
   the example in the other languages.
"""

import argparse
import glob
import html
import json
import os
import re
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ElementTree

import pygments
import pygments.formatters
import pygments.lexers
import pygments.util

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

PAGE_LINK = re.compile(r'\]\((?!\w+:)(?P<target>[^)#\s]+)(?P<place>#[^)\s]*)?\)')
TITLE = re.compile(r'^Title: (.*)$', re.MULTILINE)
TAG = re.compile(r'<[^>]+>')
EXTERNAL = re.compile(r'<a\b[^>]*\bdata-namespace="(?P<namespace>\w+)"[^>]*>')
CODE = re.compile(r'<code>(?P<name>\w+)(?: ?\(\))?</code>')
ENCLOSED = re.compile(r'(<a\b.*?</a>|<pre\b.*?</pre>|<h\d\b.*?</h\d>)', re.DOTALL)
SYMBOL_LINK = re.compile(r'\[\w+@(?:Mp\.)?(?P<name>[^\]]+)\]')
URL_OF_NAMESPACE = re.compile(r"\['(\w+)', '([^']+)'\]")

GIO_ERROR = 'G_IO_ERROR_'
KINDS = {'class': 'class', 'interface': 'iface', 'record': 'struct'}
FUNCTIONS = {'constructor': 'ctor', 'method': 'method', 'function': 'type_func'}

CLASSES = 'classes.md'

OTHER_LANGUAGES = ('<p class="other-languages">The same in <a href="classes.html#{place}">Python, JavaScript and '
                   'Vala</a>.</p>')

SOURCE_PAGE = '''<!DOCTYPE html>
<html lang="en">
<head>
  <title>{name}</title>
  <meta charset="utf-8"/>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="{root}style.css" type="text/css"/>
  <link rel="stylesheet" href="{root}source/source.css" type="text/css"/>
</head>
<body>
<section class="content source">
<p><a href="{root}index.html">Mp</a> / <a href="{root}source/index.html">source</a> / {name}</p>
{body}
</section>
</body>
</html>
'''

SOURCE_CSS = '''
section.source { max-width: none; margin: 1em; }
section.source pre { line-height: 1.4; tab-size: 8; }
section.source pre a { color: inherit; text-decoration: none; }
section.source span:target { background: rgba(255, 200, 0, 0.3); }
'''


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


class Site:
    def __init__(self, source, output, pages):
        self.source = source
        self.output = output
        self.pages = pages
        self.sources = set()

    def source_link(self, path, place=''):
        """Returns the address of the page for the source file at @path, which will be made."""
        self.sources.add(path)
        return f'source/{path}.html{place}'

    # The guides

    def title(self, page):
        return TITLE.search(read(os.path.join(self.source, 'docs', page)))[1]

    def page_link(self, match):
        target, place = match['target'], match['place'] or ''
        if target in self.pages:
            return f']({target[:-len(".md")]}.html{place})'
        path = os.path.normpath(os.path.join('docs', target))
        if path.startswith('docs/'):
            return match[0]
        if os.path.isdir(os.path.join(self.source, path)):
            return ''.join([']', f'(source/index.html#{path.replace("/", "-")})'])
        return f']({self.source_link(path, place)})'

    def neighbours(self, page):
        """Returns the line with which @page ends, in Markdown."""
        place = self.pages.index(page)
        parts = []
        if place > 0:
            before = self.pages[place - 1]
            parts.append(f'Previous: [{self.title(before)}]({before[:-3]}.html)')
        if place + 1 < len(self.pages):
            after = self.pages[place + 1]
            parts.append(f'Next: [{self.title(after)}]({after[:-3]}.html)')
        return ' · '.join(parts)

    def prepare_pages(self, folder):
        for page in self.pages:
            text = read(os.path.join(self.source, 'docs', page))
            text = PAGE_LINK.sub(self.page_link, text)
            write(os.path.join(folder, page), f'{text.rstrip()}\n\n---\n\n{self.neighbours(page)}\n')

    # The reference

    @staticmethod
    def links_of_symbols(gir):
        """Returns the address of each type, function and member of an enumeration by its name in C."""
        addresses = {}
        namespace = ElementTree.parse(gir).getroot().find(f'{CORE}namespace')
        for kind, prefix in KINDS.items():
            for owner in namespace.iter(CORE + kind):
                addresses[owner.get(f'{C}type')] = f'{prefix}.{owner.get("name")}.html'
                for function, place in FUNCTIONS.items():
                    for each in owner.findall(CORE + function):
                        addresses[each.get(f'{C}identifier')] = f'{place}.{owner.get("name")}.{each.get("name")}.html'
        for each in namespace.findall(f'{CORE}function'):
            if each.get('moved-to') is None:
                addresses[each.get(f'{C}identifier')] = f'func.{each.get("name")}.html'
        for kind in ('enumeration', 'bitfield'):
            for enum in namespace.iter(CORE + kind):
                prefix = {'bitfield': 'flags'}.get(kind, 'enum')
                if enum.get(f'{GLIB}error-domain'):
                    prefix = 'error'
                for member in enum.iter(f'{CORE}member'):
                    addresses[member.get(f'{C}identifier')] = (
                        f'{prefix}.{enum.get("name")}.html#{member.get("name")}')
        return addresses

    @staticmethod
    def with_external_links(text, urls):
        def address(match):
            link = re.search(r'data-link="([^"]+)"', match[0])
            return match[0].replace('javascript:void(0)', urls[match['namespace']] + link[1])
        return EXTERNAL.sub(address, text)

    @staticmethod
    def with_symbol_links(text, addresses, gio, page):
        def link(match):
            name = match['name']
            address = addresses.get(name)
            if name.startswith(GIO_ERROR):
                address = f'{gio}error.IOErrorEnum.html#{name[len(GIO_ERROR):].lower()}'
            return f'<a href="{address}">{match[0]}</a>' if address and address != page else match[0]
        # The odd parts are links, blocks of code and headings, which stay as they are.
        parts = ENCLOSED.split(text)
        parts[::2] = [CODE.sub(link, part) for part in parts[::2]]
        return ''.join(parts)

    def with_source_links(self, text):
        def link(match):
            path = os.path.normpath(match['path'].lstrip('./'))
            if not os.path.exists(os.path.join(self.source, path)):
                return ''
            return match['start'] + self.source_link(path, match['place']) + '">[src]</a>'
        return re.sub(r'(?P<start><a class="srclink"[^>]*href=")(?P<path>[^"#]+)(?P<place>#L\d+)">\[src\]</a>',
                      link, text)

    def classes_with_examples(self):
        """Returns the names of the classes that have a section on the page of classes."""
        return set(re.findall(r'^## Mp(\w+)$', read(os.path.join(self.source, 'docs', CLASSES)), re.MULTILINE))

    def finish_page(self, path, addresses, urls, classes):
        text = self.with_external_links(read(path), urls)
        text = self.with_symbol_links(text, addresses, urls['Gio'], os.path.basename(path))
        text = self.with_source_links(text)
        # A row without a value.
        text = re.sub(r'<tr><td><em>\w+</em></td><td><a href=""[^>]*></a></td></tr>\s*', '', text)
        kind = re.fullmatch(r'(?:class|struct|iface)\.(\w+)\.html', os.path.basename(path))
        if kind and kind[1] in classes:
            link = OTHER_LANGUAGES.format(place=f'mp{kind[1].lower()}')
            before, description, rest = text.partition('id="description"')
            # The end of the first block of code.
            text = before + description + rest.replace('</pre></div>', '</pre></div>' + link, 1)
        write(path, text)

    def finish_search(self):
        path = os.path.join(self.output, 'index.json')
        index = json.loads(read(path))
        for symbol in index['symbols']:
            symbol['summary'] = SYMBOL_LINK.sub(r'\g<name>', symbol['summary']).replace('`', '')
        write(path, json.dumps(index, separators=(',', ':')))

    # The source

    def write_source(self, path):
        text = read(os.path.join(self.source, path))
        try:
            lexer = pygments.lexers.get_lexer_for_filename(path)
        except pygments.util.ClassNotFound:
            lexer = pygments.lexers.TextLexer()
        # Anchors are what links in the reference name: L and the number of the line.
        formatter = pygments.formatters.HtmlFormatter(linenos='inline', linespans='L', anchorlinenos=False,
                                                      cssclass='codehilite')
        body = pygments.highlight(text, lexer, formatter).replace('id="L-', 'id="L')
        page = os.path.join(self.output, 'source', f'{path}.html')
        write(page, SOURCE_PAGE.format(name=html.escape(path), body=body, root='../' * (path.count('/') + 1)))

    def write_sources(self):
        folders = {}
        for path in sorted(self.sources):
            self.write_source(path)
            folders.setdefault(os.path.dirname(path), []).append(path)
        parts = []
        for folder, paths in folders.items():
            items = ''.join(f'<li><a href="{path}.html">{os.path.basename(path)}</a></li>\n' for path in paths)
            place = folder.replace('/', '-') or 'top'
            parts.append(f'<h2 id="{place}">{folder or "."}</h2>\n<ul>\n{items}</ul>\n')
        write(os.path.join(self.output, 'source', 'index.html'),
              SOURCE_PAGE.format(name='Source files', body=''.join(parts), root='../'))
        write(os.path.join(self.output, 'source', 'source.css'), SOURCE_CSS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('--gi-docgen', '--config', '--gir', '--source', '--output'):
        parser.add_argument(name, required=True)
    parser.add_argument('--fatal-warnings', action='store_true')
    options = parser.parse_args()

    with open(options.config, 'rb') as file:
        config = tomllib.load(file)
    site = Site(options.source, options.output, config['extra']['content_files'])
    prepared = options.output.rstrip('/') + '.pages'
    for folder in (options.output, prepared):
        shutil.rmtree(folder, ignore_errors=True)
    site.prepare_pages(prepared)

    command = [options.gi_docgen, 'generate', '--quiet', '--no-namespace-dir', '--config', options.config,
               '--content-dir', prepared, '--content-dir', os.path.join(options.source, 'docs'),
               '--output-dir', options.output, options.gir]
    if options.fatal_warnings:
        command.insert(3, '--fatal-warnings')
    subprocess.run(command, check=True)

    addresses = site.links_of_symbols(options.gir)
    urls = dict(URL_OF_NAMESPACE.findall(read(os.path.join(options.source, 'docs', config['extra']['urlmap_file']))))
    classes = site.classes_with_examples()
    for path in sorted(glob.glob(os.path.join(options.output, '*.html'))):
        site.finish_page(path, addresses, urls, classes)
    site.finish_search()
    site.write_sources()


if __name__ == '__main__':
    main()
