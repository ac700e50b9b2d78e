// SPDX-License-Identifier: LGPL-2.1-or-later

import Mp from 'gi://Mp?version=1.0';

const queue = new Mp.Queue();
queue.put({greeting: 'hello'});
print(queue.get().greeting);
