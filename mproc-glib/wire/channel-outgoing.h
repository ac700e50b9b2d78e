/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "channel-private.h"

G_BEGIN_DECLS

/* A message being sent, in one or several pieces.  That of a blocking call is on its stack and
 * refers to the caller's bytes; that of an asynchronous call holds a reference to the bytes and its
 * own duplicates of the descriptors. */
typedef struct
{
  guint8              header[MP_FRAME_MAX_HEADER];
  gsize               header_size;
  const struct iovec *pieces; /* @single if there is only one */
  guint               n_pieces;
  struct iovec        single;
  gsize               length;
  gsize               sent;
  const int          *fds;
  guint               n_fds;

  gboolean finished;
  GError  *error;

  gboolean          on_heap;
  GBytes           *payload;
  GCancellable     *cancellable;
  int              *own_fds;
  MpChannelSentFunc done;
  gpointer          user_data;
} MpOutgoing;

void  mp_outgoing_init (MpOutgoing         *outgoing,
                        const struct iovec *pieces,
                        guint               n_pieces,
                        const int          *fds,
                        guint               n_fds);
void  mp_outgoing_set_single (MpOutgoing  *outgoing,
                              struct iovec piece);
void  mp_outgoing_free (MpOutgoing *outgoing);
gsize mp_outgoing_get_left (const MpOutgoing *outgoing);

/* How many buffers one call writes. */
#define MP_OUTGOING_MAX_VECTORS 128

/* Adds the unsent part of a message, or the beginning of that, in at most @max buffers. */
guint mp_outgoing_add_vectors (const MpOutgoing *outgoing,
                               struct iovec     *vectors,
                               guint             max);

/* Whether sending a message has begun, so that it cannot be withdrawn. */
gboolean mp_outgoing_is_begun (MpChannel        *channel,
                               const MpOutgoing *outgoing);

/* Sends as much as possible without blocking.  The caller holds the lock; finished messages are
 * collected, because their callbacks must be called without it, by mp_channel_run_finished (). */
MpChannelStatus mp_channel_flush_locked (MpChannel *self);
void            mp_channel_run_finished (MpChannel *self);
/* Makes all messages fail.  The caller holds the lock. */
void mp_channel_fail_outgoing_locked (MpChannel    *self,
                                      const GError *error);

G_END_DECLS
