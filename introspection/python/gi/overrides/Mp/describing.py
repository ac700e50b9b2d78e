# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text that repr () returns for queues, connections and listeners."""


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


_STATES = {'Queue': _state_of_queue, 'Connection': _state_of_connection, 'Listener': _state_of_listener}


def describe(kind, inner):
    """Returns the text for an object of the class @kind, which is @inner or contains it."""
    state_of = next(_STATES[each.__name__] for each in type(inner).__mro__ if each.__name__ in _STATES)
    return f'<{kind.__module__}.{kind.__qualname__}: {state_of(inner)}>'


def describing_repr(self):
    return describe(type(self), self)
