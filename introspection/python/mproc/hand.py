# SPDX-License-Identifier: LGPL-2.1-or-later
"""What this process has got of a queue of tasks."""

from __future__ import annotations

import sys
from typing import Any


class Hand:
    """Counts what was got, for programs that never say that it is done."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.n_taken = 0
        self.tells = False

    def finish(self) -> None:
        """Says at the normal end of the process that all is done, unless the program does so itself."""
        if self.tells or _ends_by_exception():
            return
        try:
            for _ in range(self.n_taken):
                self._queue.task_done()
        except (OSError, ValueError):
            # The queue is closed or damaged: then nobody waits.
            pass


def _ends_by_exception() -> bool:
    error = sys.exc_info()[1]
    if isinstance(error, SystemExit):
        return error.code not in (None, 0)
    return error is not None
