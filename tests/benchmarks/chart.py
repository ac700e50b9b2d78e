# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws a bar chart as SVG: several panels with logarithmic scales."""

import math
from xml.sax.saxutils import escape

from report import amount, number, unit
from rows import label

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 760, 330, 80, 16, 6, 44

COLOURS = {'limit': '#9a9996', 'ours': '#3584e4', 'peer': '#e5a50a'}


def bars(cells):
    return [(cell.row.title.replace('`', '').replace('limit: ', ''), cell.row.kind,
             amount(cell, cell.median()))
            for cell in cells if cell.failure is None and cell.median() is not None]


def panel(title, rows, top):
    """Returns the panel's elements and its lower end."""
    low = 10 ** math.floor(math.log10(min(value for *_, value in rows)) - 0.2)
    high = max(value for *_, value in rows)
    scale = (WIDTH - LEFT - RIGHT) / max(math.log10(high / low), 1)
    out = [f'<text x="8" y="{top + 26}" class="title">{escape(title)}</text>']
    y = top + HEAD
    for name, kind, value in rows:
        width = max(math.log10(value / low) * scale, 1)
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        out.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" '
                   f'fill="{COLOURS[kind]}"/>')
        out.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}">{number(value)}</text>')
        y += BAR + GAP
    return out, y


def write(path, cells):
    """Draws panels for one size each, with one producer and one consumer."""
    out, top = [], 0
    for section_key, size in (('queue', 64), ('queue', 1048576), ('loop', 64), ('trip', 64),
                              ('connection', 64), ('connection-trip', 64)):
        chosen = [cell for cell in cells if cell.section.key == section_key and
                  cell.size == size and cell.shape == 1]
        rows = bars(chosen)
        if not rows:
            continue
        section = chosen[0].section
        title = f'{section.title.removesuffix(", µs")}, {label(size)}, {unit(section, size)}'
        drawn, top = panel(title.replace(': N producers and N consumers', ''), rows, top)
        out += drawn

    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 12}" '
                   'font-family="sans-serif" font-size="12">\n'
                   '<style>text { fill: #241f31 } .title { font-size: 15px; font-weight: bold }'
                   '</style>\n'
                   f'<rect width="{WIDTH}" height="{top + 12}" fill="#ffffff"/>\n')
        file.write('\n'.join(out) + '\n</svg>\n')
