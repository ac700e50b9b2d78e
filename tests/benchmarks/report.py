# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tables of the results in Markdown."""

from measure import NEAR, PLACEMENTS
from rows import TARGETS, label


def number(value):
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


def amount(cell, rate):
    """Converts a rate to the unit of this cell: µs, GB/s or M/s."""
    if cell.section.trip:
        return 1e6 / rate
    return rate * cell.size / 1e9 if cell.size > 1024 else rate / 1e6


def unit(section, size):
    return 'µs' if section.trip else 'GB/s' if size > 1024 else 'M/s'


def medians(over, under):
    """Returns the rates of two cells for the same placement of processors, and that placement."""
    if over is not None and under is not None:
        for placement in PLACEMENTS:
            if len(over.rates[placement]) >= 2 and len(under.rates[placement]) >= 2:
                return over.median(placement), under.median(placement), placement
    return None, None, None


def ratio(over, under, time=False):
    over, under, placement = medians(over, under)
    if placement is None:
        return None, None
    return (under / over if time else over / under), placement


def difference(over, under):
    over, under, placement = medians(over, under)
    return (None if placement is None else 1e6 / over - 1e6 / under), placement


def value_of(target, by_key):
    cells = by_key.get(target.over), by_key.get(target.under)
    return difference(*cells) if target.difference else ratio(*cells, target.time)


def cell_text(cell, limit):
    if cell is None:
        return ''
    if cell.failure is not None:
        return f'({cell.failure})'
    placement = cell.placement()
    if placement is None:
        return '(placement changed)'

    amounts = sorted(amount(cell, rate) for rate in cell.rates[placement])
    text = f'{number(amount(cell, cell.median(placement)))} [{number(amounts[0])}–{number(amounts[-1])}]'
    if placement != NEAR:
        text += ' ' + placement
    against, _ = ratio(cell, limit, cell.section.trip)
    if against is not None and cell is not limit:
        text += f' **{number(against)}**'
    return text


def table(section, cells):
    """One line for each row and number of processes, one column for each size."""
    by_key = {cell.key: cell for cell in cells if cell.section is section}
    sizes = sorted({cell.size for cell in by_key.values()})
    lines = [f'### {section.title}', '',
             '| | ' + ' | '.join(f'{label(size)}, {unit(section, size)}' for size in sizes) + ' |',
             '|---' * (len(sizes) + 1) + '|']
    for row in section.rows:
        for shape in row.shapes:
            found = [by_key.get((row.key, size, shape)) for size in sizes]
            if not any(found):
                continue
            texts = [cell_text(cell, by_key.get((section.limit, size, 1)))
                     for cell, size in zip(found, sizes)]
            title = row.title + (f', {shape}x{shape}' if len(row.shapes) > 1 else '')
            lines.append(f'| {title} | ' + ' | '.join(texts) + ' |')
    return '\n'.join(lines) + '\n'


def idle_text(result):
    seconds = result['seconds']
    return (f'{result["switches"] / seconds:.1f}/s, {result["cpu"] / seconds * 100:.3f} %, '
            f'{result["exit"] * 1e6:.0f} µs')


def idle_table(idle):
    numbers = [result['processes'] for result in next(iter(idle.values()))]
    lines = ['### Idle: processes that wait', '',
             'Wake-ups of all together, their processor time in percent of one processor, and what the exit',
             'of a short-lived peer costs all of them together; from 10 s to 20 s after their start.', '',
             '| | ' + ' | '.join(str(n) for n in numbers) + ' |', '|---' * (len(numbers) + 1) + '|']
    for title, results in idle.items():
        lines.append(f'| {title} | ' + ' | '.join(idle_text(result) for result in results) + ' |')
    return '\n'.join(lines) + '\n'


# Uses the largest number of processes, in each mode of MpQueue.
def idle_target(idle):
    worst = max((results[-1] for title, results in idle.items() if title.startswith('MpQueue')),
                key=lambda result: result['cpu'])
    percent = worst['cpu'] / worst['seconds'] * 100
    return (f'| idle: {worst["processes"]} waiting processes, percent of one processor | ≤ 1 | '
            f'{percent:.3f} | {"yes" if percent <= 1 else "**no**"} |')


def targets_table(cells, idle):
    by_key = {cell.key: cell for cell in cells}
    lines = ['### Targets', '', '| target | wanted | reached | |', '|---|---|---|---|']
    for target in TARGETS:
        value, placement = value_of(target, by_key)
        if value is None:
            continue
        reached = value <= target.bound if target.at_most else value >= target.bound
        where = f' ({placement})' if placement != NEAR else ''
        lines.append(f'| {target.title} | {"≤" if target.at_most else "≥"} {target.bound} '
                     f'| {number(value)}{where} | {"yes" if reached else "**no**"} |')
    if idle is not None:
        lines.append(idle_target(idle))
    return '\n'.join(lines) + '\n'
