/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "wire/channel.h"

G_BEGIN_DECLS

/* What empties the outgoing queue of a channel: one source for each main context that has sent,
 * so that what is sent in one turn leaves with one system call. */
typedef struct
{
  GMutex  lock;
  GSList *sources;
} MpFlushers;

void mp_flushers_init (MpFlushers *self);
void mp_flushers_clear (MpFlushers *self);

/* @owner has @self in it, and lives until all is sent. */
void mp_flushers_ensure (MpFlushers   *self,
                         MpChannel    *channel,
                         gpointer      owner,
                         GMainContext *context,
                         int           io_priority);

G_END_DECLS
