/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-connection.h"
#include "mp-shareable.h"
#include "mp-waitable.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* There is no "unlimited": a length that a stranger sends is never believed beyond this. */
#define MP_CONNECTION_LARGEST_MESSAGE (G_GUINT64_CONSTANT (1) << 40)

/* What the files of this class share.  The channel is set once, when the object is made, and
 * is NULL in an object that was made without one: that is a closed connection. */
typedef struct
{
  MpChannel *channel;
  gint       format;
  char      *peer_address;

  /* Whether `closed` was emitted. */
  gint told_closed;

  /* Guards what follows. */
  GMutex lock;

  /* The source of start (). */
  GSource *started;

  /* The tasks that wait for a message, the oldest first. */
  GQueue receivers;

  /* One source for each main context that has sent, which empties the outgoing queue. */
  GSList *flushers;
} MpConnectionPrivate;

/* Gives a connection over @channel, which it takes; @peer_address may be NULL. */
MpConnection *mp_connection_new_for_channel (GType       type,
                                             MpChannel  *channel,
                                             const char *peer_address);

MpConnectionPrivate *mp_connection_get_private (MpConnection *self);

/* The channel, or NULL and an error when there is none. */
MpChannel *mp_connection_get_channel (MpConnection *self,
                                      GError      **error);

/* What was received, as a message in the connection's format; takes the bytes and the
 * descriptors. */
MpMessage *mp_connection_make_message (MpConnection     *self,
                                       MpChannelMessage *received,
                                       GError          **error);
GVariant  *mp_connection_make_variant (MpConnection     *self,
                                       MpChannelMessage *received,
                                       GError          **error);
GBytes    *mp_connection_make_bytes (MpChannelMessage *received);

/* The maximum that a caller gives, where -1 is none. */
gsize mp_connection_get_maximum (gssize max_length);

void mp_connection_tell_closed (MpConnection *self);
void mp_connection_emit_message (MpConnection *self,
                                 MpMessage    *message);

void mp_connection_waitable_init (MpWaitableInterface *iface);
void mp_connection_shareable_init (MpShareableInterface *iface);

G_END_DECLS
