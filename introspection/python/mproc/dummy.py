# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.dummy itself, under a name in this package."""

import sys
from multiprocessing import dummy as _module
from multiprocessing.dummy import *  # noqa: F403

sys.modules[__name__] = _module
