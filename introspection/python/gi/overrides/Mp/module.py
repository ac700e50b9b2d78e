# SPDX-License-Identifier: LGPL-2.1-or-later
"""The introspected module, and what this package makes of it."""

from gi.module import get_introspection_module
from gi.overrides import override

Mp = get_introspection_module('Mp')

# What the module Mp has from here, by name.
exported = {}


def export(kind):
    """Makes a class or a function part of the module Mp, where pickles find it.

    While PyGObject overrides a class it has to belong to the package, whichever file it is in:
    the last part of the name of its module is the namespace."""
    if isinstance(kind, type):
        kind.__module__ = __package__
        kind = override(kind)
    kind.__module__ = 'gi.repository.Mp'
    exported[kind.__name__] = kind
    return kind
