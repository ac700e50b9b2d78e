# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.pool itself, under a name in this package."""

import sys
from multiprocessing import pool as _module
from multiprocessing.pool import *  # noqa: F403

sys.modules[__name__] = _module
