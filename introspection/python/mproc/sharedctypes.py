# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.sharedctypes itself, under a name in this package."""

import sys
from multiprocessing import sharedctypes as _module
from multiprocessing.sharedctypes import *  # noqa: F403

sys.modules[__name__] = _module
