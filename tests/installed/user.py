# SPDX-License-Identifier: LGPL-2.1-or-later

import gi

gi.require_version('Mp', '1.0')

from gi.repository import Mp  # noqa: E402

queue = Mp.Queue()
queue.put({'greeting': 'hello'})
print(queue.get(timeout=10)['greeting'])
