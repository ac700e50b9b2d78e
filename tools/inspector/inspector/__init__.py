# SPDX-License-Identifier: LGPL-2.1-or-later
"""The window `mproc-inspector`.

`queues` is the model, which knows nothing of windows; `rows` gives the rows of its tables. The
other files are widgets, each below the window that shows it.
"""

import gi

gi.require_version('Mp', '1.0')
