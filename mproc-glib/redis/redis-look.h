/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"
#include "resp.h"

G_BEGIN_DECLS

/* What look.lua and peek.lua have found on a server.  Nothing in their replies is believed: what is
 * malformed is left out, or the queue is damaged. */

/* A session of a queue. */
typedef struct
{
  char     name[17];
  guint64  handle; /* the same as a number */
  gboolean is_away;
  char    *host;    /* NULL: not known */
  char    *program; /* NULL: not known */
  gint64   pid;
  gint64   attached_at;
  guint64  n_put;
  guint32  n_held;
  guint    waits; /* bits of MpQueueCondition */
} MpRedisSeat;

typedef struct
{
  MpQueueTaskInfo info;   /* without the slot and the time */
  guint64         holder; /* the handle of a seat; 0: none */
} MpRedisTask;

typedef enum
{
  MP_REDIS_LOOK_QUEUE,
  MP_REDIS_LOOK_NONE,
  MP_REDIS_LOOK_REMOVED,
  MP_REDIS_LOOK_FOREIGN, /* another type of key */
  MP_REDIS_LOOK_OLD,     /* another layout */
} MpRedisLookKind;

typedef struct
{
  MpRedisLookKind kind;
  char            incarnation[64]; /* empty if damaged */
  MpQueueSettings settings;        /* without the name */
  gint64          created_at;
  MpQueueSample   sample;
  GArray         *seats; /* MpRedisSeat */
  GArray         *tasks; /* MpRedisTask, oldest first */
  GArray         *ended; /* guint64: handles of sessions that ended without goodbye */
} MpRedisLook;

/* NULL with @error set if the reply cannot be one of look.lua. */
MpRedisLook *mp_redis_look_read (const MpReply *reply,
                                 GError       **error);
void         mp_redis_look_free (MpRedisLook *self);

/* Calls @func for each message of a reply of peek.lua to @question until it returns FALSE.  Returns
 * how many there were, and sets @next to the position behind the last one. */
guint mp_redis_look_read_messages (const MpReply         *reply,
                                   const MpQueueQuestion *question,
                                   MpQueueGlimpseFunc     func,
                                   gpointer               user_data,
                                   guint64               *next);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpRedisLook, mp_redis_look_free)

G_END_DECLS
