/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include <unistd.h>

#include "mp-error.h"

#include <glib/gi18n-lib.h>

void
mp_channel_set_limit (MpChannel *self,
                      gsize      max_message_size)
{
  g_atomic_pointer_set (&self->limit, max_message_size);
}

gsize
mp_channel_get_limit (MpChannel *self)
{
  return (gsize) g_atomic_pointer_get (&self->limit);
}

gboolean
mp_channel_is_readable (MpChannel *self)
{
  return g_atomic_int_get (&self->readable);
}

gboolean
mp_channel_is_writable (MpChannel *self)
{
  return g_atomic_int_get (&self->writable);
}

gboolean
mp_channel_is_closed (MpChannel *self)
{
  return g_atomic_int_get (&self->closed);
}

gboolean
mp_channel_can_pass_fds (MpChannel *self)
{
  return self->transport->funcs->can_pass_fds (self->transport);
}

int
mp_channel_get_fd (MpChannel *self)
{
  int fd;

  if (!mp_channel_enter (self, NULL))
    return -1;

  fd = self->transport->funcs->get_fd (self->transport);
  mp_channel_leave (self);
  return fd;
}

gboolean
mp_channel_check_receiving (MpChannel *self,
                            GError   **error)
{
  if (!mp_channel_is_readable (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_NOT_READABLE,
                         _ ("The connection is write-only"));
  else if (self->receiving_is_parents)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         _ ("The process was forked while the connection was inside a message or "
                            "read ahead; only the parent can receive from it"));
  else
    return TRUE;

  return FALSE;
}

gboolean
mp_channel_check_sending (MpChannel *self,
                          GError   **error)
{
  if (!mp_channel_is_writable (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_NOT_WRITABLE, _ ("The connection is read-only"));
  else if (self->sending_is_parents)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         _ ("The process was forked while a part of a message was sent; only the "
                            "parent can send the rest and what follows"));
  else
    return TRUE;

  return FALSE;
}

gboolean
mp_channel_reads_ahead (MpChannel *self)
{
  return g_atomic_int_get (&self->n_reading_ahead) > 0;
}

void
mp_channel_begin_reading_ahead (MpChannel *self)
{
  g_atomic_int_inc (&self->n_reading_ahead);
}

void
mp_channel_end_reading_ahead (MpChannel *self)
{
  g_atomic_int_add (&self->n_reading_ahead, -1);
}

/* Keeps the descriptor open until leave ().  Fails if the channel is closed. */
gboolean
mp_channel_enter (MpChannel *self,
                  GError   **error)
{
  gint users;

  do
    {
      users = g_atomic_int_get (&self->users);
      if (users == 0 || mp_channel_is_closed (self))
        {
          g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The connection is closed"));
          return FALSE;
        }
    }
  while (!g_atomic_int_compare_and_exchange (&self->users, users, users + 1));

  return TRUE;
}

void
mp_channel_leave (MpChannel *self)
{
  if (g_atomic_int_dec_and_test (&self->users))
    self->transport->funcs->close (self->transport, NULL);
}

void
mp_channel_set_timed_out (const char *what,
                          GError    **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, what);
}

void
mp_channel_message_clear (MpChannelMessage *message)
{
  if (message->large != NULL)
    g_clear_pointer (&message->large, mp_large_memory_free);
  else
    g_free (message->data);
  message->data = NULL;
  while (message->n_fds > 0)
    close (message->fds[--message->n_fds]);
}

guint8 *
mp_channel_message_steal_data (MpChannelMessage *message)
{
  guint8 *data;

  if (message->large == NULL)
    return g_steal_pointer (&message->data);

  /* An earlier receive, which wanted MpLargeMemory, has received a part of the message. */
  data = g_malloc (message->length + 1);
  memcpy (data, message->data, message->length + 1);
  message->data = NULL;
  g_clear_pointer (&message->large, mp_large_memory_free);
  return data;
}

GBytes *
mp_channel_message_steal_bytes (MpChannelMessage *message)
{
  guint8        *data = g_steal_pointer (&message->data);
  MpLargeMemory *large = g_steal_pointer (&message->large);

  return large == NULL ? g_bytes_new_take (data, message->length)
                       : g_bytes_new_with_free_func (data, message->length,
                                                     (GDestroyNotify) mp_large_memory_free, large);
}

static void
kept_free (gpointer data)
{
  mp_channel_message_clear (data);
  g_free (data);
}

void
mp_channel_drop_kept (MpChannel *self)
{
  g_queue_clear_full (&self->kept, kept_free);
}
