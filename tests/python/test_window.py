# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example with a window, on a virtual screen.

Each case stores a screenshot in the build directory: window-LANGUAGE.png
"""

import os
import re
import shutil
import subprocess
import sys
import unittest

from helping import DEADLINE, Program, wait_until
from screen import ENVIRONMENT, Screen, has_gtk

BUILD = os.environ['MP_BUILD_ROOT']
SOURCE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'examples')
WINDOWS = {
    'c': [os.path.join(BUILD, 'examples', 'c', 'window')],
    'python': [sys.executable, os.path.join(SOURCE, 'python', 'window.py')],
    'js': ['gjs', '-m', os.path.join(SOURCE, 'js', 'window.js')],
    'vala': [os.path.join(BUILD, 'examples', 'vala', 'window')],
}
WIDTH, HEIGHT = 420, 520


def children_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        return [int(child) for child in file.read().split()]


def is_blue(red, green, blue):
    """Whether it is the colour of a progress bar, and not one of the grey ones elsewhere."""
    return blue > red + 60 and blue > green + 30


class Window(Program):
    def ticks_when(self, wanted):
        """Reads until a line contains @wanted; returns how often the clock had ticked."""
        lines = []
        for line in self.process.stdout:
            said = re.fullmatch(rf'{wanted} at tick (\d+)', line.rstrip('\n'))
            if said:
                return int(said[1])
            lines.append(line)
        raise AssertionError(f'no line says {wanted!r}: {lines}')


@unittest.skipUnless(shutil.which('Xvfb') and has_gtk(), 'GTK 4 or Xvfb is missing')
class TestWindow(unittest.TestCase):
    def start(self, language):
        if shutil.which(WINDOWS[language][0]) is None:
            self.skipTest(f'the window in {language} is not built')
        screen = Screen(WIDTH, HEIGHT)
        self.addCleanup(screen.__exit__)
        self.assertEqual(screen.photo().longest_run(is_blue), 0)
        program = Window([*WINDOWS[language], '--begin'], stderr=subprocess.STDOUT,
                         env={**ENVIRONMENT, 'DISPLAY': screen.name})
        self.addCleanup(program.close)
        return program, screen

    def close(self, program, screen):
        """Closes the window, and checks that the program and its workers have ended
        successfully."""
        workers = children_of(program.process.pid)
        self.assertEqual(len(workers), 2)
        screen.close_windows()
        output, _ = program.process.communicate(timeout=DEADLINE)
        self.assertEqual(program.process.returncode, 0, output)
        for worker in workers:
            self.assertFalse(os.path.exists(f'/proc/{worker}'))
        self.assertEqual(output.splitlines()[-1], 'Closed')

    def check(self, language):
        program, screen = self.start(language)

        # Six rounds of 200 ms give time for more than a few ticks of 50 ms if nothing blocks.
        self.assertGreater(program.ticks_when('12 of 12 done'), 6)

        # The screen shows it when the next frame is drawn.
        wait_until(lambda: screen.photo().longest_run(is_blue) > WIDTH * 0.8)
        photo = screen.photo()
        photo.save(os.path.join(BUILD, f'window-{language}.png'))
        self.assertGreater(len(photo.colours()), 16)
        self.close(program, screen)

    def check_closed_early(self, language):
        program, screen = self.start(language)
        program.ticks_when(r'\d+ of 12 done')
        self.close(program, screen)

    def test_c(self):
        self.check('c')

    def test_python(self):
        self.check('python')

    def test_js(self):
        self.check('js')

    def test_vala(self):
        self.check('vala')

    def test_c_closed_early(self):
        self.check_closed_early('c')

    def test_python_closed_early(self):
        self.check_closed_early('python')

    def test_js_closed_early(self):
        self.check_closed_early('js')

    def test_vala_closed_early(self):
        self.check_closed_early('vala')


if __name__ == '__main__':
    unittest.main()
