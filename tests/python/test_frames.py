# SPDX-License-Identifier: LGPL-2.1-or-later
"""A window is drawn while a queue is always full, on a virtual screen."""

import os
import re
import shutil
import subprocess
import sys
import unittest

from helping import Program
from screen import ENVIRONMENT, Screen, has_gtk

BUILD = os.path.join(os.environ['MP_BUILD_ROOT'], 'tests', 'frames')
SOURCE = os.path.join(os.environ['MP_SOURCE_ROOT'], 'tests', 'frames')
PROGRAMS = {
    'c': [os.path.join(BUILD, 'frames-c')],
    'python': [sys.executable, os.path.join(SOURCE, 'frames.py')],
    'js': ['gjs', '-m', os.path.join(SOURCE, 'frames.js')],
    'vala': [os.path.join(BUILD, 'frames-vala')],
}

# What each program does with what comes.
MODES = {
    'c': ('message', 'get', 'connection-message'),
    'python': ('message', 'connection-message', 'callback', 'get', 'iterate', 'tasks', 'put', 'recv', 'send',
               'slow', 'get@gbulb', 'slow@gbulb'),
    'js': ('message', 'connection-message', 'get', 'get-message', 'iterate', 'tasks', 'put', 'recv',
           'connection-iterate', 'send', 'slow'),
    'vala': ('message', 'connection-message', 'get', 'tasks', 'put', 'recv', 'send'),
}


def has_gbulb():
    return not subprocess.run([sys.executable, '-c', 'import gbulb'], stderr=subprocess.DEVNULL, check=False).returncode


@unittest.skipUnless(shutil.which('Xvfb') and has_gtk(), 'GTK 4 or Xvfb is missing')
class TestFrames(unittest.TestCase):
    def check(self, language, mode):
        if shutil.which(PROGRAMS[language][0]) is None:
            self.skipTest(f'the program in {language} is not built')
        if mode.endswith('@gbulb') and not has_gbulb():
            self.skipTest('gbulb is missing')
        with Screen(200, 200) as screen:
            program = Program([*PROGRAMS[language], mode], stderr=subprocess.STDOUT,
                              env={**ENVIRONMENT, 'DISPLAY': screen.name})
            self.addCleanup(program.close)
            output, _ = program.process.communicate()

        # It is killed if the frames do not come.
        self.assertEqual(program.process.returncode, 0, output)
        said = re.search(r'(\d+) frames beside (\d+) messages', output)
        self.assertGreater(int(said[2]), int(said[1]), output)


def add_tests():
    for language, modes in MODES.items():
        for mode in modes:
            name = f'test_{language}_{mode}'.replace('-', '_').replace('@', '_on_')
            setattr(TestFrames, name, lambda self, arguments=(language, mode): self.check(*arguments))


add_tests()

if __name__ == '__main__':
    unittest.main()
