/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One descriptor for all that a pool waits for: its queue of reports, the ends of its workers, and
 * the next time at which something is due.
 *
 * A forked child has the same objects in the kernel as its parent, and must not change them: the
 * pool does not use its watch there. */
typedef struct
{
  int    epoll_fd;
  int    timer_fd;
  gint64 due; /* the time to which the timer is set */
} MpPoolWatch;

#define MP_POOL_WATCH_INIT \
  {                        \
    -1, -1, -1             \
  }

/* The maximum number of ended workers that one call of mp_pool_watch_list_ended () returns. */
#define MP_POOL_WATCH_BATCH 16

gboolean mp_pool_watch_open (MpPoolWatch *self,
                             int          reports_fd,
                             GError     **error);
void     mp_pool_watch_close (MpPoolWatch *self);

/* @fd is readable when the worker @id, which is not 0, has ended.  Returns FALSE with @error set on
 * failure. */
gboolean mp_pool_watch_add (MpPoolWatch *self,
                            int          fd,
                            guint32      id,
                            GError     **error);
/* To be called before @fd is closed. */
void mp_pool_watch_remove (MpPoolWatch *self,
                           int          fd);

/* Sets the time at which the descriptor becomes readable anyway; MP_DEADLINE_NEVER for none. */
void mp_pool_watch_set_due (MpPoolWatch *self,
                            gint64       due);

/* Fills in the ids of workers that have ended, and returns how many.  They are listed again
 * until they are removed. */
guint mp_pool_watch_list_ended (MpPoolWatch *self,
                                guint32      ids[MP_POOL_WATCH_BATCH]);

/* Whether the descriptor is readable. */
gboolean mp_pool_watch_is_ready (MpPoolWatch *self);

G_END_DECLS
