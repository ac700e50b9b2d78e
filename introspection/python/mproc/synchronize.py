# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.synchronize itself, under a name in this package."""

import sys
from multiprocessing import synchronize as _module
from multiprocessing.synchronize import *  # noqa: F403

sys.modules[__name__] = _module
