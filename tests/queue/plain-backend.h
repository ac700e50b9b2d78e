/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/queue-backend.h"

/* A second home for queues: the plain memory of one process.  Its operations end late, as those
 * over a socket do: their answers are read when a bell for them is armed, and not at once. */
extern const MpQueueBackend plain_backend;

/* Puts a test into the list once for each home, as /queue/memory/NAME and /queue/plain/NAME; those
 * that take several processes for memory alone. */
void plain_add_test (const char *prefix,
                     const char *name,
                     void (*func) (void));
void plain_add_memory_test (const char *prefix,
                            const char *name,
                            void (*func) (void));
