/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-outgoing.h"

#include "mp-error.h"

#include <string.h>
#include <unistd.h>

/* The messages that wait to be sent. */

/* How many bytes one call writes to a transport that runs foreign code: a record of TLS. */
#define MAX_STAGED (16 * 1024)

void
mp_outgoing_set_single (MpOutgoing  *outgoing,
                        struct iovec piece)
{
  outgoing->single = piece;
  outgoing->pieces = &outgoing->single;
  outgoing->n_pieces = 1;
}

void
mp_outgoing_init (MpOutgoing         *outgoing,
                  const struct iovec *pieces,
                  guint               n_pieces,
                  const int          *fds,
                  guint               n_fds)
{
  memset (outgoing, 0, sizeof *outgoing);
  outgoing->pieces = pieces;
  outgoing->n_pieces = n_pieces;
  if (n_pieces == 1)
    mp_outgoing_set_single (outgoing, pieces[0]);
  for (guint i = 0; i < n_pieces; i++)
    outgoing->length += pieces[i].iov_len;
  outgoing->header_size = mp_frame_put_header (outgoing->header, outgoing->length);
  outgoing->fds = fds;
  outgoing->n_fds = n_fds;
}

void
mp_outgoing_free (MpOutgoing *outgoing)
{
  if (outgoing->own_fds != NULL)
    {
      for (guint i = 0; i < outgoing->n_fds; i++)
        close (outgoing->own_fds[i]);
    }
  g_free (outgoing->own_fds);
  g_clear_pointer (&outgoing->payload, g_bytes_unref);
  g_clear_object (&outgoing->cancellable);
  g_clear_error (&outgoing->error);
  g_free (outgoing);
}

gsize
mp_outgoing_get_left (const MpOutgoing *outgoing)
{
  return outgoing->header_size + outgoing->length - outgoing->sent;
}

guint
mp_outgoing_add_vectors (const MpOutgoing *outgoing,
                         struct iovec     *vectors,
                         guint             max)
{
  gsize of_data =
    outgoing->sent > outgoing->header_size ? outgoing->sent - outgoing->header_size : 0;
  guint n = 0;

  if (outgoing->sent < outgoing->header_size)
    vectors[n++] = (struct iovec){ (guint8 *) outgoing->header + outgoing->sent,
                                   outgoing->header_size - outgoing->sent };
  for (guint i = 0; i < outgoing->n_pieces && n < max; i++)
    {
      const struct iovec *piece = &outgoing->pieces[i];
      gsize               skipped = MIN (of_data, piece->iov_len);

      of_data -= skipped;
      if (skipped < piece->iov_len)
        vectors[n++] =
          (struct iovec){ (guint8 *) piece->iov_base + skipped, piece->iov_len - skipped };
    }
  return n;
}

/* Writes the beginning of the first message, without the lock.  The bytes are copied, since the
 * call that sends them may end meanwhile.  Returns WOULD_BLOCK if the message was dropped. */
static gssize
write_outside (MpChannel *self,
               GError   **error)
{
  guint8       staged[MAX_STAGED];
  struct iovec vectors[MP_OUTGOING_MAX_VECTORS];
  struct iovec all = { staged, 0 };
  guint        n_vectors = mp_outgoing_add_vectors (self->outgoing.head->data, vectors,
                                                    MP_OUTGOING_MAX_VECTORS);
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
  struct iovec      vectors[MP_OUTGOING_MAX_VECTORS];
  const MpOutgoing *first = self->outgoing.head->data;
  guint             n = 0;
  guint             n_fds = first->sent == 0 ? first->n_fds : 0;

  for (GList *l = self->outgoing.head; l != NULL && n < MP_OUTGOING_MAX_VECTORS; l = l->next)
    {
      const MpOutgoing *outgoing = l->data;

      if (outgoing != first &&
          (outgoing->n_fds > 0 || n_fds > 0 || outgoing->n_pieces >= MP_OUTGOING_MAX_VECTORS - n))
        break;
      n += mp_outgoing_add_vectors (outgoing, vectors + n, MP_OUTGOING_MAX_VECTORS - n);
    }

  return self->transport->funcs->send (self->transport, vectors, n, first->fds, n_fds, error);
}

/* A message of an asynchronous call leaves the queue. */
static void
forget_queued (MpChannel  *self,
               MpOutgoing *outgoing)
{
  self->queued_bytes -= outgoing->length;
  if (outgoing->cancellable != NULL)
    self->n_cancellable--;
}

static void
finish (MpChannel    *self,
        const GError *error)
{
  MpOutgoing *outgoing = g_queue_pop_head (&self->outgoing);

  if (error != NULL)
    outgoing->error = g_error_copy (error);
  outgoing->finished = TRUE;

  /* From now on a blocking call may return, and its stack frame with this struct is gone. */
  if (outgoing->on_heap)
    {
      forget_queued (self, outgoing);
      g_queue_push_tail (&self->finished, outgoing);
    }
  else
    {
      self->wakes_senders = TRUE;
    }
}

static void
account_sent (MpChannel *self,
              gsize      n)
{
  while (n > 0)
    {
      MpOutgoing *outgoing = self->outgoing.head->data;
      gsize       here = MIN (n, mp_outgoing_get_left (outgoing));

      outgoing->sent += here;
      n -= here;
      if (mp_outgoing_get_left (outgoing) == 0)
        finish (self, NULL);
    }
}

gboolean
mp_outgoing_is_begun (MpChannel        *self,
                      const MpOutgoing *outgoing)
{
  return outgoing->sent > 0 ||
         (self->transport->funcs->holds_back && self->outgoing.head->data == outgoing);
}

/* Takes a message out of the queue.  Its callback gets the error CANCELLED. */
static void
withdraw (MpChannel *self,
          GList     *link)
{
  MpOutgoing *outgoing = link->data;

  outgoing->error =
    g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Sending was cancelled");
  forget_queued (self, outgoing);
  g_queue_unlink (&self->outgoing, link);
  g_queue_push_tail_link (&self->finished, link);
}

/* The source of the cancellable may be dispatched only after this flush. */
static void
withdraw_cancelled (MpChannel *self)
{
  GList *next;

  for (GList *l = self->outgoing.head; l != NULL && self->n_cancellable > 0; l = next)
    {
      MpOutgoing *outgoing = l->data;

      next = l->next;
      if (outgoing->cancellable != NULL && !mp_outgoing_is_begun (self, outgoing) &&
          g_cancellable_is_cancelled (outgoing->cancellable))
        withdraw (self, l);
    }
}

MpChannelStatus
mp_channel_flush_locked (MpChannel *self)
{
  withdraw_cancelled (self);
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
      self->wakes_senders |= self->sender_turned_away;
      self->sender_turned_away = FALSE;

      if (n == MP_TRANSPORT_WOULD_BLOCK)
        return MP_CHANNEL_NOT_NOW;

      if (n >= 0)
        account_sent (self, n);
      while (n < 0 && self->outgoing.length > 0)
        finish (self, error);
      if (n < 0)
        return MP_CHANNEL_ERROR;
    }

  return MP_CHANNEL_DONE;
}

/* Takes the next message whose callback is to be called. */
static MpOutgoing *
take_finished (MpChannel *self)
{
  MpOutgoing *outgoing;
  gboolean    wakes;

  g_mutex_lock (&self->send_lock);
  wakes = self->wakes_senders;
  self->wakes_senders = FALSE;
  outgoing = g_queue_pop_head (&self->finished);
  g_mutex_unlock (&self->send_lock);

  if (wakes)
    mp_channel_wake (self);
  return outgoing;
}

void
mp_channel_run_finished (MpChannel *self)
{
  MpOutgoing *outgoing;

  while ((outgoing = take_finished (self)) != NULL)
    {
      if (outgoing->done != NULL)
        outgoing->done (outgoing->error, outgoing->user_data);
      mp_outgoing_free (outgoing);
    }
}

static gboolean
has_sent_or_outgoing (MpChannel *self)
{
  gboolean has;

  g_mutex_lock (&self->send_lock);
  has = self->outgoing.length > 0 || self->finished.length > 0;
  g_mutex_unlock (&self->send_lock);
  return has;
}

/* Returns DONE if nothing is left to send. */
MpChannelStatus
mp_channel_flush (MpChannel *self)
{
  MpChannelStatus status;

  if (!has_sent_or_outgoing (self) || !mp_channel_enter (self, NULL))
    return MP_CHANNEL_DONE;

  g_mutex_lock (&self->send_lock);
  status = mp_channel_flush_locked (self);
  g_mutex_unlock (&self->send_lock);
  mp_channel_leave (self);
  mp_channel_run_finished (self);
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

gboolean
mp_channel_has_dropped (MpChannel *self)
{
  gboolean has;

  g_mutex_lock (&self->send_lock);
  has = self->has_dropped || (mp_channel_is_closed (self) && self->outgoing.length > 0);
  g_mutex_unlock (&self->send_lock);
  return has;
}

void
mp_channel_fail_outgoing_locked (MpChannel    *self,
                                 const GError *error)
{
  self->n_dropped++;
  self->has_dropped |= self->outgoing.length > 0;
  while (self->outgoing.length > 0)
    finish (self, error);
}

void
mp_channel_fail_outgoing (MpChannel    *self,
                          const GError *error)
{
  g_mutex_lock (&self->send_lock);
  mp_channel_fail_outgoing_locked (self, error);
  g_mutex_unlock (&self->send_lock);
  mp_channel_run_finished (self);
}

/* Called by the fork hook in a child: queued messages are sent by the parent.  Nothing is freed,
 * since that is not safe in a fork hook. */
void
mp_channel_forget_outgoing (MpChannel *self)
{
  gboolean was_busy = mp_fork_reset_mutex (&self->send_lock);

  if (was_busy || self->thread_inside_send != NULL ||
      (self->outgoing.length > 0 && mp_outgoing_is_begun (self, self->outgoing.head->data)))
    self->sending_is_parents = TRUE;

  g_queue_init (&self->outgoing);
  g_queue_init (&self->finished);
  self->queued_bytes = 0;
  self->n_cancellable = 0;
  self->thread_inside_send = NULL;
}

void
mp_channel_withdraw (MpChannel    *self,
                     gconstpointer user_data)
{
  GList *l;

  g_mutex_lock (&self->send_lock);
  for (l = self->outgoing.head; l != NULL; l = l->next)
    {
      MpOutgoing *outgoing = l->data;

      if (outgoing->on_heap && outgoing->user_data == user_data &&
          !mp_outgoing_is_begun (self, outgoing))
        break;
    }

  if (l != NULL)
    withdraw (self, l);
  g_mutex_unlock (&self->send_lock);
  mp_channel_run_finished (self);
}
