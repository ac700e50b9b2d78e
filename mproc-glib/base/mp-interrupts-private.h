/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-interrupts.h"

#include <poll.h>
#include <time.h>

G_BEGIN_DECLS

/* The word of this thread that differs from 0 once an interrupt has been written, for a sleep on
 * two futexes; NULL unless mp_interrupts_begin () was called. */
guint32 *mp_interrupts_get_word (void);
/* Whether there was an interrupt, which is forgotten: it ends one wait. */
gboolean mp_interrupts_take (void);
/* ppoll () that fails with EINTR also for an interrupt before the call. */
int mp_interrupts_poll (struct pollfd         *fds,
                        guint                  n_fds,
                        const struct timespec *timeout);

G_END_DECLS
