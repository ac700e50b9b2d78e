/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-deadline.h"
#include "mp-error.h"
#include "base/mp-async.h"
#include "base/mp-fork.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A look is a system call, and gets in the way of a peer that is about to write.  Left alone for
 * a moment the peer writes more, and one call reads all of that. */
#define PAUSES_BEFORE_LOOK 25

/* Each thread that ever slept has one descriptor that wakes it; a forked child must not
 * listen to that of its parent. */
typedef struct
{
  int fd;
  int pid;
} Bell;

static void
bell_free (gpointer data)
{
  Bell *bell = data;

  if (bell->fd >= 0)
    close (bell->fd);
  g_free (bell);
}

static GPrivate thread_bell = G_PRIVATE_INIT (bell_free);

static int
get_thread_bell (void)
{
  Bell *bell = g_private_get (&thread_bell);
  int   pid = mp_own_pid ();

  if (bell != NULL && bell->fd >= 0 && bell->pid == pid)
    return bell->fd;

  if (bell == NULL)
    {
      bell = g_new0 (Bell, 1);
      g_private_set (&thread_bell, bell);
    }
  else if (bell->fd >= 0)
    {
      close (bell->fd);
    }

  bell->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  bell->pid = pid;
  return bell->fd;
}

void
mp_channel_begin_sleep (MpChannel        *self,
                        MpChannelSleeper *sleeper)
{
  sleeper->fd = get_thread_bell ();

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
} Look;

/* Whether sleeping would end at once. */
static gboolean
look (gpointer data)
{
  Look        *self = data;
  MpTransport *transport = self->channel->transport;

  for (guint i = 0; i < PAUSES_BEFORE_LOOK; i++)
    mp_pause ();
  return transport->funcs->wait (transport, G_IO_IN, -1, 0, NULL, NULL) != MP_WAIT_TIMED_OUT ||
         mp_channel_is_closed (self->channel) || g_cancellable_is_cancelled (self->cancellable);
}

/* Something to read is waited for spinning, when that has lately paid: to sleep and to be
 * woken costs both sides more than most answers take. */
static gboolean
spin (MpChannel    *self,
      GIOCondition  condition,
      gint64        deadline,
      GCancellable *cancellable)
{
  static gsize spin_us = 0;
  Look         data = { self, cancellable };

  if (condition != G_IO_IN || deadline == 0)
    return FALSE;

  /* One more, since 0 would be no answer. */
  if (g_once_init_enter (&spin_us))
    g_once_init_leave (&spin_us, 1 + mp_spin_choose_us ());

  return mp_spin_until (&self->spin, (spin_us - 1) * 1000, deadline, look, &data);
}

/* Sleeps, and takes the sleeper off the list.  A close that happened before the sleeper was
 * on the list is noticed here, one that happens later rings the bell. */
MpWaitStatus
mp_channel_sleep (MpChannel        *self,
                  MpChannelSleeper *sleeper,
                  GIOCondition      condition,
                  gint64            deadline,
                  GCancellable     *cancellable,
                  GError          **error)
{
  MpWaitStatus status = MP_WAIT_INTERRUPTED;
  guint64      rings;

  if (spin (self, condition, deadline, cancellable))
    status = MP_WAIT_READY;
  else if (!mp_channel_is_closed (self))
    status = self->transport->funcs->wait (self->transport, condition, sleeper->fd, deadline,
                                           cancellable, error);
  end_sleep (self, sleeper);

  if (status == MP_WAIT_WOKEN &&
      G_UNLIKELY (read (sleeper->fd, &rings, sizeof rings) < 0 && errno != EAGAIN))
    g_debug ("Reading the bell failed: %s", g_strerror (errno));
  return status;
}

void
mp_channel_set_timed_out (const char *what,
                          GError    **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, what);
}

typedef struct
{
  GSource      parent;
  MpChannel   *channel;
  GIOCondition condition;

  /* Under the wait lock of the channel; %NULL once the channel is closed. */
  GSource *watch;
  GList    link;
} ChannelSource;

/* Wakes everybody who waits for the channel.  A source whose context runs in this thread
 * looks again by itself before it polls. */
void
mp_channel_wake (MpChannel *self)
{
  static const guint64 ring = 1;

  if (g_atomic_int_get (&self->n_waiters) == 0)
    return;

  g_mutex_lock (&self->wait_lock);
  for (MpChannelSleeper *sleeper = self->sleepers; sleeper != NULL; sleeper = sleeper->next)
    {
      if (write (sleeper->fd, &ring, sizeof ring) < 0)
        g_debug ("Ringing a bell failed: %s", g_strerror (errno));
    }

  for (GList *l = self->sources.head; l != NULL; l = l->next)
    {
      GMainContext *context =
        g_source_is_destroyed (l->data) ? NULL : g_source_get_context (l->data);

      if (context != NULL && !g_main_context_is_owner (context))
        g_main_context_wakeup (context);
    }
  g_mutex_unlock (&self->wait_lock);
}

/* The descriptor is about to be closed, so no source may poll it any longer. */
void
mp_channel_close_sources (MpChannel *self)
{
  g_mutex_lock (&self->wait_lock);
  for (GList *l = self->sources.head; l != NULL; l = l->next)
    {
      ChannelSource *source = l->data;

      if (source->watch != NULL)
        g_source_destroy (source->watch);
      g_clear_pointer (&source->watch, g_source_unref);
    }
  g_mutex_unlock (&self->wait_lock);
}

static gboolean
is_source_ready (ChannelSource *source)
{
  if (mp_channel_is_closed (source->channel))
    return TRUE;

  return (source->condition & G_IO_IN) != 0 && mp_channel_has_message (source->channel);
}

static gboolean
mp_channel_source_prepare (GSource *base,
                           int     *timeout)
{
  *timeout = -1;
  return is_source_ready ((ChannelSource *) base);
}

static gboolean
mp_channel_source_check (GSource *base)
{
  return is_source_ready ((ChannelSource *) base);
}

static gboolean
mp_channel_source_dispatch (GSource    *base,
                            GSourceFunc callback,
                            gpointer    user_data)
{
  return callback == NULL ? G_SOURCE_REMOVE : callback (user_data);
}

static void
mp_channel_source_finalize (GSource *base)
{
  ChannelSource *source = (ChannelSource *) base;
  MpChannel     *channel = source->channel;

  g_mutex_lock (&channel->wait_lock);
  g_queue_unlink (&channel->sources, &source->link);
  g_atomic_int_add (&channel->n_waiters, -1);
  g_clear_pointer (&source->watch, g_source_unref);
  g_mutex_unlock (&channel->wait_lock);
  mp_channel_unref (channel);
}

static GSourceFuncs channel_source_funcs = {
  mp_channel_source_prepare,
  mp_channel_source_check,
  mp_channel_source_dispatch,
  mp_channel_source_finalize,
};

GSource *
mp_channel_create_source (MpChannel    *self,
                          GIOCondition  condition,
                          GCancellable *cancellable)
{
  GSource       *base = g_source_new (&channel_source_funcs, sizeof (ChannelSource));
  ChannelSource *source = (ChannelSource *) base;

  g_source_set_static_name (base, "MpChannel");
  source->channel = mp_channel_ref (self);
  source->condition = condition;
  source->link.data = source;

  if (mp_channel_enter (self, NULL))
    {
      source->watch = self->transport->funcs->watch (self->transport, condition);
      mp_async_add_child (base, g_source_ref (source->watch));
    }

  mp_async_add_cancellable (base, cancellable);

  g_mutex_lock (&self->wait_lock);
  g_queue_push_tail_link (&self->sources, &source->link);
  g_atomic_int_inc (&self->n_waiters);
  g_mutex_unlock (&self->wait_lock);

  if (source->watch != NULL)
    mp_channel_leave (self);
  return base;
}

/* Whether @condition holds although the descriptor may not show it.  A socket shows all but
 * what was read ahead; a stream may keep more, and is asked. */
gboolean
mp_channel_has_pending (MpChannel   *self,
                        GIOCondition condition,
                        GError     **error)
{
  if ((condition & G_IO_IN) != 0 && mp_channel_has_message (self))
    return TRUE;

  return !self->transport->funcs->can_share (self->transport) &&
         mp_channel_wait (self, condition, 0, NULL, error) == MP_WAIT_READY;
}

/* Registers the sleeper unless a message is there. */
static gboolean
begin_wait (MpChannel        *self,
            GIOCondition      condition,
            MpChannelSleeper *sleeper)
{
  gboolean there;

  g_mutex_lock (&self->receive_lock);
  there =
    (condition & G_IO_IN) != 0 && self->lender == NULL &&
    mp_frame_reader_peek (&self->reader, mp_channel_get_limit (self), NULL) != MP_FRAME_INCOMPLETE;
  if (!there)
    mp_channel_begin_sleep (self, sleeper);
  g_mutex_unlock (&self->receive_lock);
  return !there;
}

static MpWaitStatus
wait_inside (MpChannel    *self,
             GIOCondition  condition,
             gint64        deadline,
             GCancellable *cancellable,
             GError      **error)
{
  MpChannelSleeper sleeper = {
    0,
  };
  MpWaitStatus status;

  while (begin_wait (self, condition, &sleeper))
    {
      status = mp_channel_sleep (self, &sleeper, condition, deadline, cancellable, error);
      if (mp_channel_is_closed (self) && status != MP_WAIT_ERROR)
        {
          g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                               "The connection was closed while waiting");
          return MP_WAIT_ERROR;
        }

      /* The bell may have rung for a message that is there, or for somebody else. */
      if (status != MP_WAIT_WOKEN)
        return status;
    }

  return MP_WAIT_READY;
}

MpWaitStatus
mp_channel_wait (MpChannel    *self,
                 GIOCondition  condition,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  MpWaitStatus status = MP_WAIT_ERROR;

  if (!mp_channel_enter (self, error))
    return MP_WAIT_ERROR;

  if ((condition & G_IO_IN) && !mp_channel_is_readable (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_NOT_READABLE, "The connection is write-only");
  else if ((condition & G_IO_OUT) && !mp_channel_is_writable (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_NOT_WRITABLE, "The connection is read-only");
  else if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    status =
      wait_inside (self, condition, timeout_us == 0 ? 0 : mp_deadline_for_timeout (timeout_us),
                   cancellable, error);

  mp_channel_leave (self);
  return status;
}
