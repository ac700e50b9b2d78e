# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.process itself, under a name in this package."""

import sys
from multiprocessing import process as _module
from multiprocessing.process import *  # noqa: F403

sys.modules[__name__] = _module
