/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "resp-stream.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#define READ_SIZE  65536
#define TLS_RECORD 16384

/* Reading at least so many bytes at once counts as progress of a long reply. */
#define MUCH 4096

/* A larger buffer is freed when its content was written. */
#define KEEP_SIZE (256 * 1024)

typedef struct
{
  MpReplyFunc func;
  gboolean    tolerant;
  gint64      sent_at;
} Expected;

void
mp_resp_stream_open (MpRespStream *self,
                     MpTransport  *transport,
                     gsize         max_string)
{
  self->transport = transport;
  self->reader = mp_reply_reader_new (max_string);
  self->out = g_byte_array_new ();
  self->n_written = self->n_held = 0;
  self->moved_at = 0;
  self->expected = g_array_new (FALSE, FALSE, sizeof (Expected));
  self->n_answered = 0;
}

void
mp_resp_stream_close (MpRespStream *self,
                      gboolean      disown)
{
  if (self->transport == NULL)
    return;

  if (disown)
    self->transport->funcs->disown (self->transport);
  self->transport->funcs->free (self->transport);
  self->transport = NULL;
  g_clear_pointer (&self->reader, mp_reply_reader_free);
  g_clear_pointer (&self->out, g_byte_array_unref);
  g_clear_pointer (&self->expected, g_array_unref);
}

void
mp_resp_stream_expect (MpRespStream *self,
                       MpReplyFunc   func,
                       gboolean      tolerant)
{
  const Expected expected = { func, tolerant, g_get_monotonic_time () };

  g_array_append_val (self->expected, expected);
}

gboolean
mp_resp_stream_pop (MpRespStream *self,
                    MpReplyFunc  *func,
                    gboolean     *tolerant)
{
  const Expected *expected;

  if (self->n_answered == self->expected->len)
    return FALSE;

  expected = &g_array_index (self->expected, Expected, self->n_answered);
  *func = expected->func;
  *tolerant = expected->tolerant;
  if (++self->n_answered == self->expected->len)
    {
      g_array_set_size (self->expected, 0);
      self->n_answered = 0;
    }
  return TRUE;
}

gint64
mp_resp_stream_get_oldest (const MpRespStream *self)
{
  return self->transport != NULL && self->n_answered < self->expected->len
           ? g_array_index (self->expected, Expected, self->n_answered).sent_at
           : -1;
}

gboolean
mp_resp_stream_flush (MpRespStream *self,
                      GError      **error)
{
  const MpTransportFuncs *funcs = self->transport->funcs;

  while (mp_resp_stream_has_output (self))
    {
      gsize        left = self->out->len - self->n_written;
      struct iovec vector = { self->out->data + self->n_written, left };
      gssize       n;

      if (funcs->holds_back)
        vector.iov_len = self->n_held > 0 ? self->n_held : MIN (left, TLS_RECORD);
      n = funcs->send (self->transport, &vector, 1, NULL, 0, error);
      self->n_held = n == MP_TRANSPORT_WOULD_BLOCK ? vector.iov_len : 0;
      if (n == MP_TRANSPORT_WOULD_BLOCK)
        return TRUE;
      if (n < 0)
        return FALSE;
      if (n >= MUCH)
        self->moved_at = g_get_monotonic_time ();
      self->n_written += (gsize) n;
    }

  if (self->out->len > KEEP_SIZE)
    {
      g_byte_array_unref (self->out);
      self->out = g_byte_array_new ();
    }
  g_byte_array_set_size (self->out, 0);
  self->n_written = 0;
  return TRUE;
}

/* Reads what has arrived.  A TLS stream may have decrypted more than it returned, so it is read
 * until it would block; for a socket, a read that does not fill the buffer has got everything. */
gboolean
mp_resp_stream_fill (MpRespStream *self,
                     GError      **error)
{
  guint8 bytes[READ_SIZE];
  gssize n;

  do
    {
      struct iovec vector = { bytes, sizeof bytes };
      int          fds[MP_TRANSPORT_MAX_FDS];
      guint        n_fds;

      n = self->transport->funcs->receive (self->transport, &vector, 1, fds, &n_fds, error);
      while (n_fds > 0)
        close (fds[--n_fds]);
      if (n == MP_TRANSPORT_WOULD_BLOCK)
        return TRUE;
      if (n == 0)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                             _ ("The server closed the connection"));
      if (n <= 0 || !mp_reply_reader_feed (self->reader, bytes, (gsize) n, error))
        return FALSE;
      if (n >= MUCH)
        self->moved_at = g_get_monotonic_time ();
    }
  while (n == sizeof bytes || self->transport->funcs->holds_back);
  return TRUE;
}
