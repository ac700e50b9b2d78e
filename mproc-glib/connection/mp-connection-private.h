/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "calls.h"
#include "flushers.h"
#include "mp-connection.h"
#include "mp-shareable.h"
#include "mp-waitable.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* There is no "unlimited": a length that a peer announces is never believed beyond this. */
#define MP_CONNECTION_LARGEST_MESSAGE      (G_GUINT64_CONSTANT (1) << 40)
#define MP_CONNECTION_DEFAULT_MESSAGE_SIZE (64 * 1024 * 1024)

/* What the files of this class share.  The channel is set once, when the object is made, and
 * is NULL in an object that was made without one: that is a closed connection. */
typedef struct
{
  MpChannel *channel;
  gint       format;
  char      *peer_address;

  /* Whether the property asks for reading ahead. */
  gint read_ahead;

  /* Whether it was told that this end is closed. */
  gint told_closed;

  /* Guards what follows. */
  GMutex lock;

  /* The source of start (). */
  GSource *started;

  /* The tasks that wait for a message, the oldest first. */
  GQueue receivers;

  MpFlushers flushers;

  /* Set once, when this end begins to make or to answer calls; read atomically. */
  MpCalls *calls;
} MpConnectionPrivate;

enum
{
  MP_CONNECTION_PROP_READABLE = 1,
  MP_CONNECTION_PROP_WRITABLE,
  MP_CONNECTION_PROP_CLOSED,
  MP_CONNECTION_PROP_FORMAT,
  MP_CONNECTION_PROP_MAX_MESSAGE_SIZE,
  MP_CONNECTION_PROP_PEER_CREDENTIALS,
  MP_CONNECTION_PROP_PEER_ADDRESS,
  MP_CONNECTION_PROP_READ_AHEAD,
  MP_CONNECTION_N_PROPS
};

enum
{
  MP_CONNECTION_SIGNAL_MESSAGE,
  MP_CONNECTION_SIGNAL_CLOSED,
  MP_CONNECTION_SIGNAL_CALLED,
  MP_CONNECTION_N_SIGNALS
};

/* Set when the class is made. */
extern int         mp_connection_private_offset;
extern guint       mp_connection_signals[MP_CONNECTION_N_SIGNALS];
extern GParamSpec *mp_connection_properties[MP_CONNECTION_N_PROPS];

static inline MpConnectionPrivate *
mp_connection_get_private (MpConnection *self)
{
  return G_STRUCT_MEMBER_P (self, mp_connection_private_offset);
}

/* Gives a connection over @channel, which it takes; @peer_address may be NULL. */
MpConnection *mp_connection_new_for_channel (GType       type,
                                             MpChannel  *channel,
                                             const char *peer_address);

/* The channel, or NULL and an error when there is none. */
MpChannel *mp_connection_get_channel (MpConnection *self,
                                      GError      **error);

/* Receives as the channel does, with the caller's own maximum in bytes, where -1 is none. */
gboolean        mp_connection_receive (MpConnection     *self,
                                       gssize            max_length,
                                       gint64            timeout_us,
                                       GCancellable     *cancellable,
                                       MpChannelMessage *received,
                                       GError          **error);
MpChannelStatus mp_connection_try_receive (MpConnection     *self,
                                           gssize            max_length,
                                           MpChannelMessage *received,
                                           GError          **error);

/* The same in two steps, for callers with a lock: taking runs no foreign code, and settling tells
 * what taking has found. */
MpChannelStatus mp_connection_try_take (MpConnection     *self,
                                        gssize            max_length,
                                        MpChannelMessage *received,
                                        GError          **error);
void            mp_connection_settle (MpConnection *self,
                                      const GError *failure);

/* Makes this end one that makes and answers calls; fails when there is no channel. */
MpCalls *mp_connection_get_calls (MpConnection *self,
                                  GError      **error);
gboolean mp_connection_has_handler (MpConnection *self,
                                    guint         signal);

/* Emits `called` for the next call of the peer; FALSE when there is none. */
gboolean mp_connection_hand_out_call (MpConnection *self);

/* Closes this end, and tells so once; @reason is NULL when a call asked for it. */
gboolean mp_connection_end (MpConnection *self,
                            const GError *reason,
                            GError      **error);

void mp_connection_waitable_init (MpWaitableInterface *iface);
void mp_connection_shareable_init (MpShareableInterface *iface);

G_END_DECLS
