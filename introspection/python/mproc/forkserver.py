# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.forkserver itself, under a name in this package."""

import sys
from multiprocessing import forkserver as _module
from multiprocessing.forkserver import *  # noqa: F403

sys.modules[__name__] = _module
