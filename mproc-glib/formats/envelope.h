/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

#include <glib.h>

G_BEGIN_DECLS

/* What calls and their answers travel in, so that they can be told from other messages and from
 * each other: a sequence of the kind, the number of the call, and what the kind needs.
 *
 *   "mp:call", id, value
 *   "mp:return", id, value
 *   "mp:error", id, domain, code, message
 *   "mp:cancel", id
 *
 * As a GVariant that is "(stv)", "(stsis)" or "(st)", as JSON an array, as a pickle a tuple or a
 * list.  The other formats have none. */
typedef enum
{
  MP_ENVELOPE_NONE,
  MP_ENVELOPE_CALL,
  MP_ENVELOPE_RETURN,
  MP_ENVELOPE_ERROR,
  MP_ENVELOPE_CANCEL
} MpEnvelopeKind;

gboolean mp_envelope_has_form (MpFormat format);

/* Looks at the beginning of a payload from anybody, and says what it is and the number of which
 * call.  NONE without an error: it is no envelope; with one: it begins as one, and is none. */
MpEnvelopeKind mp_envelope_look (MpFormat      format,
                                 const guint8 *data,
                                 gsize         size,
                                 guint64      *out_id,
                                 GError      **error);

/* The value of a call or an answer, as a payload in the same format; nothing but
 * mp_envelope_look () has checked @payload. */
GBytes *mp_envelope_open (MpFormat format,
                          GBytes  *payload,
                          GError **error);

/* The parts of an error.  FALSE with @error set when there are none. */
gboolean mp_envelope_open_error (MpFormat format,
                                 GBytes  *payload,
                                 char   **out_domain,
                                 gint32  *out_code,
                                 char   **out_message,
                                 GError **error);

/* A call or an answer around @value, a sound payload in @format. */
GBytes *mp_envelope_close (MpFormat       format,
                           MpEnvelopeKind kind,
                           guint64        id,
                           GBytes        *value,
                           GError       **error);
GBytes *mp_envelope_close_error (MpFormat    format,
                                 guint64     id,
                                 const char *domain,
                                 gint32      code,
                                 const char *message,
                                 GError    **error);
GBytes *mp_envelope_close_cancel (MpFormat format,
                                  guint64  id,
                                  GError **error);

G_END_DECLS
