# SPDX-License-Identifier: LGPL-2.1-or-later

import gi

gi.require_version('Mp', '1.0')

from gi.repository import GLib, Mp  # noqa: E402

print(GLib.Error.new_literal(Mp.Error.quark(), 'hello', Mp.Error.EMPTY).message)
