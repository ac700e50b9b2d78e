/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

#include <glib.h>

G_BEGIN_DECLS

/* Envelopes of calls and answers, by which these are distinguished from other messages and from
 * each other: a sequence of the kind, the id of the call, and the data of that kind.
 *
 *   "mp:call", id, value
 *   "mp:return", id, value
 *   "mp:error", id, domain, code, message
 *   "mp:cancel", id
 *
 * In GVariant it has the type "(stv)", "(stsis)" or "(st)", in JSON it is an array, in a pickle a
 * tuple or a list.  Other formats have no envelopes. */
typedef enum
{
  MP_ENVELOPE_NONE,
  MP_ENVELOPE_CALL,
  MP_ENVELOPE_RETURN,
  MP_ENVELOPE_ERROR,
  MP_ENVELOPE_CANCEL
} MpEnvelopeKind;

gboolean mp_envelope_has_form (MpFormat format);

/* Parses the beginning of an untrusted payload.  Returns its kind and the id of the call.  NONE
 * without an error: the payload is no envelope; with an error: it begins like one, but is
 * malformed. */
MpEnvelopeKind mp_envelope_look (MpFormat      format,
                                 const guint8 *data,
                                 gsize         size,
                                 guint64      *out_id,
                                 GError      **error);

/* Extracts the value of a call or an answer, as a payload in the same format.  @payload has to pass
 * only mp_envelope_look () before. */
GBytes *mp_envelope_open (MpFormat format,
                          GBytes  *payload,
                          GError **error);

/* Extracts the parts of an error.  Returns FALSE with @error set if they are malformed. */
gboolean mp_envelope_open_error (MpFormat format,
                                 GBytes  *payload,
                                 char   **out_domain,
                                 gint32  *out_code,
                                 char   **out_message,
                                 GError **error);

/* Builds a call or an answer from @value, a valid payload in @format. */
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
