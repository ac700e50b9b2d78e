# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conversion of the library's errors to the exceptions that Python programs expect."""

import errno
import functools
import inspect
from concurrent.futures import BrokenExecutor
from multiprocessing.context import AuthenticationError, BufferTooShort
from queue import Empty, Full

from gi._gi import FunctionInfo
from gi.repository import Gio, GLib

from .module import Mp, exported

_ERRNO = {
    Gio.IOErrorEnum.NOT_FOUND: errno.ENOENT,
    Gio.IOErrorEnum.EXISTS: errno.EEXIST,
    Gio.IOErrorEnum.BUSY: errno.EBUSY,
    Gio.IOErrorEnum.PERMISSION_DENIED: errno.EACCES,
    Gio.IOErrorEnum.ADDRESS_IN_USE: errno.EADDRINUSE,
    Gio.IOErrorEnum.CONNECTION_REFUSED: errno.ECONNREFUSED,
    Gio.IOErrorEnum.BROKEN_PIPE: errno.EPIPE,
    Gio.IOErrorEnum.HOST_NOT_FOUND: errno.EHOSTUNREACH,
    Gio.IOErrorEnum.HOST_UNREACHABLE: errno.EHOSTUNREACH,
    Gio.IOErrorEnum.NETWORK_UNREACHABLE: errno.ENETUNREACH,
    Gio.IOErrorEnum.NO_SPACE: errno.ENOSPC,
    Gio.IOErrorEnum.TOO_MANY_OPEN_FILES: errno.EMFILE,
    Gio.IOErrorEnum.INVALID_ARGUMENT: errno.EINVAL,
    Gio.IOErrorEnum.FILENAME_TOO_LONG: errno.ENAMETOOLONG,
}

# The exception for each error of the library, with multiprocessing's message if it has one.
_EXCEPTIONS = {
    Mp.Error.EMPTY: (Empty, ''),
    Mp.Error.FULL: (Full, ''),
    Mp.Error.CLOSED: (OSError, 'handle is closed'),
    Mp.Error.END_OF_STREAM: (EOFError, ''),
    Mp.Error.TRUNCATED: (OSError, 'got end of file during message'),
    Mp.Error.TOO_LARGE: (OSError, None),
    Mp.Error.BUFFER_TOO_SHORT: (BufferTooShort, None),
    Mp.Error.NOT_READABLE: (OSError, 'connection is write-only'),
    Mp.Error.NOT_WRITABLE: (OSError, 'connection is read-only'),
    Mp.Error.AUTHENTICATION_FAILED: (AuthenticationError, None),
    Mp.Error.INVALID_MESSAGE: (ValueError, None),
    Mp.Error.UNSUPPORTED: (TypeError, None),
    Mp.Error.TOO_MANY_DONE: (ValueError, None),
    Mp.Error.STALE: (ValueError, None),
    Mp.Error.DAMAGED: (OSError, None),
    Mp.Error.REMOTE: (RuntimeError, None),
    Mp.Error.WORKER_DIED: (BrokenExecutor, None),
}

_EXCEPTIONS = {int(code): exception for code, exception in _EXCEPTIONS.items()}
_ERRNO = {int(code): number for code, number in _ERRNO.items()}
MP_ERROR = GLib.quark_to_string(Mp.Error.quark())
IO_ERROR = GLib.quark_to_string(Gio.io_error_quark())
FILE_ERROR = GLib.quark_to_string(GLib.file_error_quark())


@functools.cache
def _numbers():
    """The errno values by their messages."""
    return {GLib.strerror(number): number for number in errno.errorcode}


def _number_of(error):
    """Returns the errno of an error of Gio's, or None.

    Gio maps many errno values to one code, and most to FAILED, but the messages of system errors
    end with the text of strerror (), in parentheses if starting a process failed."""
    words = error.message.rpartition(': ')[2]
    in_parentheses = error.message.rpartition('(')[2].removesuffix(')')
    return _numbers().get(words) or _numbers().get(in_parentheses) or \
        (_ERRNO.get(error.code) if error.domain == IO_ERROR else None)


def _os_error(error):
    number = _number_of(error)
    return OSError(number, error.message) if number else OSError(error.message)


def is_error(error, code):
    return error.code == code and error.domain == MP_ERROR


def is_busy(error):
    return error.code == Gio.IOErrorEnum.BUSY and error.domain == IO_ERROR


def is_timeout(error):
    return error.code == Gio.IOErrorEnum.TIMED_OUT and error.domain == IO_ERROR


def exception_of(error):
    """Returns the exception that Python programs expect instead of a GLib.Error."""
    if error.domain == MP_ERROR:
        kind, words = _EXCEPTIONS[error.code]
        words = error.message if words is None else words
        return kind(words) if words else kind()
    if error.domain == FILE_ERROR and error.code == GLib.FileError.NOMEM:
        return OSError(errno.ENOMEM, error.message)
    if error.domain == IO_ERROR:
        if error.code == Gio.IOErrorEnum.TIMED_OUT:
            return TimeoutError(errno.ETIMEDOUT, error.message)
        if error.code == Gio.IOErrorEnum.CANCELLED:
            return error
    # Also errors of name resolution, TLS and the system, for which sockets raise OSError.
    return _os_error(error)


def call(function, *arguments):
    try:
        return function(*arguments)
    except GLib.Error as error:
        raise exception_of(error) from None


def check_texts(*values):
    """The bindings would truncate such a text at its NUL."""
    for value in values:
        if isinstance(value, str) and '\0' in value:
            raise ValueError('embedded null character')


def translated(function):
    """Wraps a function of the library so that it raises these exceptions."""
    @functools.wraps(function)
    def translating(*arguments, **options):
        check_texts(*arguments)
        try:
            return function(*arguments, **options)
        except GLib.Error as error:
            raise exception_of(error) from None

    return translating


def translate_errors(kind):
    """Makes the functions that @kind has from the library raise these exceptions."""
    for base in kind.__mro__:
        if base.__module__ != 'gi.repository.Mp' or exported.get(base.__name__) is base:
            continue
        for name, function in list(vars(base).items()):
            if _is_translated(name, function) and inspect.getattr_static(kind, name) is function:
                setattr(kind, name, translated(function) if function.is_method() else
                        staticmethod(translated(getattr(kind, name))))


def _can_fail(function):
    return isinstance(function, FunctionInfo) and function.can_throw_gerror()


# Functions that cannot fail in C, but take a text.
_TAKES_TEXT = frozenset(('give', 'new_json', 'open_async', 'set_codec'))


def _is_translated(name, function):
    return _can_fail(function) or name in _TAKES_TEXT and isinstance(function, FunctionInfo)


def translate_module():
    """Makes the functions of the module and of all its classes, with and without an override,
    raise these exceptions."""
    for name in dir(Mp):
        member = exported.get(name) or getattr(Mp, name)
        if isinstance(member, type):
            translate_errors(member)
        elif _is_translated(name, member):
            exported[name] = translated(member)
