/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "transport.h"

G_BEGIN_DECLS

/* Whole messages over a transport: the frames of both directions, the callers that wait,
 * and the handle, which stays open while a call is inside.  Any thread may call anything. */
typedef struct _MpChannel MpChannel;

typedef enum
{
  MP_CHANNEL_ERROR = -1,
  MP_CHANNEL_NOT_NOW = 0,
  MP_CHANNEL_DONE = 1
} MpChannelStatus;

/* A message that was received: memory of the caller, with a NUL behind it, and descriptors. */
typedef struct
{
  guint8 *data;
  gsize   length;
  int     fds[MP_TRANSPORT_MAX_FDS];
  guint   n_fds;
} MpChannelMessage;

/* Called once for each message that was queued, in the thread that sent it or closed the
 * channel; @error is NULL when it is with the kernel. */
typedef void (*MpChannelSentFunc) (const GError *error,
                                   gpointer      user_data);

/* Looks at each whole message before a receiver gets it: DONE when it has taken the data and the
 * descriptors or does not want them to be seen, NOT_NOW when the message is for a receiver, ERROR
 * when it may not be there.  It runs under a lock, and calls neither the channel nor foreign
 * code. */
typedef MpChannelStatus (*MpChannelFilter) (MpChannelMessage *message,
                                            gpointer          user_data,
                                            GError          **error);

MpChannel *mp_channel_new (MpTransport *transport,
                           gboolean     readable,
                           gboolean     writable);
MpChannel *mp_channel_ref (MpChannel *self);
void       mp_channel_unref (MpChannel *self);

void     mp_channel_set_limit (MpChannel *self,
                               gsize      max_message_size);
gsize    mp_channel_get_limit (MpChannel *self);
gboolean mp_channel_is_readable (MpChannel *self);
gboolean mp_channel_is_writable (MpChannel *self);
gboolean mp_channel_is_closed (MpChannel *self);
gboolean mp_channel_can_pass_fds (MpChannel *self);
int      mp_channel_get_fd (MpChannel *self);
gboolean mp_channel_close (MpChannel *self,
                           GError   **error);

/* Reading ahead, while at least one asks for it: many messages with one system call.  What was
 * read ahead does not show at the descriptor, and neither a forked child nor another process that
 * has the descriptor can go on after it. */
void     mp_channel_begin_reading_ahead (MpChannel *self);
void     mp_channel_end_reading_ahead (MpChannel *self);
gboolean mp_channel_reads_ahead (MpChannel *self);

/* Whether a part of the next message is there. */
gboolean mp_channel_is_inside_message (MpChannel *self);

/* Whether the descriptor shows everything that there is to receive. */
gboolean mp_channel_fd_is_complete (MpChannel *self);

/* Receiving.  @max_length is the caller's own maximum; a longer message ends receiving for
 * good, as its bytes stay in the way. */
MpChannelStatus mp_channel_try_receive (MpChannel        *self,
                                        gsize             max_length,
                                        MpChannelMessage *message,
                                        GError          **error);
gboolean        mp_channel_receive (MpChannel        *self,
                                    gsize             max_length,
                                    gint64            timeout_us,
                                    GCancellable     *cancellable,
                                    MpChannelMessage *message,
                                    GError          **error);
gssize          mp_channel_receive_into (MpChannel    *self,
                                         guint8       *buffer,
                                         gsize         size,
                                         gint64        timeout_us,
                                         GCancellable *cancellable,
                                         GError      **error);
/* Sets the filter, for good. */
void mp_channel_set_filter (MpChannel      *self,
                            MpChannelFilter filter,
                            gpointer        user_data);

/* Reads what is there for the filter, and keeps what is for receivers until they come.  NOT_NOW
 * when there is no more, DONE when there may be; fails with MP_ERROR_FULL when too much waits for
 * receivers. */
MpChannelStatus mp_channel_pump (MpChannel *self,
                                 GError   **error);

/* A source that is ready while there is something to pump. */
GSource *mp_channel_create_pump_source (MpChannel *self);

void mp_channel_message_clear (MpChannelMessage *message);

/* Sending.  What was begun is sent to its end: when the time is over in the middle of a
 * message, the rest of it is kept, leaves before anything else, and the call succeeds. */
gboolean        mp_channel_send (MpChannel    *self,
                                 const guint8 *data,
                                 gsize         length,
                                 const int    *fds,
                                 guint         n_fds,
                                 gint64        timeout_us,
                                 GCancellable *cancellable,
                                 GError      **error);
gboolean        mp_channel_queue (MpChannel        *self,
                                  GBytes           *payload,
                                  GUnixFDList      *fd_list,
                                  MpChannelSentFunc sent,
                                  gpointer          user_data,
                                  GError          **error);
MpChannelStatus mp_channel_flush (MpChannel *self);

/* Takes back what was queued with @user_data, with the error CANCELLED, unless a part of it
 * is on its way. */
void mp_channel_withdraw (MpChannel    *self,
                          gconstpointer user_data);

gboolean mp_channel_has_outgoing (MpChannel *self);

/* Waiting. */
gboolean     mp_channel_has_pending (MpChannel   *self,
                                     GIOCondition condition,
                                     GError     **error);
MpWaitStatus mp_channel_wait (MpChannel    *self,
                              GIOCondition  condition,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error);
GSource     *mp_channel_create_source (MpChannel    *self,
                                       GIOCondition  condition,
                                       GCancellable *cancellable);

/* A duplicate of the descriptor for another process; fails when bytes were read ahead or
 * are still to be sent, because they would be lost. */
int mp_channel_dup_fd (MpChannel *self,
                       GError   **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpChannel, mp_channel_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpChannelMessage, mp_channel_message_clear)

G_END_DECLS
