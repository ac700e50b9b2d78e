# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.resource_sharer itself, under a name in this package."""

import sys
from multiprocessing import resource_sharer as _module
from multiprocessing.resource_sharer import *  # noqa: F403

sys.modules[__name__] = _module
