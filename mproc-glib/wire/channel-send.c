/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-deadline.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* How many buffers one call writes, and how many bytes may wait to be written. */
#define MAX_VECTORS 128
#define MAX_QUEUED  (16 * 1024 * 1024)

/* How many bytes one call writes to a transport that runs foreign code: a record of TLS. */
#define MAX_STAGED (16 * 1024)

/* A message being sent.  That of a blocking call is on its stack and refers to the caller's bytes;
 * that of an asynchronous call holds a reference to the bytes and its own duplicates of the
 * descriptors. */
typedef struct
{
  guint8        header[MP_FRAME_MAX_HEADER];
  gsize         header_size;
  const guint8 *data;
  gsize         length;
  gsize         sent;
  const int    *fds;
  guint         n_fds;

  gboolean finished;
  GError  *error;

  gboolean          on_heap;
  GBytes           *payload;
  int              *own_fds;
  MpChannelSentFunc done;
  gpointer          user_data;
} Outgoing;

/* The messages that a flush has finished: those whose callbacks are still to be called, and whether
 * there are any for which a blocking call waits; and whether others were turned away meanwhile. */
typedef struct
{
  GQueue   queued;
  gboolean waited_for;
  gboolean turned_away;
} Finished;

static void
outgoing_init (Outgoing     *outgoing,
               const guint8 *data,
               gsize         length,
               const int    *fds,
               guint         n_fds)
{
  memset (outgoing, 0, sizeof *outgoing);
  outgoing->header_size = mp_frame_put_header (outgoing->header, length);
  outgoing->data = data;
  outgoing->length = length;
  outgoing->fds = fds;
  outgoing->n_fds = n_fds;
}

static void
outgoing_free (Outgoing *outgoing)
{
  if (outgoing->own_fds != NULL)
    {
      for (guint i = 0; i < outgoing->n_fds; i++)
        close (outgoing->own_fds[i]);
    }
  g_free (outgoing->own_fds);
  g_clear_pointer (&outgoing->payload, g_bytes_unref);
  g_clear_error (&outgoing->error);
  g_free (outgoing);
}

static gsize
get_left (const Outgoing *outgoing)
{
  return outgoing->header_size + outgoing->length - outgoing->sent;
}

/* Adds the unsent part of a message, in at most two buffers. */
static guint
add_vectors (const Outgoing *outgoing,
             struct iovec   *vectors)
{
  gsize of_data =
    outgoing->sent > outgoing->header_size ? outgoing->sent - outgoing->header_size : 0;
  guint n = 0;

  if (outgoing->sent < outgoing->header_size)
    vectors[n++] = (struct iovec){ (guint8 *) outgoing->header + outgoing->sent,
                                   outgoing->header_size - outgoing->sent };
  if (of_data < outgoing->length)
    vectors[n++] =
      (struct iovec){ (guint8 *) outgoing->data + of_data, outgoing->length - of_data };
  return n;
}

/* Writes the beginning of the first message, without the lock.  The bytes are copied, since the
 * call that sends them may end meanwhile.  Returns WOULD_BLOCK if the message was dropped. */
static gssize
write_outside (MpChannel *self,
               GError   **error)
{
  guint8       staged[MAX_STAGED];
  struct iovec vectors[2];
  struct iovec all = { staged, 0 };
  guint        n_vectors = add_vectors (self->outgoing.head->data, vectors);
  guint        n_dropped = self->n_dropped;
  gssize       n;

  for (guint i = 0; i < n_vectors; i++)
    {
      gsize length = MIN (vectors[i].iov_len, sizeof staged - all.iov_len);

      memcpy (staged + all.iov_len, vectors[i].iov_base, length);
      all.iov_len += length;
    }

  self->thread_inside_send = g_thread_self ();
  g_mutex_unlock (&self->send_lock);
  n = self->transport->funcs->send (self->transport, &all, 1, NULL, 0, error);
  g_mutex_lock (&self->send_lock);
  self->thread_inside_send = NULL;
  if (n_dropped == self->n_dropped)
    return n;

  g_clear_error (error);
  return MP_TRANSPORT_WOULD_BLOCK;
}

/* Writes as much of the queue as fits into one call.  A message with descriptors is written alone,
 * so that the receiver can assign them to it. */
static gssize
write_outgoing (MpChannel *self,
                GError   **error)
{
  struct iovec    vectors[MAX_VECTORS];
  const Outgoing *first = self->outgoing.head->data;
  guint           n = 0;
  guint           n_fds = first->sent == 0 ? first->n_fds : 0;

  for (GList *l = self->outgoing.head; l != NULL && n + 2 <= MAX_VECTORS; l = l->next)
    {
      const Outgoing *outgoing = l->data;

      if (outgoing != first && (outgoing->n_fds > 0 || n_fds > 0))
        break;
      n += add_vectors (outgoing, vectors + n);
    }

  return self->transport->funcs->send (self->transport, vectors, n, first->fds, n_fds, error);
}

static void
finish (MpChannel    *self,
        Finished     *finished,
        const GError *error)
{
  Outgoing *outgoing = g_queue_pop_head (&self->outgoing);

  if (error != NULL)
    outgoing->error = g_error_copy (error);
  outgoing->finished = TRUE;

  /* From now on a blocking call may return, and its stack frame with this struct is gone. */
  if (outgoing->on_heap)
    {
      self->queued_bytes -= outgoing->length;
      g_queue_push_tail (&finished->queued, outgoing);
    }
  else
    {
      finished->waited_for = TRUE;
    }
}

static void
account_sent (MpChannel *self,
              gsize      n,
              Finished  *finished)
{
  while (n > 0)
    {
      Outgoing *outgoing = self->outgoing.head->data;
      gsize     here = MIN (n, get_left (outgoing));

      outgoing->sent += here;
      n -= here;
      if (get_left (outgoing) == 0)
        finish (self, finished, NULL);
    }
}

/* Sends as much as possible without blocking.  Finished messages are collected, because their
 * callbacks must be called without the lock. */
static MpChannelStatus
flush_locked (MpChannel *self,
              Finished  *finished)
{
  while (self->outgoing.length > 0)
    {
      g_autoptr (GError) error = NULL;
      gssize n;

      if (self->thread_inside_send != NULL)
        {
          self->sender_turned_away = TRUE;
          return MP_CHANNEL_NOT_NOW;
        }

      n = self->transport->funcs->is_foreign ? write_outside (self, &error)
                                             : write_outgoing (self, &error);
      finished->turned_away |= self->sender_turned_away;
      self->sender_turned_away = FALSE;

      if (n == MP_TRANSPORT_WOULD_BLOCK)
        return MP_CHANNEL_NOT_NOW;

      if (n >= 0)
        account_sent (self, n, finished);
      while (n < 0 && self->outgoing.length > 0)
        finish (self, finished, error);
      if (n < 0)
        return MP_CHANNEL_ERROR;
    }

  return MP_CHANNEL_DONE;
}

static void
run_finished (MpChannel *self,
              Finished  *finished)
{
  Outgoing *outgoing;

  if (finished->waited_for || finished->turned_away)
    mp_channel_wake (self);
  finished->waited_for = finished->turned_away = FALSE;

  while ((outgoing = g_queue_pop_head (&finished->queued)) != NULL)
    {
      if (outgoing->done != NULL)
        outgoing->done (outgoing->error, outgoing->user_data);
      outgoing_free (outgoing);
    }
}

/* Returns DONE if nothing is left to send. */
MpChannelStatus
mp_channel_flush (MpChannel *self)
{
  Finished        finished = { G_QUEUE_INIT, FALSE, FALSE };
  MpChannelStatus status;

  if (!mp_channel_has_outgoing (self) || !mp_channel_enter (self, NULL))
    return MP_CHANNEL_DONE;

  g_mutex_lock (&self->send_lock);
  status = flush_locked (self, &finished);
  g_mutex_unlock (&self->send_lock);
  mp_channel_leave (self);
  run_finished (self, &finished);
  return status;
}

gboolean
mp_channel_has_outgoing (MpChannel *self)
{
  gboolean has;

  g_mutex_lock (&self->send_lock);
  has = self->outgoing.length > 0;
  g_mutex_unlock (&self->send_lock);
  return has;
}

void
mp_channel_fail_outgoing (MpChannel    *self,
                          const GError *error)
{
  Finished finished = { G_QUEUE_INIT, FALSE, FALSE };

  g_mutex_lock (&self->send_lock);
  self->n_dropped++;
  while (self->outgoing.length > 0)
    finish (self, &finished, error);
  g_mutex_unlock (&self->send_lock);
  run_finished (self, &finished);
}

/* Whether sending a message has begun, so that it cannot be withdrawn. */
static gboolean
is_begun (MpChannel      *self,
          const Outgoing *outgoing)
{
  return outgoing->sent > 0 ||
         (self->transport->funcs->holds_back && self->outgoing.head->data == outgoing);
}

/* Called by the fork hook in a child: queued messages are sent by the parent.  Nothing is freed,
 * since that is not safe in a fork hook. */
void
mp_channel_forget_outgoing (MpChannel *self)
{
  gboolean was_busy = mp_fork_reset_mutex (&self->send_lock);

  if (was_busy || self->thread_inside_send != NULL ||
      (self->outgoing.length > 0 && is_begun (self, self->outgoing.head->data)))
    self->sending_is_parents = TRUE;

  g_queue_init (&self->outgoing);
  self->queued_bytes = 0;
  self->thread_inside_send = NULL;
}

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
                 _ ("A message of %zu bytes is longer than the %zu bytes that are allowed"),
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

/* Copies the rest of a message whose blocking call returns before all of it was sent. */
static void
detach (MpChannel *self,
        Outgoing  *outgoing)
{
  GList    *link = g_queue_find (&self->outgoing, outgoing);
  Outgoing *copy = g_memdup2 (outgoing, sizeof *outgoing);

  copy->payload = g_bytes_new (outgoing->data, outgoing->length);
  copy->data = g_bytes_get_data (copy->payload, NULL);
  copy->on_heap = TRUE;
  copy->fds = NULL;
  copy->n_fds = 0;
  self->queued_bytes += copy->length;
  link->data = copy;
}

/* Ends a send whose timeout has expired.  Returns TRUE if the message will be sent nevertheless,
 * since a part of it was. */
static gboolean
give_up (MpChannel *self,
         Outgoing  *outgoing)
{
  gboolean begun = is_begun (self, outgoing);

  if (begun)
    detach (self, outgoing);
  else
    g_queue_remove (&self->outgoing, outgoing);
  return begun;
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

/* A call further up in this very thread is inside the transport, and would never end. */
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

/* Sends @outgoing, the last in the queue, and all before it.  The caller holds the lock, which is
 * released only while sleeping. */
static gboolean
send_queued (MpChannel    *self,
             Outgoing     *outgoing,
             gint64        timeout_us,
             GCancellable *cancellable,
             Finished     *finished,
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

      flush_locked (self, finished);
      if (outgoing->finished)
        break;

      go_on = check_not_inside (self, &stop);
      if (go_on)
        {
          condition = self->thread_inside_send == NULL ? G_IO_OUT : 0;
          mp_channel_begin_sleep (self, &sleeper);
          g_mutex_unlock (&self->send_lock);
          run_finished (self, finished);
          go_on = wait_to_send (self, &sleeper, condition, deadline, cancellable, &stop);
          g_mutex_lock (&self->send_lock);
        }

      if (outgoing->finished)
        break;
      if (!go_on)
        {
          if (give_up (self, outgoing))
            return TRUE;
          g_propagate_error (error, g_steal_pointer (&stop));
          return FALSE;
        }
    }

  if (outgoing->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&outgoing->error));
  return FALSE;
}

static gboolean
send_inside (MpChannel    *self,
             Outgoing     *outgoing,
             gint64        timeout_us,
             GCancellable *cancellable,
             GError      **error)
{
  Finished     finished = { G_QUEUE_INIT, FALSE, FALSE };
  struct iovec vectors[2];
  gboolean     success = TRUE;
  gboolean     queued = FALSE;
  gssize       n = 0;

  g_mutex_lock (&self->send_lock);
  if (self->outgoing.length == 0 && !self->transport->funcs->is_foreign)
    n = self->transport->funcs->send (self->transport, vectors, add_vectors (outgoing, vectors),
                                      outgoing->fds, outgoing->n_fds, error);
  if (n > 0)
    outgoing->sent = n;

  if (n == -1)
    {
      success = FALSE;
    }
  else if (get_left (outgoing) > 0)
    {
      queued = TRUE;
      g_queue_push_tail (&self->outgoing, outgoing);
      success = send_queued (self, outgoing, timeout_us, cancellable, &finished, error);
    }
  g_mutex_unlock (&self->send_lock);

  if (queued)
    run_finished (self, &finished);
  return success;
}

gboolean
mp_channel_send (MpChannel    *self,
                 const guint8 *data,
                 gsize         length,
                 const int    *fds,
                 guint         n_fds,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  Outgoing outgoing;
  gboolean success = FALSE;

  if (!mp_channel_enter (self, error))
    return FALSE;

  outgoing_init (&outgoing, data, length, fds, n_fds);
  if (check_sendable (self, length, n_fds, error) &&
      !g_cancellable_set_error_if_cancelled (cancellable, error))
    success = send_inside (self, &outgoing, timeout_us, cancellable, error);

  mp_channel_leave (self);
  return success;
}

/* Duplicates the descriptors for as long as the message waits. */
static gboolean
take_fd_list (Outgoing    *outgoing,
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
                  MpChannelSentFunc sent,
                  gpointer          user_data,
                  GError          **error)
{
  guint         n_fds = fd_list != NULL ? g_unix_fd_list_get_length (fd_list) : 0;
  gsize         length;
  const guint8 *data = g_bytes_get_data (payload, &length);
  Outgoing     *outgoing;
  gboolean      success;

  if (!mp_channel_enter (self, error))
    return FALSE;

  outgoing = g_new0 (Outgoing, 1);
  outgoing_init (outgoing, data, length, NULL, 0);
  outgoing->on_heap = TRUE;
  outgoing->payload = g_bytes_ref (payload);
  outgoing->done = sent;
  outgoing->user_data = user_data;

  success = check_sendable (self, length, n_fds, error) &&
            (n_fds == 0 || take_fd_list (outgoing, fd_list, error));

  g_mutex_lock (&self->send_lock);
  success = success && check_room (self, length, error);
  if (success)
    {
      self->queued_bytes += length;
      g_queue_push_tail (&self->outgoing, outgoing);
    }
  g_mutex_unlock (&self->send_lock);

  if (!success)
    outgoing_free (outgoing);
  mp_channel_leave (self);
  return success;
}

void
mp_channel_withdraw (MpChannel    *self,
                     gconstpointer user_data)
{
  Finished withdrawn = { G_QUEUE_INIT, FALSE, FALSE };
  GList   *l;

  g_mutex_lock (&self->send_lock);
  for (l = self->outgoing.head; l != NULL; l = l->next)
    {
      Outgoing *outgoing = l->data;

      if (outgoing->on_heap && outgoing->user_data == user_data && !is_begun (self, outgoing))
        break;
    }

  if (l != NULL)
    {
      Outgoing *outgoing = l->data;

      outgoing->error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Sending was cancelled");
      self->queued_bytes -= outgoing->length;
      g_queue_unlink (&self->outgoing, l);
      g_queue_push_tail_link (&withdrawn.queued, l);
    }
  g_mutex_unlock (&self->send_lock);
  run_finished (self, &withdrawn);
}
