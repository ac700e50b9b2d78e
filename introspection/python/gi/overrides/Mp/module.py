# SPDX-License-Identifier: LGPL-2.1-or-later
"""The introspected module, and how this package overrides it."""

from gi.module import get_introspection_module
from gi.overrides import override

Mp = get_introspection_module('Mp')

# The classes and functions that this package exports to the module Mp, by name.
exported = {}


def export(kind):
    """Makes a class or a function part of the module Mp, where pickles find it.

    While PyGObject overrides a class, its module has to be this package, whichever file defines it:
    PyGObject takes the last component of the module's name as the namespace."""
    if isinstance(kind, type):
        kind.__module__ = __package__
        kind = override(kind)
        # A field of the structure in C, of which PyGObject knows the name, but cannot read it.
        kind.parent_instance = None
    kind.__module__ = 'gi.repository.Mp'
    exported[kind.__name__] = kind
    return kind
