#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the directory for the Python override for an installation prefix.

PyGObject finds overrides in gi/overrides of every directory on sys.path. The first of these below
the prefix is used, so that an installation to /usr/local does not change /usr. A prefix that
contains none of them needs PYTHONPATH anyway, and gets a directory with the usual name.
"""

import os
import site
import sys


def overrides_dir(prefix):
    folders = site.getsitepackages()
    try:
        import gi
        folders.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(gi.__file__))))
    except ImportError:
        pass
    for folder in folders:
        inside = os.path.relpath(folder, prefix)
        if not inside.startswith('..') and not (prefix == '/usr' and inside.startswith('local/')):
            return os.path.join(folder, 'gi', 'overrides')
    return os.path.join(prefix, 'lib', 'python3', 'dist-packages', 'gi', 'overrides')


print(overrides_dir(sys.argv[1]))
