#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints what `mproc top` shows while workers in four languages checksum a tree: the picture in
README.md.

docs/terminal_picture.py BUILD, after a build in that folder
"""

import os
import re
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(sys.argv[1])
PATIENCE = 60


def path(name, *folders):
    return {name: os.pathsep.join([*folders, os.environ.get(name, '')]).rstrip(os.pathsep)}


def environment():
    library = os.path.join(BUILD, 'mproc-glib')
    return {**os.environ, **path('LD_LIBRARY_PATH', library), **path('GI_TYPELIB_PATH', library),
            **path('PYTHONPATH', os.path.join(SOURCE, 'introspection', 'python')),
            **path('GJS_PATH', os.path.join(SOURCE, 'introspection', 'js')),
            'MP_EXAMPLES_SOURCE': os.path.join(SOURCE, 'examples'),
            'MP_EXAMPLES_BUILD': os.path.join(BUILD, 'examples')}


def top():
    """The second picture: in the first there are no rates."""
    command = [os.path.join(BUILD, 'tools', 'mproc'), 'top', '-b', '-n', '2', '-s', 'size', 'tasks', 'results']
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
    return shown.rpartition('\nmproc top')[2]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for i in range(12):
            with open(os.path.join(folder, f'film-{i + 1}.webm'), 'wb') as file:
                file.truncate((1 + i % 3) << 28)
        coordinator = subprocess.Popen([os.path.join(BUILD, 'examples', 'c', 'checksum-coordinator'), folder],
                                       stdout=subprocess.DEVNULL, env=environment())
        try:
            deadline = time.monotonic() + PATIENCE
            while len(re.findall('%  film', picture := top())) < 4 and time.monotonic() < deadline:
                pass
        finally:
            coordinator.terminate()
            coordinator.wait()
    print('mproc top' + picture.rstrip())


main()
