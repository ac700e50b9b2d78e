/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-large-memory.h"
#include "net/transport.h"

G_BEGIN_DECLS

/* A channel moves whole messages over a transport.  It keeps the state of both directions, the
 * waiting callers, and the descriptor, which stays open while a call is in progress.  All functions
 * may be called from any thread. */
typedef struct _MpChannel MpChannel;

typedef enum
{
  MP_CHANNEL_ERROR = -1,
  MP_CHANNEL_NOT_NOW = 0,
  MP_CHANNEL_DONE = 1
} MpChannelStatus;

/* A received message: memory owned by the caller, followed by a NUL byte, and descriptors.  The
 * receiver sets wants_large if a large message may be in MpLargeMemory, which is then set. */
typedef struct
{
  guint8        *data;
  gsize          length;
  gboolean       wants_large;
  MpLargeMemory *large;
  int            fds[MP_TRANSPORT_MAX_FDS];
  guint          n_fds;
} MpChannelMessage;

/* Called once for each queued message, in the thread that sent it or closed the channel; @error is
 * NULL if all of it was passed to the kernel. */
typedef void (*MpChannelSentFunc) (const GError *error,
                                   gpointer      user_data);

/* Examines each complete message before a receiver gets it.  Returns DONE if it has taken the data
 * and descriptors or if receivers are not to see them, NOT_NOW if the message is for a receiver,
 * ERROR if the message is not allowed.  It runs under a lock and must call neither the channel nor
 * foreign code. */
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

/* Enables reading ahead as long as at least one user has it enabled: many messages with one system
 * call.  The descriptor does not show data read ahead, and neither a forked child nor another
 * process that has the descriptor can continue after it. */
void     mp_channel_begin_reading_ahead (MpChannel *self);
void     mp_channel_end_reading_ahead (MpChannel *self);
gboolean mp_channel_reads_ahead (MpChannel *self);

/* Whether a part of the next message has been received. */
gboolean mp_channel_is_inside_message (MpChannel *self);

/* Whether the descriptor shows all data to be received, none having been read ahead. */
gboolean mp_channel_fd_is_complete (MpChannel *self);

/* Receiving.  @max_length is the caller's own limit.  A longer message ends receiving permanently,
 * since its bytes are not consumed. */
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
/* Sets the filter, which cannot be removed. */
void mp_channel_set_filter (MpChannel      *self,
                            MpChannelFilter filter,
                            gpointer        user_data);

/* Reads the messages that are available, passes them to the filter, and keeps those that are for
 * receivers.  Returns NOT_NOW if there are no more, DONE if there may be; fails with MP_ERROR_FULL
 * if too many wait for receivers. */
MpChannelStatus mp_channel_pump (MpChannel *self,
                                 GError   **error);

/* Creates a source that is ready while there are messages to pump. */
GSource *mp_channel_create_pump_source (MpChannel *self);

void mp_channel_message_clear (MpChannelMessage *message);

/* Takes the data, as memory from malloc () or as GBytes. */
guint8 *mp_channel_message_steal_data (MpChannelMessage *message);
GBytes *mp_channel_message_steal_bytes (MpChannelMessage *message);

/* Sending.  A message of which a part was sent is always completed: if the timeout expires in its
 * middle, the rest is kept and sent before anything else, and the call succeeds. */
gboolean        mp_channel_send (MpChannel          *self,
                                 const struct iovec *pieces,
                                 guint               n_pieces,
                                 const int          *fds,
                                 guint               n_fds,
                                 gint64              timeout_us,
                                 GCancellable       *cancellable,
                                 GError            **error);
gboolean        mp_channel_queue (MpChannel        *self,
                                  GBytes           *payload,
                                  GUnixFDList      *fd_list,
                                  GCancellable     *cancellable,
                                  MpChannelSentFunc sent,
                                  gpointer          user_data,
                                  GError          **error);
MpChannelStatus mp_channel_flush (MpChannel *self);

/* Withdraws the message that was queued with @user_data, unless a part of it was sent.  Its
 * callback gets the error CANCELLED. */
void mp_channel_withdraw (MpChannel    *self,
                          gconstpointer user_data);

gboolean mp_channel_has_outgoing (MpChannel *self);
/* Whether messages were waiting when the channel was closed; they are never sent. */
gboolean mp_channel_has_dropped (MpChannel *self);
GError  *mp_channel_new_dropped_error (void);

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

/* Duplicates the descriptor for another process.  Fails if data was read ahead or is still to be
 * sent, because it would be lost. */
int mp_channel_dup_fd (MpChannel *self,
                       GError   **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpChannel, mp_channel_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpChannelMessage, mp_channel_message_clear)

G_END_DECLS
