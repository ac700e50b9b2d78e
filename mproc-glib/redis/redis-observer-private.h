/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "redis-look.h"
#include "redis-observer.h"
#include "redis-server.h"

G_BEGIN_DECLS

typedef struct _MpRedisObserver MpRedisObserver;
struct _MpRedisObserver
{
  MpRedisServer  *server;
  char           *name;
  char           *uri; /* public */
  MpRedisQuestion question;
  MpQueueQuestion asked;
  gboolean        is_read;     /* the answer was taken over */
  gboolean        also_broken; /* what is no queue is shown as a damaged one */
  MpRedisLook    *look;        /* NULL: there was no sample */
  GHashTable     *slots;       /* of the listed sessions, by handle */
  guint32         n_slots;     /* ever given */
  GHashTable     *ended;       /* handles of sessions that have ended without goodbye */
  GHashTable     *claims;      /* since when a delivery has been seen, in microseconds */
};

/* Takes ownership of @uri, which can be shown. */
MpRedisObserver *mp_redis_observer_make (MpRedisServer *server,
                                         const char    *name,
                                         char          *uri);

G_END_DECLS
