# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.managers itself, under a name in this package."""

import sys
from multiprocessing import managers as _module
from multiprocessing.managers import *  # noqa: F403

sys.modules[__name__] = _module
