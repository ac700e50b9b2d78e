# SPDX-License-Identifier: LGPL-2.1-or-later
"""What this process has got of a queue of tasks."""

from __future__ import annotations

import sys
from typing import Any


class Hand:
    """Keeps what was got for good, for programs that never say here that it is done."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.tells = False

    def finish(self) -> None:
        """Ends what was got, at the normal end of the process, unless the program does so itself."""
        if self.tells or _ends_by_exception():
            return
        try:
            self._queue.consume()
        except (OSError, ValueError):
            # The queue is closed or damaged: then nobody waits.
            pass


def _ends_by_exception() -> bool:
    error = sys.exc_info()[1]
    if isinstance(error, SystemExit):
        return error.code not in (None, 0)
    return error is not None
