/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "channel.h"
#include "frame.h"

#include "base/mp-fork.h"
#include "base/mp-spin.h"

G_BEGIN_DECLS

/* The maximum number of received descriptors that wait for their message to be taken. */
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

/* A GSource that waits for the channel.  Closing the channel has to stop it from polling. */
typedef struct
{
  GSource      parent;
  MpChannel   *channel;
  GIOCondition condition;

  /* Whether it waits for messages to pass to the filter, not for messages to receive. */
  gboolean pumps;

  /* Guarded by the channel's wait_lock; NULL once the channel is closed. */
  gpointer watch;
  GList    link;

  /* The value of mp_fork_count when it was created. */
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

  /* Whether close () was called; and the calls in progress, plus one while the channel is open.
   * The last one to leave closes the descriptor. */
  gint closed;
  gint users;

  /* How many users have enabled reading ahead. */
  gint n_reading_ahead;

  /* Set in a forked child if only the parent knows the position in the stream of that direction. */
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

  /* Messages that the filter has passed on while no call was receiving, oldest first. */
  MpChannelFilter filter;
  gpointer        filter_data;
  GQueue          kept;

  /* The call that alone may use the reader, even after it has released the lock: while it sleeps
   * and lends its buffer to the reader, or while it is inside a transport that runs foreign code.
   * In the latter case other calls are turned away, and woken when it has returned. */
  gconstpointer occupant;
  GThread      *thread_inside_receive;
  gboolean      turned_away;

  GMutex   send_lock;
  GQueue   outgoing;
  gboolean is_cut_off; /* only a part of a message could be sent */
  gsize    queued_bytes;
  guint    n_cancellable; /* how many of them have a cancellable */

  /* Messages whose callbacks are still to be called.  All calls take from the same list, since a
   * callback may iterate its main context until that of another message was called. */
  GQueue finished;

  /* Whether calls that wait to send are to be woken: their messages are finished, or they were
   * turned away. */
  gboolean wakes_senders;

  /* For sending, the same as thread_inside_receive and turned_away. */
  GThread *thread_inside_send;
  gboolean sender_turned_away;

  /* How often all outgoing messages were dropped. */
  guint    n_dropped;
  gboolean has_dropped; /* by close () */

  /* The innermost lock, which guards only these lists. */
  GMutex            wait_lock;
  GQueue            sources;
  MpChannelSleeper *sleepers;
  gint              n_waiters;

  /* Sources created before this fork are in no list, since another thread of the parent was
   * changing it during the fork. */
  guint32 lists_since;

  /* Adaptive spinning before a sleep until the channel is readable. */
  MpSpin spin;
};

gboolean mp_channel_enter (MpChannel *self,
                           GError   **error);
void     mp_channel_leave (MpChannel *self);

/* A sleeper is registered under the lock of the direction that was found idle, so that no change
 * between that check and the sleep is missed. */
void         mp_channel_begin_sleep (MpChannel        *self,
                                     MpChannelSleeper *sleeper);
MpWaitStatus mp_channel_sleep (MpChannel        *self,
                               MpChannelSleeper *sleeper,
                               GIOCondition      condition,
                               gint64            deadline,
                               GCancellable     *cancellable,
                               GError          **error);
void         mp_channel_wake (MpChannel *self);
void         mp_channel_add_source (MpChannel       *self,
                                    MpChannelSource *source);
void         mp_channel_remove_source (MpChannel       *self,
                                       MpChannelSource *source);
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
