# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues and connections with the names and behaviour of multiprocessing.

A value is passed to the library as a pickle: Python's own pickler is several times as fast as
building a GLib.Variant, and the library reads, checks and converts pickles itself. It never
executes one, and a pickle that is given to pickle.loads () here has passed its check.
"""

from multiprocessing.context import AuthenticationError, BufferTooShort
from queue import Empty, Full

# Each file exports what it defines.
from . import calls, connections, forking, joinable, listeners, loops, opening, pools, processes, queues, sharing, simple
from .errors import translate_module
from .module import exported

translate_module()

globals().update(exported)

__all__ = ['AuthenticationError', 'BufferTooShort', 'Empty', 'Full', *exported]
