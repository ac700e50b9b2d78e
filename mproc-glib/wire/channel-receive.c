/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-deadline.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The maximum number of messages kept for receivers while others are read for the filter. */
#define MAX_KEPT 4096

/* How many messages a non-blocking call reads for the filter before it returns. */
#define PUMPED_PER_TRY 256

/* Ends receiving permanently.  A duplex channel can still send. */
static void
end_receiving (MpChannel *self,
               gboolean   malformed)
{
  g_atomic_int_set (&self->readable, FALSE);
  if (malformed || !mp_channel_is_writable (self))
    mp_channel_close (self, NULL);
  mp_channel_wake (self);
}

static gboolean
check_open (MpChannel *self,
            GError   **error)
{
  if (!mp_channel_is_closed (self))
    return TRUE;

  g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                       _ ("The connection was closed while receiving"));
  return FALSE;
}

static gboolean
add_arrivals (MpChannel *self,
              const int *fds,
              guint      n_fds,
              GError   **error)
{
  if (n_fds <= MP_CHANNEL_MAX_ARRIVALS - self->n_arrivals)
    {
      for (guint i = 0; i < n_fds; i++)
        {
          self->arrivals[self->n_arrivals].position = self->reader.received - 1;
          self->arrivals[self->n_arrivals++].fd = fds[i];
        }
      return TRUE;
    }

  for (guint i = 0; i < n_fds; i++)
    close (fds[i]);
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("More than %d descriptors came with one message"), MP_TRANSPORT_MAX_FDS);
  return FALSE;
}

/* Takes the descriptors that belong to the message just consumed. */
static gboolean
take_arrivals (MpChannel        *self,
               MpChannelMessage *message,
               GError          **error)
{
  guint    n = 0;
  gboolean fits;

  while (n < self->n_arrivals && self->arrivals[n].position < self->reader.consumed)
    n++;

  fits = n <= MP_TRANSPORT_MAX_FDS;
  for (guint i = 0; i < n; i++)
    {
      if (message != NULL && fits)
        message->fds[message->n_fds++] = self->arrivals[i].fd;
      else
        close (self->arrivals[i].fd);
    }

  memmove (self->arrivals, self->arrivals + n, (self->n_arrivals - n) * sizeof self->arrivals[0]);
  self->n_arrivals -= n;
  if (!fits)
    g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                 _ ("%u descriptors came with one message; at most %d may"), n,
                 MP_TRANSPORT_MAX_FDS);
  return fits;
}

static void
set_end_of_stream (MpChannel *self,
                   GError   **error)
{
  if (mp_frame_reader_is_empty (&self->reader))
    g_set_error_literal (error, MP_ERROR, MP_ERROR_END_OF_STREAM,
                         _ ("The peer closed the connection"));
  else
    g_set_error (error, MP_ERROR, MP_ERROR_TRUNCATED,
                 _ ("The peer went away inside a message, after %" PRIu64 " bytes of it"),
                 self->reader.received - self->reader.consumed);
}

/* Calls the transport without the lock.  No other call uses the reader meanwhile: see
 * `occupant`. */
static gssize
receive_outside (MpChannel    *self,
                 gconstpointer token,
                 struct iovec *vectors,
                 guint         n_vectors,
                 int          *fds,
                 guint        *n_fds,
                 GError      **error)
{
  gconstpointer before = self->occupant;
  gssize        n;

  g_atomic_pointer_set (&self->occupant, token);
  self->thread_inside_receive = g_thread_self ();
  g_mutex_unlock (&self->receive_lock);
  n = self->transport->funcs->receive (self->transport, vectors, n_vectors, fds, n_fds, error);
  g_mutex_lock (&self->receive_lock);
  self->thread_inside_receive = NULL;
  g_atomic_pointer_set (&self->occupant, before);
  return n;
}

/* Makes one read call into the reader. */
static MpChannelStatus
receive_piece (MpChannel    *self,
               gconstpointer token,
               GError      **error)
{
  struct iovec vectors[2];
  guint        n_vectors, n_fds = 0;
  int          fds[MP_TRANSPORT_MAX_FDS];
  gssize       n;

  self->reader.reads_ahead = mp_channel_reads_ahead (self);
  if (!mp_frame_reader_get_space (&self->reader, vectors, &n_vectors, error))
    return MP_CHANNEL_ERROR;

  if (self->transport->funcs->is_foreign)
    n = receive_outside (self, token, vectors, n_vectors, fds, &n_fds, error);
  else
    n = self->transport->funcs->receive (self->transport, vectors, n_vectors, fds, &n_fds, error);
  if (n == MP_TRANSPORT_WOULD_BLOCK)
    return MP_CHANNEL_NOT_NOW;
  if (n == 0)
    set_end_of_stream (self, error);
  if (n <= 0)
    return MP_CHANNEL_ERROR;

  mp_frame_reader_commit (&self->reader, n);
  if (n_fds > 0 && !add_arrivals (self, fds, n_fds, error))
    return MP_CHANNEL_ERROR;

  return MP_CHANNEL_DONE;
}

/* The destination of a message: the caller's buffer, or newly allocated memory. */
typedef struct
{
  gsize             limit;
  guint8           *buffer;
  gsize             size;
  MpChannelMessage *message;
  gsize            *length;
} Target;

static gboolean
check_buffer (MpChannel    *self,
              const Target *target,
              GError      **error)
{
  if (target->buffer == NULL || !self->reader.have_header || self->reader.length <= target->size)
    return TRUE;

  g_set_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT,
               _ ("A message of %" PRIu64 " bytes does not fit into %zu bytes"),
               self->reader.length, target->size);
  return FALSE;
}

static MpChannelStatus
receive_pieces (MpChannel    *self,
                const Target *target,
                GError      **error)
{
  for (;;)
    {
      MpFrameStatus   status = mp_frame_reader_peek (&self->reader, target->limit, error);
      MpChannelStatus piece;

      if (status == MP_FRAME_ERROR)
        return MP_CHANNEL_ERROR;
      if (!check_buffer (self, target, error))
        return MP_CHANNEL_ERROR;
      if (status == MP_FRAME_COMPLETE)
        return MP_CHANNEL_DONE;

      if (target->buffer != NULL && self->sources.length == 0 && self->filter == NULL &&
          mp_frame_reader_lend (&self->reader, target->buffer, target->size))
        g_atomic_pointer_set (&self->occupant, target);

      self->reader.wants_large = target->message != NULL && target->message->wants_large;
      piece = receive_piece (self, target, error);
      if (piece != MP_CHANNEL_DONE)
        return piece;
    }
}

/* Moves a complete message to its destination. */
static MpChannelStatus
deliver (MpChannel    *self,
         const Target *target,
         GError      **error)
{
  if (target->buffer != NULL)
    {
      *target->length = self->reader.length;
      mp_frame_reader_copy (&self->reader, target->buffer);
    }
  else
    target->message->data = mp_frame_reader_take (&self->reader, &target->message->length,
                                                  &target->message->large);

  if (self->occupant == target)
    g_atomic_pointer_set (&self->occupant, NULL);

  if (self->n_arrivals > 0 && !take_arrivals (self, target->message, error))
    {
      if (target->message != NULL)
        mp_channel_message_clear (target->message);
      return MP_CHANNEL_ERROR;
    }

  return MP_CHANNEL_DONE;
}

/* Reads at most @max messages for the filter, until @max_kept are kept for receivers. */
static MpChannelStatus
pump (MpChannel *self,
      guint      max_kept,
      guint      max,
      GError   **error)
{
  for (guint i = 0; i < max && self->kept.length < max_kept; i++)
    {
      g_auto (MpChannelMessage) message = {
        0,
      };
      Target          target = { mp_channel_get_limit (self), NULL, 0, &message, NULL };
      MpChannelStatus status = receive_pieces (self, &target, error);

      if (status == MP_CHANNEL_DONE)
        status = deliver (self, &target, error);
      if (status != MP_CHANNEL_DONE)
        return status;

      status = self->filter (&message, self->filter_data, error);
      if (status == MP_CHANNEL_ERROR)
        return status;
      if (status == MP_CHANNEL_NOT_NOW)
        {
          g_queue_push_tail (&self->kept, g_memdup2 (&message, sizeof message));
          memset (&message, 0, sizeof message);
        }
    }

  return MP_CHANNEL_DONE;
}

static MpChannelStatus
deliver_kept (MpChannel    *self,
              const Target *target,
              GError      **error)
{
  MpChannelMessage *message = g_queue_peek_head (&self->kept);
  gsize             maximum = target->buffer != NULL ? target->size : target->limit;

  if (message->length > maximum)
    {
      g_set_error (error, MP_ERROR,
                   target->buffer != NULL ? MP_ERROR_BUFFER_TOO_SHORT : MP_ERROR_TOO_LARGE,
                   _ ("A message of %zu bytes is longer than %zu"),
                   message->length, maximum);
      return MP_CHANNEL_ERROR;
    }

  g_queue_pop_head (&self->kept);
  if (target->buffer != NULL)
    {
      *target->length = message->length;
      if (message->length > 0)
        memcpy (target->buffer, message->data, message->length);
    }
  else
    {
      *target->message = *message;
      memset (message, 0, sizeof *message);
    }

  mp_channel_message_clear (message);
  g_free (message);
  return MP_CHANNEL_DONE;
}

static MpChannelStatus
receive_next (MpChannel    *self,
              const Target *target,
              guint         max,
              GError      **error)
{
  MpChannelStatus status;

  if (self->filter != NULL && self->occupant != target)
    {
      status = pump (self, 1, max, error);
      if (status == MP_CHANNEL_DONE && self->kept.length == 0)
        return MP_CHANNEL_NOT_NOW;
      return status == MP_CHANNEL_DONE ? deliver_kept (self, target, error) : status;
    }

  status = receive_pieces (self, target, error);
  return status == MP_CHANNEL_DONE ? deliver (self, target, error) : status;
}

/* Whether another call has the reader.  Fails if that call is further up on the stack of this
 * thread: waiting for it would never end. */
static gboolean
is_occupied (MpChannel    *self,
             gconstpointer token,
             gboolean      waits,
             GError      **error)
{
  if (self->occupant == NULL || self->occupant == token)
    return FALSE;

  self->turned_away |= self->thread_inside_receive != NULL;
  if (waits && self->thread_inside_receive == g_thread_self ())
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                         _ ("The stream of the connection receives from the connection itself"));
  return TRUE;
}

static MpChannelStatus
receive_now (MpChannel        *self,
             const Target     *target,
             MpChannelSleeper *sleeper,
             GError          **error)
{
  g_autoptr (GError) failure = NULL;
  MpChannelStatus status = MP_CHANNEL_NOT_NOW;
  gboolean        more = FALSE;

  g_mutex_lock (&self->receive_lock);
  if (!is_occupied (self, target, sleeper != NULL, &failure))
    {
      status = receive_next (self, target, sleeper == NULL ? PUMPED_PER_TRY : G_MAXUINT, &failure);
      more = self->turned_away;
      self->turned_away = FALSE;
    }
  if (failure != NULL)
    status = MP_CHANNEL_ERROR;
  else if (status == MP_CHANNEL_DONE)
    more |= g_atomic_int_get (&self->n_waiters) > 0;
  else if (status == MP_CHANNEL_NOT_NOW && sleeper != NULL)
    mp_channel_begin_sleep (self, sleeper);
  g_mutex_unlock (&self->receive_lock);

  if (more)
    mp_channel_wake (self);
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  return status;
}

/* Takes the caller's buffer back from the reader. */
static void
end_lending (MpChannel    *self,
             const Target *target)
{
  gboolean lost = FALSE;

  if (target->buffer == NULL)
    return;

  g_mutex_lock (&self->receive_lock);
  if (self->occupant == target)
    {
      g_atomic_pointer_set (&self->occupant, NULL);
      lost = !mp_frame_reader_take_back (&self->reader);
    }
  g_mutex_unlock (&self->receive_lock);

  if (lost)
    end_receiving (self, TRUE);
  mp_channel_wake (self);
}

/* Ends receiving after errors that leave the reader in the middle of a message, so that the
 * beginning of the next one cannot be found. */
static void
after_failure (MpChannel    *self,
               const GError *error)
{
  if (error == NULL || error->domain != MP_ERROR)
    return;

  if (error->code == MP_ERROR_INVALID_MESSAGE || error->code == MP_ERROR_TOO_LARGE)
    end_receiving (self, error->code == MP_ERROR_INVALID_MESSAGE);
}

static gboolean
wait_for_more (MpChannel        *self,
               const Target     *target,
               MpChannelSleeper *sleeper,
               gint64            deadline,
               GCancellable     *cancellable,
               GError          **error)
{
  gconstpointer lender = g_atomic_pointer_get (&self->occupant);
  GIOCondition  condition = lender == NULL || lender == target ? G_IO_IN : 0;
  gboolean      flush = mp_channel_has_outgoing (self);

  switch (mp_channel_sleep (self, sleeper, condition | (flush ? G_IO_OUT : 0), deadline,
                            cancellable, error))
    {
    case MP_WAIT_READY:
    case MP_WAIT_WOKEN:
    case MP_WAIT_INTERRUPTED:
      if (flush)
        mp_channel_flush (self);
      return TRUE;

    case MP_WAIT_TIMED_OUT:
      mp_channel_set_timed_out (_ ("No message came in time"), error);
      return FALSE;

    default:
      return FALSE;
    }
}

static MpChannelStatus
receive (MpChannel    *self,
         const Target *target,
         gint64        timeout_us,
         GCancellable *cancellable,
         GError      **error)
{
  gint64           deadline = timeout_us == 0 ? 0 : mp_deadline_for_timeout (timeout_us);
  MpChannelSleeper sleeper = {
    0,
  };
  MpChannelStatus status;

  for (;;)
    {
      status = receive_now (self, target, timeout_us == 0 ? NULL : &sleeper, error);
      if (status != MP_CHANNEL_NOT_NOW || timeout_us == 0)
        break;
      if (!wait_for_more (self, target, &sleeper, deadline, cancellable, error) ||
          !check_open (self, error) || !mp_channel_check_receiving (self, error))
        {
          status = MP_CHANNEL_ERROR;
          break;
        }
    }

  if (status != MP_CHANNEL_DONE)
    end_lending (self, target);
  return status;
}

/* The common part of the receive functions below. */
static MpChannelStatus
receive_checked (MpChannel    *self,
                 const Target *target,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr (GError) failure = NULL;
  MpChannelStatus status = MP_CHANNEL_ERROR;

  if (!mp_channel_enter (self, error))
    return MP_CHANNEL_ERROR;

  if (mp_channel_check_receiving (self, &failure) &&
      !g_cancellable_set_error_if_cancelled (cancellable, &failure))
    status = receive (self, target, timeout_us, cancellable, &failure);

  after_failure (self, failure);
  mp_channel_leave (self);
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  return status;
}

MpChannelStatus
mp_channel_try_receive (MpChannel        *self,
                        gsize             max_length,
                        MpChannelMessage *message,
                        GError          **error)
{
  Target target = { MIN (max_length, mp_channel_get_limit (self)), NULL, 0, message, NULL };

  return receive_checked (self, &target, 0, NULL, error);
}

gboolean
mp_channel_receive (MpChannel        *self,
                    gsize             max_length,
                    gint64            timeout_us,
                    GCancellable     *cancellable,
                    MpChannelMessage *message,
                    GError          **error)
{
  gsize           limit = MIN (max_length, mp_channel_get_limit (self));
  Target          target = { limit, NULL, 0, message, NULL };
  MpChannelStatus status;

  status = receive_checked (self, &target, timeout_us, cancellable, error);
  if (status == MP_CHANNEL_NOT_NOW)
    mp_channel_set_timed_out (_ ("There is no message"), error);
  return status == MP_CHANNEL_DONE;
}

gssize
mp_channel_receive_into (MpChannel    *self,
                         guint8       *buffer,
                         gsize         size,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  guint8          nothing;
  gsize           length = 0;
  Target          target = { mp_channel_get_limit (self), size > 0 ? buffer : &nothing, size, NULL,
                             &length };
  MpChannelStatus status = receive_checked (self, &target, timeout_us, cancellable, error);

  if (status == MP_CHANNEL_NOT_NOW)
    mp_channel_set_timed_out (_ ("There is no message"), error);
  return status == MP_CHANNEL_DONE ? (gssize) length : -1;
}

void
mp_channel_set_filter (MpChannel      *self,
                       MpChannelFilter filter,
                       gpointer        user_data)
{
  g_mutex_lock (&self->receive_lock);
  self->filter = filter;
  self->filter_data = user_data;
  g_mutex_unlock (&self->receive_lock);
}

static MpChannelStatus
pump_now (MpChannel *self,
          gboolean  *found,
          GError   **error)
{
  MpChannelStatus status = MP_CHANNEL_NOT_NOW;
  guint           n_kept;
  gboolean        full;

  g_mutex_lock (&self->receive_lock);
  n_kept = self->kept.length;
  if (!is_occupied (self, NULL, FALSE, NULL))
    {
      status = pump (self, MAX_KEPT, PUMPED_PER_TRY, error);
      *found = self->kept.length > n_kept || self->turned_away;
      self->turned_away = FALSE;
    }
  full = self->kept.length >= MAX_KEPT;
  g_mutex_unlock (&self->receive_lock);

  if (!full)
    return status;
  if (status != MP_CHANNEL_ERROR)
    g_set_error (error, MP_ERROR, MP_ERROR_FULL,
                 _ ("%d messages wait to be received: what comes after them is not read"),
                 MAX_KEPT);
  return MP_CHANNEL_ERROR;
}

MpChannelStatus
mp_channel_pump (MpChannel *self,
                 GError   **error)
{
  g_autoptr (GError) failure = NULL;
  MpChannelStatus status = MP_CHANNEL_ERROR;
  gboolean        found = FALSE;

  if (!mp_channel_enter (self, error))
    return MP_CHANNEL_ERROR;

  if (mp_channel_check_receiving (self, &failure))
    status = pump_now (self, &found, &failure);

  after_failure (self, failure);
  mp_channel_leave (self);
  if (found)
    mp_channel_wake (self);
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  return status;
}

static gboolean
has_read_message (MpChannel *self)
{
  return self->occupant == NULL && mp_frame_reader_peek (&self->reader, mp_channel_get_limit (self),
                                                         NULL) != MP_FRAME_INCOMPLETE;
}

/* Whether the bytes read so far contain a message for the filter. */
gboolean
mp_channel_has_unfiltered (MpChannel *self)
{
  gboolean there;

  g_mutex_lock (&self->receive_lock);
  there = has_read_message (self);
  g_mutex_unlock (&self->receive_lock);
  return there;
}

/* Whether the bytes read so far are enough for a receive to end at once. */
gboolean
mp_channel_has_message (MpChannel *self)
{
  gboolean there;

  g_mutex_lock (&self->receive_lock);
  there = self->kept.length > 0 || has_read_message (self);
  g_mutex_unlock (&self->receive_lock);
  return there;
}

gboolean
mp_channel_is_inside_message (MpChannel *self)
{
  gboolean inside;

  g_mutex_lock (&self->receive_lock);
  inside = !mp_frame_reader_is_empty (&self->reader);
  g_mutex_unlock (&self->receive_lock);
  return inside;
}

gboolean
mp_channel_fd_is_complete (MpChannel *self)
{
  return !mp_channel_reads_ahead (self) && !mp_channel_has_message (self);
}
