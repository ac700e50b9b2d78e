# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.heap itself, under a name in this package."""

import sys
from multiprocessing import heap as _module
from multiprocessing.heap import *  # noqa: F403

sys.modules[__name__] = _module
