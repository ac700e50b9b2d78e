#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints where the Python override belongs for an installation prefix.

PyGObject finds overrides in gi/overrides of every folder on sys.path.  Of those the first in
the prefix is taken, so that an installation to /usr/local leaves /usr alone.  A prefix
that holds none of them needs PYTHONPATH anyway, and gets a folder of the usual name.
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
