/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-backend.h"

/* A second backend for queues: the private memory of one process.  Its operations end late, like
 * those over a socket: replies are read when a bell for MP_QUEUE_WAIT_ANSWERS is armed, and not at
 * once. */
extern const MpQueueBackend plain_backend;

/* The number of gets that were begun since the last call and end later. */
int plain_count_gets (void);
