/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-outgoing.h"

#include "base/mp-deadline.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* How many bytes may wait to be written. */
#define MAX_QUEUED (16 * 1024 * 1024)

static gboolean
check_sendable (MpChannel *self,
                gsize      length,
                guint      n_fds,
                GError   **error)
{
  gsize limit = mp_channel_get_limit (self);

  if (!mp_channel_check_sending (self, error))
    return FALSE;

  if (length > limit)
    g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                 _ ("A message of %zu bytes is longer than the %zu bytes that max-message-size allows"),
                 length, limit);
  else if (n_fds > MP_TRANSPORT_MAX_FDS)
    g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                 _ ("%u descriptors are more than the %d that a message may have"),
                 n_fds, MP_TRANSPORT_MAX_FDS);
  else if (n_fds > 0 && !mp_channel_can_pass_fds (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                         _ ("Descriptors can be sent over Unix sockets only"));
  else
    return TRUE;

  return FALSE;
}

/* Copies a message whose blocking call returns before all of it was sent.  Returns FALSE if there
 * is no memory. */
static gboolean
detach (MpChannel  *self,
        MpOutgoing *outgoing)
{
  GList      *link = g_queue_find (&self->outgoing, outgoing);
  guint8     *data = g_try_malloc (MAX (1, outgoing->length));
  gsize       done = 0;
  MpOutgoing *copy;

  if (data == NULL)
    return FALSE;

  for (guint i = 0; i < outgoing->n_pieces; done += outgoing->pieces[i++].iov_len)
    if (outgoing->pieces[i].iov_len > 0)
      memcpy (data + done, outgoing->pieces[i].iov_base, outgoing->pieces[i].iov_len);
  copy = g_memdup2 (outgoing, sizeof *outgoing);
  copy->payload = g_bytes_new_take (data, outgoing->length);
  mp_outgoing_set_single (copy, (struct iovec){ data, outgoing->length });
  copy->on_heap = TRUE;
  copy->fds = NULL;
  copy->n_fds = 0;
  self->queued_bytes += copy->length;
  link->data = copy;
  return TRUE;
}

/* The peer waits for the rest of @outgoing, which cannot be kept until it can be sent, so nothing
 * can be sent after it. */
static void
cut_off (MpChannel  *self,
         MpOutgoing *outgoing)
{
  g_autoptr (GError) error =
    g_error_new (MP_ERROR, MP_ERROR_TOO_LARGE,
                 _ ("There is no memory for the rest of a message of %zu bytes, so nothing more can "
                    "be sent"),
                 outgoing->length);

  self->is_cut_off = TRUE;
  mp_channel_fail_outgoing_locked (self, error);
}

/* With @condition 0, another thread is inside the transport, and wakes this one at the end. */
static gboolean
wait_to_send (MpChannel        *self,
              MpChannelSleeper *sleeper,
              GIOCondition      condition,
              gint64            deadline,
              GCancellable     *cancellable,
              GError          **error)
{
  switch (mp_channel_sleep (self, sleeper, condition, deadline, cancellable, error))
    {
    case MP_WAIT_READY:
    case MP_WAIT_WOKEN:
    case MP_WAIT_INTERRUPTED:
      return TRUE;

    case MP_WAIT_TIMED_OUT:
      mp_channel_set_timed_out (_ ("The peer did not make room for the message in time"), error);
      return FALSE;

    default:
      return FALSE;
    }
}

/* Fails if a call further up on the stack of this thread is inside the transport: waiting for it
 * would never end. */
static gboolean
check_not_inside (MpChannel *self,
                  GError   **error)
{
  if (self->thread_inside_send != g_thread_self ())
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                       _ ("The stream of the connection sends on the connection itself"));
  return FALSE;
}

/* The caller holds the lock.  Once close () has made all queued messages fail, a message that is
 * added to the queue would never be finished. */
static gboolean
check_not_closed (MpChannel *self,
                  GError   **error)
{
  if (mp_channel_is_closed (self))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The connection is closed"));
  else if (self->is_cut_off)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                         _ ("Only a part of a message could be sent, so nothing can follow it"));
  else
    return TRUE;

  return FALSE;
}

/* Sends @outgoing, the last in the queue, and all before it.  The caller holds the lock, which is
 * released only while sleeping. */
static gboolean
send_queued (MpChannel    *self,
             MpOutgoing   *outgoing,
             gint64        timeout_us,
             GCancellable *cancellable,
             GError      **error)
{
  gint64 deadline = timeout_us == 0 ? 0 : mp_deadline_for_timeout (timeout_us);
  g_autoptr (GError) stop = NULL;

  for (;;)
    {
      MpChannelSleeper sleeper = {
        0,
      };
      GIOCondition condition;
      gboolean     go_on;

      mp_channel_flush_locked (self);
      if (outgoing->finished)
        break;

      go_on = check_not_inside (self, &stop);
      if (go_on)
        {
          condition = self->thread_inside_send == NULL ? G_IO_OUT : 0;
          mp_channel_begin_sleep (self, &sleeper);
          g_mutex_unlock (&self->send_lock);
          mp_channel_run_finished (self);
          go_on = wait_to_send (self, &sleeper, condition, deadline, cancellable, &stop);
          g_mutex_lock (&self->send_lock);
        }

      if (outgoing->finished)
        break;
      if (go_on)
        continue;
      if (mp_channel_is_closed (self))
        {
          /* close () has begun, but has not made the queued messages fail yet.  It sends none. */
          self->n_dropped++;
          g_queue_remove (&self->outgoing, outgoing);
          return check_not_closed (self, error);
        }
      if (!mp_outgoing_is_begun (self, outgoing))
        {
          g_queue_remove (&self->outgoing, outgoing);
          g_propagate_error (error, g_steal_pointer (&stop));
          return FALSE;
        }
      if (detach (self, outgoing))
        return TRUE;
      cut_off (self, outgoing);
      break;
    }

  if (outgoing->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&outgoing->error));
  return FALSE;
}

static gboolean
send_inside (MpChannel    *self,
             MpOutgoing   *outgoing,
             gint64        timeout_us,
             GCancellable *cancellable,
             GError      **error)
{
  struct iovec vectors[MP_OUTGOING_MAX_VECTORS];
  gboolean     success = TRUE;
  gboolean     queued = FALSE;
  gssize       n = 0;

  g_mutex_lock (&self->send_lock);
  if (!check_not_closed (self, error))
    n = -1;
  else if (self->outgoing.length == 0 && !self->transport->funcs->is_foreign)
    n = self->transport->funcs->send (self->transport, vectors,
                                      mp_outgoing_add_vectors (outgoing, vectors,
                                                               G_N_ELEMENTS (vectors)),
                                      outgoing->fds, outgoing->n_fds, error);
  if (n > 0)
    outgoing->sent = n;

  if (n == -1)
    {
      success = FALSE;
    }
  else if (mp_outgoing_get_left (outgoing) > 0)
    {
      queued = TRUE;
      g_queue_push_tail (&self->outgoing, outgoing);
      success = send_queued (self, outgoing, timeout_us, cancellable, error);
    }
  g_mutex_unlock (&self->send_lock);

  if (queued)
    mp_channel_run_finished (self);
  return success;
}

gboolean
mp_channel_send (MpChannel          *self,
                 const struct iovec *pieces,
                 guint               n_pieces,
                 const int          *fds,
                 guint               n_fds,
                 gint64              timeout_us,
                 GCancellable       *cancellable,
                 GError            **error)
{
  MpOutgoing outgoing;
  gboolean   success = FALSE;

  if (!mp_channel_enter (self, error))
    return FALSE;

  mp_outgoing_init (&outgoing, pieces, n_pieces, fds, n_fds);
  if (check_sendable (self, outgoing.length, n_fds, error) &&
      !g_cancellable_set_error_if_cancelled (cancellable, error))
    success = send_inside (self, &outgoing, timeout_us, cancellable, error);

  mp_channel_leave (self);
  return success;
}

/* Duplicates the descriptors for as long as the message waits. */
static gboolean
take_fd_list (MpOutgoing  *outgoing,
              GUnixFDList *fd_list,
              GError     **error)
{
  int n = g_unix_fd_list_get_length (fd_list);

  outgoing->own_fds = g_new0 (int, n);
  outgoing->fds = outgoing->own_fds;
  for (int i = 0; i < n; i++)
    {
      int fd = g_unix_fd_list_get (fd_list, i, error);

      if (fd < 0)
        return FALSE;
      outgoing->own_fds[outgoing->n_fds++] = fd;
    }

  return TRUE;
}

static gboolean
check_room (MpChannel *self,
            gsize      length,
            GError   **error)
{
  if (self->queued_bytes == 0 ||
      (length <= MAX_QUEUED && self->queued_bytes <= MAX_QUEUED - length))
    return TRUE;

  g_set_error (error, MP_ERROR, MP_ERROR_FULL,
               _ ("%zu bytes already wait to be sent; wait until some are"),
               self->queued_bytes);
  return FALSE;
}

/* Appends a message to the queue; flush () sends it. */
gboolean
mp_channel_queue (MpChannel        *self,
                  GBytes           *payload,
                  GUnixFDList      *fd_list,
                  GCancellable     *cancellable,
                  MpChannelSentFunc sent,
                  gpointer          user_data,
                  GError          **error)
{
  guint         n_fds = fd_list != NULL ? g_unix_fd_list_get_length (fd_list) : 0;
  gsize         length;
  gconstpointer data = g_bytes_get_data (payload, &length);
  struct iovec  piece = { (gpointer) data, length };
  MpOutgoing   *outgoing;
  gboolean      success;

  if (!mp_channel_enter (self, error))
    return FALSE;

  outgoing = g_new0 (MpOutgoing, 1);
  mp_outgoing_init (outgoing, &piece, 1, NULL, 0);
  outgoing->on_heap = TRUE;
  outgoing->payload = g_bytes_ref (payload);
  g_set_object (&outgoing->cancellable, cancellable);
  outgoing->done = sent;
  outgoing->user_data = user_data;

  success = check_sendable (self, length, n_fds, error) &&
            (n_fds == 0 || take_fd_list (outgoing, fd_list, error));

  g_mutex_lock (&self->send_lock);
  success = success && check_not_closed (self, error) && check_room (self, length, error);
  if (success)
    {
      self->queued_bytes += length;
      self->n_cancellable += cancellable != NULL ? 1 : 0;
      g_queue_push_tail (&self->outgoing, outgoing);
    }
  g_mutex_unlock (&self->send_lock);

  if (!success)
    mp_outgoing_free (outgoing);
  mp_channel_leave (self);
  return success;
}
