/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-errno.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DEFAULT_LIMIT (64 * 1024 * 1024)

static void
forget_received (MpChannel *self)
{
  gboolean was_busy = mp_fork_reset_mutex (&self->receive_lock);

  if (was_busy || self->thread_inside_receive != NULL || mp_channel_reads_ahead (self) ||
      !mp_frame_reader_is_empty (&self->reader))
    self->receiving_is_parents = TRUE;

  for (guint i = 0; i < self->n_arrivals && !was_busy; i++)
    close (self->arrivals[i].fd);
  self->n_arrivals = 0;
  g_queue_init (&self->kept);
  self->occupant = NULL;
  self->thread_inside_receive = NULL;
}

static void
forget_waiters (MpChannel *self)
{
  if (mp_fork_reset_mutex (&self->wait_lock))
    {
      g_queue_init (&self->sources);
      self->lists_since = mp_fork_count;
    }

  self->sleepers = NULL;
  self->n_waiters = self->sources.length;
}

/* Fork hook, runs in the child.  Calls of other threads, messages received but not taken, and
 * messages waiting to be sent belong to the parent. */
static void
in_child (MpForkHook *hook)
{
  MpChannel *self = MP_FORK_HOOK_OWNER (hook, MpChannel);

  mp_channel_forget_outgoing (self);
  forget_received (self);
  forget_waiters (self);

  /* A call that was in progress when the channel was closed exists only in the parent, so it will
   * not close the descriptor here. */
  if (self->closed && self->users > 0)
    mp_transport_disconnect_fd (self->transport->funcs->get_fd (self->transport));
  self->users = self->closed ? 0 : 1;
  self->transport->funcs->disown (self->transport);
}

MpChannel *
mp_channel_new (MpTransport *transport,
                gboolean     readable,
                gboolean     writable)
{
  MpChannel *self = g_new0 (MpChannel, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->transport = transport;
  self->readable = readable;
  self->writable = writable;
  self->limit = DEFAULT_LIMIT;
  self->users = 1;
  g_mutex_init (&self->receive_lock);
  g_mutex_init (&self->send_lock);
  g_mutex_init (&self->wait_lock);
  mp_fork_hook_add (&self->fork_hook, in_child);
  return self;
}

MpChannel *
mp_channel_ref (MpChannel *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
mp_channel_unref (MpChannel *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  mp_channel_close (self, NULL);
  mp_fork_hook_remove (&self->fork_hook);
  while (self->n_arrivals > 0)
    close (self->arrivals[--self->n_arrivals].fd);
  mp_channel_drop_kept (self);
  mp_frame_reader_clear (&self->reader);
  self->transport->funcs->free (self->transport);
  g_mutex_clear (&self->receive_lock);
  g_mutex_clear (&self->send_lock);
  g_mutex_clear (&self->wait_lock);
  g_free (self);
}

GError *
mp_channel_new_dropped_error (void)
{
  return g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED,
                              _ ("The connection was closed before the message was sent"));
}

gboolean
mp_channel_close (MpChannel *self,
                  GError   **error)
{
  g_autoptr (GError) closed = NULL;

  mp_channel_flush (self);
  if (!g_atomic_int_compare_and_exchange (&self->closed, FALSE, TRUE))
    return TRUE;

  closed = mp_channel_new_dropped_error ();
  mp_channel_fail_outgoing (self, closed);
  mp_channel_close_sources (self);
  mp_channel_wake (self);

  /* Only the last call to leave closes the descriptor and can report an error. */
  if (g_atomic_int_dec_and_test (&self->users))
    return self->transport->funcs->close (self->transport, error);

  return TRUE;
}

int
mp_channel_dup_fd (MpChannel *self,
                   GError   **error)
{
  gboolean clean;
  int      fd = -1;

  if (!mp_channel_enter (self, error))
    return -1;

  g_mutex_lock (&self->receive_lock);
  clean = mp_frame_reader_is_empty (&self->reader) && self->n_arrivals == 0 &&
          self->kept.length == 0;
  g_mutex_unlock (&self->receive_lock);

  if (mp_channel_reads_ahead (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                         _ ("The connection reads ahead, and would take parts of messages away from "
                            "another process"));
  else if (!clean)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                         _ ("The connection has received data that was not read yet; it would "
                            "be lost in another process"));
  else if (mp_channel_has_outgoing (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                         _ ("The connection still has messages to send"));
  else if (!self->transport->funcs->can_share (self->transport))
    g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                 _ ("A connection over a %s cannot be passed to another process"),
                 self->transport->funcs->name);
  else
    fd = fcntl (self->transport->funcs->get_fd (self->transport), F_DUPFD_CLOEXEC, 3);

  if (fd < 0 && error != NULL && *error == NULL)
    mp_set_error_from_errno (error, errno, _ ("Duplicating the descriptor failed"));
  mp_channel_leave (self);
  return fd;
}
