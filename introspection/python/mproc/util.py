# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.util itself, under a name in this package."""

import sys
from multiprocessing import util as _module
from multiprocessing.util import *  # noqa: F403

sys.modules[__name__] = _module
