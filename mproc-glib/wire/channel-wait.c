/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-thread-waker.h"

/* The number of pauses between two checks while spinning.  Each check is a system call and slows
 * down a peer that is about to write.  After a short pause the peer may have written more, all of
 * which is read with one call. */
#define PAUSES_BEFORE_LOOK 25

void
mp_channel_begin_sleep (MpChannel        *self,
                        MpChannelSleeper *sleeper)
{
  sleeper->fd = mp_thread_waker_get_fd ();

  g_mutex_lock (&self->wait_lock);
  sleeper->next = self->sleepers;
  sleeper->link = &self->sleepers;
  if (sleeper->next != NULL)
    sleeper->next->link = &sleeper->next;
  self->sleepers = sleeper;
  sleeper->registered = TRUE;
  g_atomic_int_inc (&self->n_waiters);
  g_mutex_unlock (&self->wait_lock);
}

static void
end_sleep (MpChannel        *self,
           MpChannelSleeper *sleeper)
{
  g_mutex_lock (&self->wait_lock);
  *sleeper->link = sleeper->next;
  if (sleeper->next != NULL)
    sleeper->next->link = sleeper->link;
  sleeper->registered = FALSE;
  g_atomic_int_add (&self->n_waiters, -1);
  g_mutex_unlock (&self->wait_lock);
}

typedef struct
{
  MpChannel    *channel;
  GCancellable *cancellable;
  MpWaitStatus  status;
} Look;

/* Whether a sleep would end at once, and how. */
static gboolean
look (gpointer data)
{
  Look        *self = data;
  MpTransport *transport = self->channel->transport;

  for (guint i = 0; i < PAUSES_BEFORE_LOOK; i++)
    mp_pause ();
  self->status = transport->funcs->wait (transport, G_IO_IN, -1, 0, NULL, NULL);
  return self->status != MP_WAIT_TIMED_OUT || mp_channel_is_closed (self->channel) ||
         g_cancellable_is_cancelled (self->cancellable);
}

/* Spins until the channel is readable, if that was successful lately: sleeping and being woken
 * costs both sides more than most replies take.  Returns FALSE if the call has to sleep. */
static gboolean
spin (MpChannel    *self,
      GIOCondition  condition,
      gint64        deadline,
      GCancellable *cancellable,
      MpWaitStatus *status)
{
  static guint choice = 0;
  guint        spin_us = g_atomic_int_get (&choice);
  Look         data = { self, cancellable, MP_WAIT_READY };

  if (condition != G_IO_IN || deadline == 0)
    return FALSE;

  /* Stored plus one: 0 means that nothing is chosen yet.  Threads that choose at the same time
   * choose the same; g_once_init_enter () would block for ever in a child forked meanwhile. */
  if (spin_us == 0)
    {
      spin_us = 1 + mp_spin_choose_us ();
      g_atomic_int_set (&choice, spin_us);
    }

  if (!mp_spin_until (&self->spin, (spin_us - 1) * 1000, deadline, look, &data))
    return FALSE;
  *status = data.status == MP_WAIT_INTERRUPTED ? MP_WAIT_INTERRUPTED : MP_WAIT_READY;
  return TRUE;
}

/* Sleeps unless others could not wake this thread. */
static MpWaitStatus
sleep_inside (MpChannel        *self,
              MpChannelSleeper *sleeper,
              GIOCondition      condition,
              gint64            deadline,
              GCancellable     *cancellable,
              GError          **error)
{
  if (mp_channel_is_closed (self))
    return MP_WAIT_INTERRUPTED;
  if (!mp_thread_waker_check ())
    return MP_WAIT_WOKEN;

  return self->transport->funcs->wait (self->transport, condition, sleeper->fd, deadline,
                                       cancellable, error);
}

/* Sleeps, then removes the sleeper from the list.  A close that happened before the sleeper was
 * added is noticed here; a later one writes to its eventfd. */
MpWaitStatus
mp_channel_sleep (MpChannel        *self,
                  MpChannelSleeper *sleeper,
                  GIOCondition      condition,
                  gint64            deadline,
                  GCancellable     *cancellable,
                  GError          **error)
{
  MpWaitStatus status = MP_WAIT_INTERRUPTED;

  if (!spin (self, condition, deadline, cancellable, &status))
    status = sleep_inside (self, sleeper, condition, deadline, cancellable, error);
  end_sleep (self, sleeper);

  if (status == MP_WAIT_WOKEN)
    mp_thread_waker_clear (sleeper->fd);
  return status;
}

/* Whether a source of the list may be used by this thread, which does not own a reference to it and
 * holds the lock without which it is not freed.  The functions of GLib would warn if its last
 * reference is just being dropped, which happens only after it was destroyed. */
static gboolean
is_live (GSource *source)
{
  return (source->flags & G_HOOK_FLAG_ACTIVE) != 0;
}

/* Wakes all calls that wait for the channel.  A source whose main context is iterated by this
 * thread needs no wake-up, since it checks again before it polls. */
void
mp_channel_wake (MpChannel *self)
{
  if (g_atomic_int_get (&self->n_waiters) == 0)
    return;

  g_mutex_lock (&self->wait_lock);
  for (MpChannelSleeper *sleeper = self->sleepers; sleeper != NULL; sleeper = sleeper->next)
    mp_thread_waker_wake (sleeper->fd);

  for (GList *l = self->sources.head; l != NULL; l = l->next)
    {
      GMainContext *context = is_live (l->data) ? g_source_get_context (l->data) : NULL;

      if (context != NULL && !g_main_context_is_owner (context))
        g_main_context_wakeup (context);
    }
  g_mutex_unlock (&self->wait_lock);
}

/* The caller holds the wait_lock. */
static void
stop_watching (MpChannel       *self,
               MpChannelSource *source)
{
  if (source->watch != NULL && is_live (&source->parent))
    self->transport->funcs->unwatch (self->transport, &source->parent, source->watch);
  source->watch = NULL;
}

/* A source that is made while another thread closes the channel is in the list either before or
 * after mp_channel_close_sources (). */
void
mp_channel_add_source (MpChannel       *self,
                       MpChannelSource *source)
{
  g_mutex_lock (&self->wait_lock);
  g_queue_push_tail_link (&self->sources, &source->link);
  g_atomic_int_inc (&self->n_waiters);
  if (mp_channel_is_closed (self))
    stop_watching (self, source);
  g_mutex_unlock (&self->wait_lock);
}

void
mp_channel_remove_source (MpChannel       *self,
                          MpChannelSource *source)
{
  g_mutex_lock (&self->wait_lock);
  if (source->fork_count >= self->lists_since)
    {
      g_queue_unlink (&self->sources, &source->link);
      g_atomic_int_add (&self->n_waiters, -1);
    }
  g_mutex_unlock (&self->wait_lock);
}

/* Stops all sources from polling the descriptor, which is about to be closed. */
void
mp_channel_close_sources (MpChannel *self)
{
  g_mutex_lock (&self->wait_lock);
  for (GList *l = self->sources.head; l != NULL; l = l->next)
    stop_watching (self, l->data);
  g_mutex_unlock (&self->wait_lock);
}
