# SPDX-License-Identifier: LGPL-2.1-or-later
"""multiprocessing with other queues, pipes and connections: faster, safer, for objects of any kind.

A program replaces `from multiprocessing import Process, Queue` by `from mproc import Process,
Queue`. Queues, pipes and connections are implemented by mproc-glib; processes, locks, pools and
managers are those of the standard library, and work with them: a queue can be an argument of a
Process with every start method, or of the initializer of a Pool.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import Array as Array
from multiprocessing import AuthenticationError as AuthenticationError
from multiprocessing import Barrier as Barrier
from multiprocessing import BoundedSemaphore as BoundedSemaphore
from multiprocessing import BufferTooShort as BufferTooShort
from multiprocessing import Condition as Condition
from multiprocessing import Event as Event
from multiprocessing import Lock as Lock
from multiprocessing import Manager as Manager
from multiprocessing import Pool as Pool
from multiprocessing import Process as Process
from multiprocessing import ProcessError as ProcessError
from multiprocessing import RLock as RLock
from multiprocessing import RawArray as RawArray
from multiprocessing import RawValue as RawValue
from multiprocessing import Semaphore as Semaphore
from multiprocessing import TimeoutError as TimeoutError
from multiprocessing import Value as Value
from multiprocessing import active_children as active_children
from multiprocessing import allow_connection_pickling as allow_connection_pickling
from multiprocessing import cpu_count as cpu_count
from multiprocessing import current_process as current_process
from multiprocessing import freeze_support as freeze_support
from multiprocessing import get_all_start_methods as get_all_start_methods
from multiprocessing import get_logger as get_logger
from multiprocessing import get_start_method as get_start_method
from multiprocessing import log_to_stderr as log_to_stderr
from multiprocessing import parent_process as parent_process
from multiprocessing import reducer as reducer
from multiprocessing import set_executable as set_executable
from multiprocessing import set_forkserver_preload as set_forkserver_preload
from multiprocessing import set_start_method as set_start_method

from . import process as process
from . import reduction as reduction
from . import util as util
from .connection import Pipe as Pipe
from .context import get_context as get_context
from .crew import WorkerDied as WorkerDied
from .executor import ProcessPoolExecutor as ProcessPoolExecutor
from .queues import JoinableQueue as JoinableQueue
from .queues import Queue as Queue
from .queues import SimpleQueue as SimpleQueue
from .queues import open as open
from .worker import current_task as current_task

__all__ = [*_multiprocessing.__all__, 'ProcessPoolExecutor', 'WorkerDied', 'current_task']
