/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "net/transport.h"
#include "resp.h"

G_BEGIN_DECLS

/* One connection to a server: what is to be written, and which replies are expected. */

/* Called with the reply to a command, whose strings the function may take. */
typedef void (*MpReplyFunc) (gpointer owner,
                             MpReply *reply);

typedef struct
{
  MpTransport   *transport; /* NULL: not connected */
  MpReplyReader *reader;
  GByteArray    *out;
  gsize          n_written; /* of @out */
  gsize          n_held;    /* by a transport that has to get the same bytes again */
  gint64         moved_at;  /* when bytes were last written or read */
  GArray        *expected;  /* Expected; those before @n_answered have their reply */
  guint          n_answered;
} MpRespStream;

/* Takes ownership of @transport. */
void mp_resp_stream_open (MpRespStream *self,
                          MpTransport  *transport,
                          gsize         max_string);
/* With @disown, leaves the connection to the parent of a forked process. */
void mp_resp_stream_close (MpRespStream *self,
                           gboolean      disown);

static inline gboolean
mp_resp_stream_is_open (const MpRespStream *self)
{
  return self->transport != NULL;
}

/* Says that @func, which may be NULL, gets the reply of the command just appended to `out`.  If
 * @tolerant, it also gets errors; otherwise the link handles them. */
void mp_resp_stream_expect (MpRespStream *self,
                            MpReplyFunc   func,
                            gboolean      tolerant);
/* Returns how the next reply is to be handled, and removes that.  Returns FALSE if none is
 * expected. */
gboolean mp_resp_stream_pop (MpRespStream *self,
                             MpReplyFunc  *func,
                             gboolean     *tolerant);
/* When the oldest command without a reply was sent; -1 if there is none. */
gint64 mp_resp_stream_get_oldest (const MpRespStream *self);

/* Writes as much as possible, and reads what has arrived.  FALSE with @error set if the connection
 * cannot be used any more. */
gboolean mp_resp_stream_flush (MpRespStream *self,
                               GError      **error);
gboolean mp_resp_stream_fill (MpRespStream *self,
                              GError      **error);

static inline gboolean
mp_resp_stream_has_output (const MpRespStream *self)
{
  return self->transport != NULL && self->out->len > self->n_written;
}

G_END_DECLS
