# SPDX-License-Identifier: LGPL-2.1-or-later
"""Opening queues by their URI."""

from gi.repository import GLib

from .errors import check_texts, exception_of
from .module import Mp, export
from .queues import Queue

_open = Mp.Queue.open


def uri_with(uri, parameters):
    """Returns @uri with more parameters, whose names have underscores for dashes."""
    words = [f'{name.replace("_", "-")}={GLib.Uri.escape_string(_text(value), None, False)}'
             for name, value in parameters.items()]
    return uri + ('&' if '?' in uri else '?') + '&'.join(words) if words else uri


def _text(value):
    return ('no', 'yes')[value] if isinstance(value, bool) else str(value)


@export
def queue_open(uri, *, codec=None, **parameters):
    """Opens the queue at @uri, such as 'local:tasks', and creates it if there is none.

    @parameters: what it has to have, for example mode='joinable', max_size=100 or create=False
    Returns a Queue, or a JoinableQueue if it is one."""
    if not isinstance(uri, str):
        raise TypeError('a URI has to be a str')
    check_texts(uri, *parameters.values())
    try:
        queue = _open(uri_with(uri, parameters), None)
    except GLib.Error as error:
        raise exception_of(error) from None
    if codec is not None:
        Queue.codec.fset(queue, codec)
    return queue
