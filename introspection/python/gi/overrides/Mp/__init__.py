# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues and connections under the names and with the manners of multiprocessing.

A value crosses the bridge as a pickle: Python's own pickler is several times as fast as
building a GLib.Variant, and the library reads, checks and converts pickles itself. It never
executes one, and what pickle.loads () is given here has passed its check.
"""

from multiprocessing.context import AuthenticationError, BufferTooShort
from queue import Empty, Full

# Each file exports what it defines.
from . import connections, joinable, listeners, loops, processes, queues, sharing, simple
from .module import exported

globals().update(exported)

__all__ = ['AuthenticationError', 'BufferTooShort', 'Empty', 'Full', *exported]
