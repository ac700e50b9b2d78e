# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs in turn, and keeps the verified results by the distance of the processors."""

import json
import os
import statistics
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 30

# Some peers hang occasionally; their other runs count.
MAX_FAILURES = 3

# Two virtual processors may also share one core for a while: communication between them is then
# much faster than between any two near ones, and their other work is slower.
NEAR, FAR, SHARED = 'near', 'far', 'one core'
PLACEMENTS = NEAR, FAR, SHARED
SHARED_NS = 40


class Cell:
    """One row at one size and one number of processes."""

    def __init__(self, section, row, size, shape):
        self.section, self.row, self.size, self.shape = section, row, size, shape
        # Memory may be scarce, so begin with few large messages.
        self.n_messages = max(min(64, row.least), min(row.first, (32 << 20) // size))
        self.rates = {placement: [] for placement in PLACEMENTS}
        self.n_failures = 0
        self.failure = None

    @property
    def key(self):
        return self.row.key, self.size, self.shape

    def placement(self):
        """Returns "near" if there are enough such runs, else the placement with the most runs."""
        most = max(PLACEMENTS, key=lambda placement: len(self.rates[placement]))
        if len(self.rates[NEAR]) >= 3:
            return NEAR
        return most if self.rates[most] else None

    def median(self, placement=None):
        rates = self.rates.get(placement or self.placement())
        return statistics.median(rates) if rates else None


class Bench:
    def __init__(self, build, seconds, near_ns, patience):
        self.programs = os.path.join(build, 'tests', 'benchmarks')
        self.seconds, self.near_ns, self.patience = seconds, near_ns, patience
        self.last_probe = None
        self.probes = []

    def command(self, row):
        if row.program.endswith('.py'):
            return [sys.executable, os.path.join(FOLDER, row.program)]
        return [os.path.join(self.programs, 'bench-' + row.program)]

    def run(self, command):
        """Returns the output of the program, or None and the reason of the failure."""
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=TIMEOUT)
        except (OSError, subprocess.TimeoutExpired) as error:
            return None, str(error)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ['not verified']
            return None, lines[-1]
        return json.loads(done.stdout), None

    def probe(self):
        result, why = self.run([os.path.join(self.programs, 'bench-probe')])
        if result is None:
            sys.exit('The probe failed: ' + why)
        self.last_probe = result['near_ns']
        self.probes.append(self.last_probe)
        return self.last_probe

    def wait_until_near(self):
        while (self.last_probe or self.probe()) > self.near_ns and self.patience > 0:
            start = time.monotonic()
            time.sleep(0.5)
            self.probe()
            self.patience -= time.monotonic() - start

    def place(self, probe):
        return SHARED if probe <= SHARED_NS else NEAR if probe <= self.near_ns else FAR

    def placement(self, before, after):
        """Returns None if the placement changed meanwhile."""
        return self.place(before) if self.place(before) == self.place(after) else None

    def measure(self, cell, keep):
        """Makes one run, between two probes; without @keep, only to find the number of messages."""
        row = cell.row
        self.wait_until_near()
        before = self.last_probe
        result, why = self.run(self.command(row) + [
            '--mode', row.mode, '--size', str(cell.size),
            '--producers', str(cell.shape),
            '--consumers', str(cell.shape if row.consumers else 0),
            '--messages', str(cell.n_messages)])
        placement = self.placement(before, self.probe())

        if result is None or not result['verified']:
            cell.n_failures += 1
            if cell.n_failures == MAX_FAILURES:
                cell.failure = why or 'not verified'
            return
        rate = result['messages'] / result['seconds']
        if keep and placement is not None:
            cell.rates[placement].append(rate)
        # At most ten times as many as before: a short run is a bad estimate.
        wanted = int(rate * self.seconds)
        cell.n_messages = max(row.least, min(wanted, cell.n_messages * 10))

    def measure_all(self, cells, n_runs, say):
        for number in range(-1 if n_runs < 5 else -2, n_runs):
            for cell in cells:
                if cell.failure is None:
                    self.measure(cell, number >= 0)
            say(f'{"warm-up" if number < 0 else f"run {number + 1} of {n_runs}"}, '
                f'probe {self.last_probe:.0f} ns')
