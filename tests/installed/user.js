// SPDX-License-Identifier: LGPL-2.1-or-later

import GLib from 'gi://GLib';
import Mp from 'gi://Mp?version=1.0';

print(new GLib.Error(Mp.Error, Mp.Error.EMPTY, 'hello').message);
