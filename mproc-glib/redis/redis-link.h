/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "net/background-dial.h"
#include "redis-uri.h"
#include "resp-stream.h"

G_BEGIN_DECLS

/* The link to a server: a connection for commands, and, for sessions, one on which the server
 * announces changes to the channel of the session.  Nothing here blocks, and nothing happens by
 * itself: mp_redis_link_step () is to be called when a descriptor is ready or a time has come. */

typedef enum
{
  MP_REDIS_LINK_DOWN, /* until the time of the next attempt */
  MP_REDIS_LINK_DIALING,
  MP_REDIS_LINK_GREETING, /* connected; authentication, subscription and what the owner sends */
  MP_REDIS_LINK_UP,
  MP_REDIS_LINK_FAILED, /* for ever: see `error` */
} MpRedisLinkState;

typedef struct
{
  /* The server has accepted the user and the subscription: the owner sends its first commands, and
   * calls mp_redis_link_set_up () in the end. */
  void (*greet) (gpointer owner);
  /* The server announced something on the channel: its last element.  The function may take its
   * string. */
  void (*push) (gpointer owner,
                MpReply *reply);
  /* The link went down: commands without a reply will not get one. */
  void (*down) (gpointer owner);
} MpRedisLinkFuncs;

enum
{
  MP_REDIS_COMMANDS,
  MP_REDIS_PUSHES,
  MP_REDIS_N_STREAMS
};

typedef struct
{
  const MpRedisLinkFuncs *funcs;
  gpointer                owner;
  const MpRedisUri       *uri;
  GTlsDatabase           *database;
  GTlsCertificate        *certificate;
  char                   *channel;  /* to subscribe to; NULL: there is only the first connection */
  char                   *moved_to; /* the server to use instead: HOST:PORT */
  guint                   n_moves;  /* since the link was up */

  MpRedisLinkState  state;
  MpBackgroundDial *dials[MP_REDIS_N_STREAMS];
  MpRespStream      streams[MP_REDIS_N_STREAMS];
  gsize             max_string;
  gboolean          skips_reading; /* in this step, and then not in the next one */
  guint             generation;    /* changes when a descriptor is opened or closed */
  gint64            retry_at;
  gint64            retry_delay_us;
  gint64            deadline; /* of DIALING and GREETING */
  gint64            round_trip_us;
  GError           *error; /* why it is or was down last; never contains a password */
} MpRedisLink;

/* FALSE with @error set if a file of the URI cannot be read. */
gboolean mp_redis_link_init (MpRedisLink            *self,
                             const MpRedisUri       *uri,
                             const MpRedisLinkFuncs *funcs,
                             gpointer                owner,
                             GError                **error);
void     mp_redis_link_clear (MpRedisLink *self);

/* Writes and reads as much as possible without waiting, and passes replies on. */
void mp_redis_link_step (MpRedisLink *self);
/* Writes only. */
void mp_redis_link_flush (MpRedisLink *self);
/* What to poll for: @fd -1 if nothing. */
void   mp_redis_link_get_poll (MpRedisLink  *self,
                               guint         index,
                               int          *fd,
                               GIOCondition *condition);
gint64 mp_redis_link_get_time (MpRedisLink *self);

/* The buffer for the next command. */
static inline GByteArray *
mp_redis_link_get_out (MpRedisLink *self)
{
  return self->streams[MP_REDIS_COMMANDS].out;
}

static inline void
mp_redis_link_expect (MpRedisLink *self,
                      MpReplyFunc  func,
                      gboolean     tolerant)
{
  mp_resp_stream_expect (&self->streams[MP_REDIS_COMMANDS], func, tolerant);
}

void mp_redis_link_set_up (MpRedisLink *self,
                           gsize        max_string);
/* Gives up the connections and tries again; takes ownership of @error. */
void mp_redis_link_drop (MpRedisLink *self,
                         GError      *error);
/* Gives up for ever; takes ownership of @error. */
void mp_redis_link_fail (MpRedisLink *self,
                         GError      *error);
/* Drops the link, or gives up, because the server replied with an error, whose text becomes part of
 * the link's error. */
void mp_redis_link_judge (MpRedisLink   *self,
                          const MpReply *reply);
/* The error that a reply is, for a command that may fail while the link goes on.  NULL if the
 * server is not ready, so that the link has to be dropped by mp_redis_link_judge (). */
GError *mp_redis_link_explain (MpRedisLink   *self,
                               const MpReply *reply);
/* Tries again at once, even if the link is DOWN or FAILED. */
void mp_redis_link_hurry (MpRedisLink *self);
/* Drops the link because a reply is not one that the command can have. */
void mp_redis_link_refuse (MpRedisLink *self);

/* In a forked child: leaves everything to the parent. */
void mp_redis_link_disown (MpRedisLink *self);

G_END_DECLS
