# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text that repr () returns for the objects of the library."""

import shlex


def _state_of_queue(queue):
    if queue._closed:
        return 'closed'
    size, maximum = queue.get_size(), queue.get_max_size()
    return f'{size} of {maximum}' if maximum else f'{size}, no maximum'


def _state_of_connection(connection):
    if connection.get_closed():
        return 'closed'
    ways = {(True, True): 'both ways', (True, False): 'receives', (False, True): 'sends'}
    way = ways.get((connection.get_readable(), connection.get_writable()), 'neither way')
    return f'descriptor {connection.get_fd()}, {way}'


def _state_of_listener(listener):
    return listener.get_address() or 'closed'


def _state_of_process(process):
    pid = process.get_pid()
    if pid <= 0:
        return 'not started'
    return f'process {pid}, ' + ('runs' if process.exitcode is None else f'ended with {process.exitcode}')


def _state_of_pool(pool):
    return f'{pool.get_n_alive()} of {pool.get_n_workers()} workers, {pool.get_n_pending()} tasks'


def _state_of_task(task):
    return f'delivery {task.get_delivery_count()}'


def _state_of_pool_task(task):
    return f'{task.get_function()}, delivery {task.get_delivery_count()}'


def _command_of(obj):
    return shlex.join(obj.get_argv() or [])


# What tells the state of an object, and its name if it may have one.
_PARTS = {
    'Queue': (_state_of_queue, lambda queue: queue.get_name()),
    'Connection': (_state_of_connection, None),
    'Listener': (_state_of_listener, None),
    'Process': (_state_of_process, _command_of),
    'Pool': (_state_of_pool, _command_of),
    'Task': (_state_of_task, None),
    'PoolTask': (_state_of_pool_task, None),
}


def describe(kind, inner):
    """Returns the text for an object of the class @kind, which is @inner or contains it."""
    state_of, name_of = next(_PARTS[each.__name__] for each in type(inner).__mro__ if each.__name__ in _PARTS)
    name = name_of and name_of(inner)
    return f'<{kind.__module__}.{kind.__qualname__}{f" {name!r}" if name else ""}: {state_of(inner)}>'


def describing_repr(self):
    return describe(type(self), self)
