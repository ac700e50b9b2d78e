# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.reduction itself, under a name in this package."""

import sys
from multiprocessing import reduction as _module
from multiprocessing.reduction import *  # noqa: F403

sys.modules[__name__] = _module
