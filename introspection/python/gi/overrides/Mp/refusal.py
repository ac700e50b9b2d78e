# SPDX-License-Identifier: LGPL-2.1-or-later
"""The exception for an object that cannot be sent: what it is, where it is, and what to do."""

import contextlib
import pickle
import reprlib

UNPICKLABLE = (pickle.PicklingError, AttributeError, TypeError, RecursionError)

_CONTAINERS = (dict, list, tuple, set, frozenset)
_ATOMS = (str, int, float, bool, type(None), bytes, bytearray)

REMEDY = ('only plain values can be read by all languages; for other objects give both ends codec=pickle, '
           'or use the Python package mproc')


def refusal(obj, error, codec=None, remedy=REMEDY):
    """Returns the exception for @obj, which could not be sent for the reason @error; @remedy says what to
    do if @obj is refused since it is not plain."""
    if isinstance(error, RecursionError):
        return error
    path, culprit = _find_culprit(obj, _is_not_plain if codec is None else _is_not_picklable)
    where = f' at {path}' if path else ''
    why = remedy if codec is None and _is_not_plain(culprit) else error
    return TypeError(f'{_describe(culprit)}{where} cannot be sent: {why}')


def _describe(obj):
    if callable(obj):
        # Some built-in ones have no module, and an attribute of others may be code that fails.
        with contextlib.suppress(Exception):
            module = getattr(obj, '__module__', None)
            return f'{type(obj).__name__} {module + "." if module else ""}{obj.__qualname__}'
    return f'{type(obj).__module__}.{type(obj).__qualname__!s} object'.replace('builtins.', '')


def _is_not_plain(obj):
    return type(obj) not in _CONTAINERS and type(obj) not in _ATOMS


def _is_not_picklable(obj):
    if not _is_not_plain(obj):
        return False
    try:
        pickle.dumps(obj)
    except UNPICKLABLE:
        return True
    return False


def _find_culprit(obj, is_culprit):
    """Returns the path to the first object in nested containers that cannot be sent, and that
    object."""
    seen, waiting = set(), [('', obj)]
    while waiting:
        path, item = waiting.pop()
        if is_culprit(item):
            return path, item
        if type(item) in _CONTAINERS and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(reversed(list(_children(path, item))))
    return '', obj


# Of limited length, and also for keys whose own repr () fails.
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 40


def _children(path, container):
    if isinstance(container, dict):
        for key, value in container.items():
            yield f'a key of {path or "the value"}', key
            yield f'{path}[{_short.repr(key)}]', value
    else:
        for index, value in enumerate(container):
            place = f'{path}[{index}]' if isinstance(container, (list, tuple)) else f'an item of {path or "the value"}'
            yield place, value
