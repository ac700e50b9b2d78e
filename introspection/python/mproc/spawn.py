# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.spawn itself, under a name in this package."""

import sys
from multiprocessing import spawn as _module
from multiprocessing.spawn import *  # noqa: F403

sys.modules[__name__] = _module
