# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module multiprocessing.shared_memory itself, under a name in this package."""

import sys
from multiprocessing import shared_memory as _module
from multiprocessing.shared_memory import *  # noqa: F403

sys.modules[__name__] = _module
