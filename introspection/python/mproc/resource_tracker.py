# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.resource_tracker itself, under a name in this package."""

import sys
from multiprocessing import resource_tracker as _module
from multiprocessing.resource_tracker import *  # noqa: F403

sys.modules[__name__] = _module
