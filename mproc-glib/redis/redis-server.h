/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"
#include "redis-link.h"

G_BEGIN_DECLS

/* A connection to a server that belongs to no session, for questions that change nothing there.
 * The observers of several queues may share one, and are then used by the same thread.  It
 * connects when there is a question, and a question that was not answered when the connection
 * broke is asked once more. */

typedef struct _MpRedisServer MpRedisServer;

/* One command and its answer.  All fields but `owner` belong to the server. */
typedef struct
{
  GByteArray   *command;
  gint64        deadline;
  gboolean      is_sent;
  GList         link;
  MpQueueAnswer status;
  MpReply      *reply; /* of READY */
  GError       *error; /* of FAILED */
} MpRedisQuestion;

/* Takes ownership of @uri.  NULL with @error set if a file that it names cannot be read. */
MpRedisServer *mp_redis_server_new (MpRedisUri *uri,
                                    GError    **error);
MpRedisServer *mp_redis_server_ref (MpRedisServer *self);
void           mp_redis_server_unref (MpRedisServer *self);

const MpRedisUri *mp_redis_server_get_uri (MpRedisServer *self);

void mp_redis_question_init (MpRedisQuestion *self);
/* Asks; takes ownership of @command, in place of any former question. */
void mp_redis_server_ask (MpRedisServer   *self,
                          MpRedisQuestion *question,
                          GByteArray      *command);
/* Withdraws the question, and frees what it contains. */
void mp_redis_server_forget (MpRedisServer   *self,
                             MpRedisQuestion *question);
/* Makes all progress for all questions that is possible without waiting. */
void mp_redis_server_step (MpRedisServer *self);
/* What to wait for while @question has no answer: see MpQueueObserver. */
void mp_redis_server_get_wait (MpRedisServer         *self,
                               const MpRedisQuestion *question,
                               int                   *fd,
                               GIOCondition          *condition,
                               gint64                *time);
/* Waits for the answer; returns whether there is one, or FALSE with @error set. */
gboolean mp_redis_server_wait (MpRedisServer   *self,
                               MpRedisQuestion *question,
                               GCancellable    *cancellable,
                               GError         **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpRedisServer, mp_redis_server_unref)

G_END_DECLS
