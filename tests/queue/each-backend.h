/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* One suite of tests over all backends: shared memory, the private memory of plain-backend.h, and a
 * Redis server, which is left out if there is none on this machine.  A test is added once for each,
 * as /PREFIX/memory/NAME and so on; meanwhile mp_queue_new () makes queues of that backend. */
void each_backend_add (const char *prefix,
                       const char *name,
                       void (*func) (void));
/* The same for tests that use several processes: without plain-backend.h. */
void each_backend_add_shared (const char *prefix,
                              const char *name,
                              void (*func) (void));
/* For tests of what takes no time on this machine, such as to return a message: without Redis. */
void each_backend_add_here (const char *prefix,
                            const char *name,
                            void (*func) (void));
/* For tests of what only shared memory does. */
void each_backend_add_memory (const char *prefix,
                              const char *name,
                              void (*func) (void));
