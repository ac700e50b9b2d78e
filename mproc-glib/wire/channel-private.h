/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "channel.h"
#include "frame.h"

#include "base/mp-fork.h"
#include "base/mp-spin.h"

G_BEGIN_DECLS

/* Descriptors wait here until the message that they came with is taken. */
#define MP_CHANNEL_MAX_ARRIVALS (3 * MP_TRANSPORT_MAX_FDS)

/* A thread that sleeps on the channel, on its own stack. */
typedef struct _MpChannelSleeper MpChannelSleeper;

struct _MpChannelSleeper
{
  MpChannelSleeper  *next;
  MpChannelSleeper **link;
  int                fd;
  gboolean           registered;
};

/* A source that waits for the channel.  It is here for those who have to end its watch. */
typedef struct
{
  GSource      parent;
  MpChannel   *channel;
  GIOCondition condition;

  /* Whether it waits for what is to be pumped, not for what is to be received. */
  gboolean pumps;

  /* Under the wait lock of the channel; %NULL once the channel is closed. */
  GSource *watch;
  GList    link;

  /* The fork after which it was made. */
  guint32 fork_count;
} MpChannelSource;

struct _MpChannel
{
  gatomicrefcount ref_count;
  MpForkHook      fork_hook;
  MpTransport    *transport;
  gint            readable;
  gint            writable;
  gsize           limit;

  /* The handle is closed by the last call that leaves: one is counted for being open. */
  gint closed;
  gint users;

  /* How many ask for bytes beyond the next message to be read. */
  gint n_reading_ahead;

  /* Whether this is a forked child, and the place in the stream of that direction is known to the
   * parent alone. */
  gboolean receiving_is_parents;
  gboolean sending_is_parents;

  GMutex        receive_lock;
  MpFrameReader reader;
  struct
  {
    guint64 position;
    int     fd;
  } arrivals[MP_CHANNEL_MAX_ARRIVALS];
  guint n_arrivals;

  /* Messages that the filter has let pass when nobody was receiving, the oldest first. */
  MpChannelFilter filter;
  gpointer        filter_data;
  GQueue          kept;

  /* The call whose buffer the reader writes into while that call sleeps. */
  gconstpointer lender;

  GMutex send_lock;
  GQueue outgoing;
  gsize  queued_bytes;

  /* Taken last, and for the lists alone. */
  GMutex            wait_lock;
  GQueue            sources;
  MpChannelSleeper *sleepers;
  gint              n_waiters;

  /* The fork before which sources are in no list, since another thread was changing it then. */
  guint32 lists_since;

  /* Whether it pays to spin before sleeping until there is something to read. */
  MpSpin spin;
};

gboolean mp_channel_enter (MpChannel *self,
                           GError   **error);
void     mp_channel_leave (MpChannel *self);

/* A sleeper is registered under the lock of the direction that it found idle, so that no
 * change between looking and sleeping is missed. */
void         mp_channel_begin_sleep (MpChannel        *self,
                                     MpChannelSleeper *sleeper);
MpWaitStatus mp_channel_sleep (MpChannel        *self,
                               MpChannelSleeper *sleeper,
                               GIOCondition      condition,
                               gint64            deadline,
                               GCancellable     *cancellable,
                               GError          **error);
void         mp_channel_wake (MpChannel *self);
void         mp_channel_close_sources (MpChannel *self);

void     mp_channel_fail_outgoing (MpChannel    *self,
                                   const GError *error);
gboolean mp_channel_has_message (MpChannel *self);
gboolean mp_channel_has_unfiltered (MpChannel *self);
void     mp_channel_drop_kept (MpChannel *self);
void     mp_channel_forget_outgoing (MpChannel *self);
gboolean mp_channel_check_receiving (MpChannel *self,
                                     GError   **error);
gboolean mp_channel_check_sending (MpChannel *self,
                                   GError   **error);
void     mp_channel_set_timed_out (const char *what,
                                   GError    **error);

G_END_DECLS
