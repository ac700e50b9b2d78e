# SPDX-License-Identifier: LGPL-2.1-or-later
"""Listener and Client with the addresses and keys of multiprocessing."""

import errno
import ipaddress
import os
from multiprocessing.context import AuthenticationError

from gi.repository import Gio, GLib

from .connections import as_python, check_message_size
from .describing import describing_repr
from .errors import call, check_texts, exception_of, is_error
from .loops import readable, take_turn
from .module import Mp, export
from .values import as_path, check_codec
from .waiting import iterate_until, sleep_until_readable, wait_for

# The prefixes of the library's own addresses, which are used unchanged.
_SCHEMES = ('unix:', 'unix-abstract:', 'tcp:', 'tls:', 'fd:')

# A peer that does not trust our certificate, or presents one that we do not trust, is treated like
# one that does not have the key.
_TLS_ERROR = GLib.quark_to_string(Gio.tls_error_quark())

_try_accept = Mp.Listener.try_accept


# The default address of a listener, by family.
_ANYWHERE = {None: 'unix:', 'AF_UNIX': 'unix:', 'AF_INET': 'tcp:localhost:0', 'AF_INET6': 'tcp:[::1]:0'}


def _library_address(address, family):
    """Converts an address of multiprocessing to the library's syntax."""
    return as_path(_address_text(address, family), 'an address')


def _address_text(address, family):
    if family not in _ANYWHERE:
        raise ValueError(f'Family {family} is not recognized.')
    if isinstance(address, (bytes, os.PathLike)):
        address = os.fsdecode(address)
    if not address:
        return _ANYWHERE[family]
    if type(address) is tuple:
        host, port = address[:2]
        return f'tcp:[{host}]:{port}' if ':' in host else f'tcp:{host}:{port}'
    if not isinstance(address, str):
        raise ValueError(f'address type of {address!r} unrecognized')
    if address.startswith('\\\\'):
        raise ValueError('Family AF_PIPE is not recognized.')
    if address.startswith(_SCHEMES):
        return address
    return f'unix-abstract:{address[1:]}' if address[0] == '\0' else f'unix:{address}'


def _python_address(address):
    """Converts an address of the library to that of multiprocessing."""
    scheme, _, rest = address.partition(':')
    if scheme == 'unix-abstract':
        return b'\0' + os.fsencode(rest)
    if scheme == 'unix':
        return rest
    host, _, port = rest.rpartition(':')
    return host.strip('[]'), int(port)


def _library_key(authkey):
    if authkey is None:
        return None
    if not isinstance(authkey, bytes):
        raise TypeError('authkey should be a byte string')
    return GLib.Bytes.new(bytes(authkey))


@export
class Listener(Mp.Listener):
    """A bound socket that accepts connections, also from multiprocessing.connection."""

    _codec = _max_message_size = None

    def __init__(self, address=None, family=None, backlog=1, authkey=None, *, codec=None, max_message_size=None,
                 **properties):
        check_codec(codec)
        check_message_size(max_message_size)
        properties.setdefault('legacy_digests', True)
        super().__init__(backlog=max(1, backlog), auth_key=_library_key(authkey), **properties)
        self.set_address(_library_address(address, family))
        self._codec, self._max_message_size = codec, max_message_size
        call(self.listen)

    def accept(self, timeout=None):
        """Waits for a peer and accepts it; raises AuthenticationError for a peer that does not have
        the key, and TimeoutError if there was none within @timeout seconds."""
        failures = []
        handler = self.connect('handshake-failed', lambda self, address, error: failures.append(error))
        accepted = None

        def look(us):
            nonlocal accepted
            accepted = _try_accept(self)
            return accepted or failures or (sleep_until_readable(self, us) and False)

        try:
            if not wait_for(look, timeout):
                raise TimeoutError(errno.ETIMEDOUT, 'No peer connected in time')
        except GLib.Error as error:
            raise self._exception(error) from None
        finally:
            self.disconnect(handler)
        if accepted is None:
            raise self._exception(failures[0])
        return as_python(accepted, self._codec, self._max_message_size)

    def accept_async(self, *arguments):
        """Accepts a peer asynchronously; with arguments, it is the function of C."""
        return super().accept_async(*arguments) if arguments else self._accept_when_ready()

    async def _accept_when_ready(self):
        while True:
            await take_turn()
            try:
                accepted = _try_accept(self)
            except GLib.Error as error:
                raise self._exception(error) from None
            if accepted is not None:
                return as_python(accepted, self._codec, self._max_message_size)
            await readable(self)

    def start(self, io_priority=GLib.PRIORITY_DEFAULT_IDLE):
        super().start(io_priority)

    def create_source(self, cancellable):
        return GLib.unix_fd_source_new(self.get_fd(), GLib.IOCondition.IN)

    def fileno(self):
        return self.get_fd()

    @property
    def address(self):
        return _python_address(self.get_address())

    @property
    def last_accepted(self):
        address = self.get_last_accepted()
        return None if address is None else _python_address(address)

    def _exception(self, error):
        if is_error(error, Mp.Error.CLOSED):
            return OSError('listener is closed')
        if error.domain == _TLS_ERROR:
            return AuthenticationError(error.message)
        return exception_of(error)

    __repr__ = describing_repr

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


@export
class Connector(Mp.Connector):
    """Connects to listeners, with settings other than the defaults."""

    def __init__(self, **properties):
        check_texts(*properties.values())
        super().__init__(**properties)


@export
def Client(address, family=None, authkey=None, *, codec=None, max_message_size=None, **properties):
    """Returns a connection to the Listener at @address."""
    check_codec(codec)
    check_message_size(max_message_size)
    properties.setdefault('legacy_digests', True)
    address = _library_address(address, family)
    connector = Mp.Connector.new(address, _library_key(authkey))
    connector.set_properties(**properties)
    try:
        if _needs_thread(address):
            return as_python(_open_in_thread(connector), codec, max_message_size)
        return as_python(wait_for(connector.try_open, None), codec, max_message_size)
    except GLib.Error as error:
        raise exception_of(error) from None


def _needs_thread(address):
    """Whether connecting starts threads anyway: for TLS, and to find the address of a name."""
    scheme, _, rest = address.partition(':')
    host = rest.rpartition(':')[0].strip('[]')
    return scheme == 'tls' or scheme == 'tcp' and host not in ('', 'localhost') and not _is_number(host)


def _is_number(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _open_in_thread(connector):
    results, cancellable = [], Gio.Cancellable()
    # In a private main context, so that no other sources are dispatched and signals end the sleep.
    context = GLib.MainContext.new()
    context.push_thread_default()
    try:
        connector.open_async(GLib.PRIORITY_DEFAULT, cancellable, lambda *result: results.append(result[1]))
        iterate_until(context, results)
        return connector.open_finish(results[0])
    finally:
        cancellable.cancel()
        context.pop_thread_default()
