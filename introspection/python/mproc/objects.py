# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conversion of any objects to bytes: by pickle, or by dill for objects that pickle does not
support."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

from .library import UNPICKLABLE, OncePickler, WholePickler, no_handing, pickle_once


def _load_by_dill(data: bytes) -> Any:
    return importlib.import_module('dill').loads(data)


class _Dilled:
    """An object pickled by dill, inside a pickle."""

    def __init__(self, obj: Any) -> None:
        self.obj = obj

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_by_dill, (importlib.import_module('dill').dumps(self.obj),)


class Objects:
    """The codec of queues and connections between related processes.

    A pickle of plain values is sent as such, and programs in other languages can read it."""

    __name__ = 'pickle'

    # Other ends of connections may be programs that use multiprocessing.
    connection_pickler = WholePickler

    def encode(self, obj: Any, prefix: bytes, kind: Any = OncePickler) -> tuple[Any, bool]:
        """Returns @obj as bytes or pieces of bytes, which begin with @prefix unless they are plain, and
        whether they are."""
        try:
            return pickle_once(obj, prefix, kind)
        except UNPICKLABLE:
            try:
                return pickle_once(_Dilled(obj), prefix, kind)
            except Exception:
                # The error of pickle, not that of dill, names the object.
                pass
            raise

    def dumps(self, obj: Any) -> bytes:
        """Returns @obj as bytes."""
        data, _ = self.encode(obj, b'', WholePickler)
        return data if isinstance(data, bytes) else bytes(data.join())

    loads = staticmethod(pickle.loads)

    def __reduce__(self) -> str:
        return 'objects'


class RemoteObjects(Objects):
    """The codec of connections that cannot send descriptors."""

    def encode(self, obj: Any, prefix: bytes, kind: Any = OncePickler) -> tuple[Any, bool]:
        with no_handing():
            return super().encode(obj, prefix, kind)

    def __reduce__(self) -> str:
        return 'remote_objects'


class PipeObjects(Objects):
    """The codec of pipes, both of whose ends are of this package: large buffers are sent beside the
    pickle, and received in memory of their own."""

    connection_pickler = OncePickler

    def __reduce__(self) -> str:
        return 'pipe_objects'


objects = Objects()
pipe_objects = PipeObjects()
remote_objects = RemoteObjects()
