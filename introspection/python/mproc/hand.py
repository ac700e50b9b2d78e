# SPDX-License-Identifier: LGPL-2.1-or-later
"""The messages that this process has got from a JoinableQueue and that are not done."""

from __future__ import annotations

import sys
from multiprocessing import parent_process
from typing import Any


class Hand:
    """Makes the messages got by this process count as consumed, for programs that never call
    task_done () in this process."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.tells = False

    def finish(self) -> None:
        """Called when the process ends normally, unless the program calls task_done () itself."""
        if self.tells or _ends_by_exception():
            return
        try:
            self._queue.consume()
        except (OSError, ValueError):
            # The queue is closed or damaged, so no process waits.
            pass


def _ends_by_exception() -> bool:
    error = sys.exc_info()[1]
    if error is None and parent_process() is None and not hasattr(sys, 'ps1'):
        # The exception that has ended the program, unless an interpreter went on after it. A forked child
        # may have one of its parent.
        error = getattr(sys, 'last_value', None)
    if isinstance(error, SystemExit):
        return error.code not in (None, 0)
    return error is not None
