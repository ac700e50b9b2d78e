/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-fork.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* Sources that send the outgoing queue of a channel, one for each main context that has sent: what
 * is sent in one iteration then needs only one system call. */
typedef struct
{
  GMutex     lock;
  GSList    *sources;
  MpForkHook fork_hook;
} MpFlushers;

void mp_flushers_init (MpFlushers *self);
void mp_flushers_clear (MpFlushers *self);

/* @owner contains @self, and is referenced until everything is sent. */
void mp_flushers_ensure (MpFlushers   *self,
                         MpChannel    *channel,
                         gpointer      owner,
                         GMainContext *context,
                         int           io_priority);

G_END_DECLS
