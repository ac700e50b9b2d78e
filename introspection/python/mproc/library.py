# SPDX-License-Identifier: LGPL-2.1-or-later
"""Imports the library with its override, or raises an error that says what is missing."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

_NO_PYGOBJECT = ('mproc needs PyGObject: install python3-gi, or in a virtual environment of its own '
                 '`pip install PyGObject`')

try:
    import gi
    _overrides = importlib.import_module('gi.overrides')
except ImportError as error:
    raise ImportError(_NO_PYGOBJECT) from error

# Without PyGObject, the directory of the override next to this package is all of gi that exists.
if not hasattr(gi, 'require_version'):
    raise ImportError(_NO_PYGOBJECT)

# A wheel has the library and its typelib inside this package.
_libraries = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib')
if os.path.isdir(_libraries):
    gi.require_version('GIRepository', '2.0')
    _repository: Any = importlib.import_module('gi.repository.GIRepository').Repository
    _repository.prepend_library_path(_libraries)
    _repository.prepend_search_path(_libraries)

try:
    gi.require_version('Mp', '1.0')
except ValueError as error:
    raise ImportError('mproc needs the typelib Mp-1.0 of mproc-glib: install the library, or have GI_TYPELIB_PATH '
                      'name the folder of Mp-1.0.typelib') from error

# The override is next to this package, where PyGObject from another directory does not find it.
_beside = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'gi', 'overrides')
if os.path.isdir(os.path.join(_beside, 'Mp')) and _beside not in _overrides.__path__:
    _overrides.__path__.append(_beside)

from gi.repository import Mp  # noqa: E402

if not hasattr(Mp, 'Pipe'):
    raise ImportError(f'mproc needs the override gi/overrides/Mp, which is in none of {list(_overrides.__path__)}')

# By name, since these modules are not public and have no stubs.
_describing, _pickling, _refusal, _sharing = (importlib.import_module(f'gi.overrides.Mp.{name}')
                                               for name in ('describing', 'pickling', 'refusal', 'sharing'))
describe: Callable[[type, Any], str] = _describing.describe
OncePickler, WholePickler = _pickling.OncePickler, _pickling.WholePickler
pickle_once: Callable[[Any, bytes, Any], tuple[bytes, bool]] = _pickling.pickle_once
no_handing: Callable[[], AbstractContextManager[None]] = _sharing.no_handing
UNPICKLABLE: tuple[type[Exception], ...] = _refusal.UNPICKLABLE

__all__ = ['Mp', 'OncePickler', 'UNPICKLABLE', 'WholePickler', 'describe', 'no_handing', 'pickle_once']
