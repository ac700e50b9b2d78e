/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "calls.h"
#include "flushers.h"
#include "mp-connection.h"
#include "mp-shareable.h"
#include "mp-waitable.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* The upper bound of max-message-size.  There is no "unlimited", since the length in a header is
 * untrusted. */
#define MP_CONNECTION_LARGEST_MESSAGE      (G_GUINT64_CONSTANT (1) << 40)
#define MP_CONNECTION_DEFAULT_MESSAGE_SIZE (64 * 1024 * 1024)

/* The private data, shared by the files of this class.  The channel is set once, in construction.
 * It is NULL in an object that was constructed without one, which counts as closed. */
typedef struct
{
  MpChannel *channel;
  gint       format;
  char      *peer_address;

  /* The property read-ahead. */
  gint read_ahead;

  /* Whether "closed" was emitted. */
  gint told_closed;

  /* Guards the members below, except for the flushers. */
  GMutex     lock;
  MpForkHook fork_hook;

  /* The source that start () attached. */
  GSource *started;

  /* The tasks that wait for a message, oldest first; and the first of them while a thread tries to
   * receive its message, without the lock. */
  GQueue receivers;
  GTask *served;

  MpFlushers flushers;

  /* Set once, when this end first makes or answers a call; read atomically. */
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

/* Set when the class is initialised. */
extern int         mp_connection_private_offset;
extern guint       mp_connection_signals[MP_CONNECTION_N_SIGNALS];
extern GParamSpec *mp_connection_properties[MP_CONNECTION_N_PROPS];

static inline MpConnectionPrivate *
mp_connection_get_private (MpConnection *self)
{
  return G_STRUCT_MEMBER_P (self, mp_connection_private_offset);
}

/* Creates a connection over @channel, of which it takes ownership.  @peer_address may be NULL. */
MpConnection *mp_connection_new_for_channel (GType       type,
                                             MpChannel  *channel,
                                             const char *peer_address);

/* Returns the channel, or NULL with @error set if there is none. */
MpChannel *mp_connection_get_channel (MpConnection *self,
                                      GError      **error);

/* Receives as the channel does, with the caller's own limit in bytes; -1 means none. */
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

/* The same in two steps: settle () emits the signals that follow from the result of try_take (). */
MpChannelStatus mp_connection_try_take (MpConnection     *self,
                                        gssize            max_length,
                                        MpChannelMessage *received,
                                        GError          **error);
void            mp_connection_settle (MpConnection *self,
                                      const GError *failure);

/* Returns the calls of this connection, created on first use.  Fails if there is no channel. */
MpCalls *mp_connection_get_calls (MpConnection *self,
                                  GError      **error);
gboolean mp_connection_has_handler (MpConnection *self,
                                    guint         signal);

/* Emits "called" for the next call of the peer.  Returns FALSE if there is none. */
gboolean mp_connection_hand_out_call (MpConnection *self);

/* Closes this end and emits "closed" once; @reason is NULL if a call of close () caused it. */
gboolean mp_connection_end (MpConnection *self,
                            const GError *reason,
                            GError      **error);

void mp_connection_waitable_init (MpWaitableInterface *iface);
void mp_connection_shareable_init (MpShareableInterface *iface);

G_END_DECLS
