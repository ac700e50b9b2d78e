/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "base/mp-format.h"
#include "formats/format.h"

G_BEGIN_DECLS

/* The parts of a message, for the files of its class. */

typedef struct _MpMessage     MpMessage;
typedef struct _MpMessageRest MpMessageRest;

struct _MpMessage
{
  gatomicrefcount ref_count;
  MpFormat        format;

  /* The payload in the message's own format, set once and atomically.  Short BYTES are stored in
   * the message itself, and here only after a caller needed a GBytes. */
  GBytes *payload;
  gsize   inline_size;

  MpMessageRest *rest; /* NULL until needed; set once and atomically */

  guint8 inline_data[];
};

/* What most messages do not need. */
struct _MpMessageRest
{
  /* What the message was created from, unless that was bytes; only the one for the format. */
  GVariant *value;
  GObject  *object;

  /* For OPAQUE alone: the codec's name and its bytes. */
  char   *codec;
  GBytes *opaque;

  GUnixFDList *fd_list;

  /* Cached results, each set once and atomically: the payload in each other format, the payload in
   * its own format after it was checked, and the value as a variant. */
  GBytes   *payloads[MP_N_FORMATS];
  GBytes   *checked_payload;
  GVariant *variant;
};

/* Whether the payload is stored in the message itself. */
static inline gboolean
mp_message_is_inline (MpMessage *self)
{
  return self->inline_size > 0;
}

/* Creates a message with @inline_size bytes of payload in it, which the caller fills in. */
MpMessage *mp_message_allocate (MpFormat format,
                                gsize    inline_size);
/* Takes ownership of @payload, which is NULL if it is made when it is needed. */
MpMessage *mp_message_new_of (MpFormat format,
                              GBytes  *payload);

MpMessageRest *mp_message_ensure_rest (MpMessage *self);
void           mp_message_rest_free (MpMessageRest *rest);

/* These return what the message owns, made when it is first needed.  The payload in the message's
 * own format, unchecked. */
GBytes *mp_message_peek_own (MpMessage *self,
                             GError   **error);
/* The same after a check, the payload in another format, and the value as a variant. */
GBytes   *mp_message_peek_checked (MpMessage *self,
                                   GError   **error);
GBytes   *mp_message_peek_converted (MpMessage *self,
                                     MpFormat   format,
                                     GError   **error);
GVariant *mp_message_peek_variant (MpMessage *self,
                                   GError   **error);

G_END_DECLS
