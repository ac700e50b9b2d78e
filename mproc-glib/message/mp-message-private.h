/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"

G_BEGIN_DECLS

/* The payload of a message is its serialized form: bytes in the message's format.  A channel that
 * keeps the format beside the payload (a queue) transfers both unchanged; a channel whose peer
 * expects one format (a connection) asks for the payload in that format.
 *
 *   GVARIANT  the serialised form of a variant of type "v" that holds the value, then one
 *             byte for the byte order, 'l' or 'B'
 *   JSON      the text, without a NUL at the end
 *   BYTES     the bytes
 *   PICKLE    the pickle
 *   OBJECT    as GVARIANT, of type "(sa{sv})": the type name and the properties
 *   OPAQUE    the codec's name, NUL, the codec's bytes
 */

/* Returns the payload in the message's own format.  Fails with UNSUPPORTED if the value cannot be
 * serialized (an object with an unsupported property). */
GBytes *mp_message_ref_payload (MpMessage *self,
                                GError   **error);

/* Returns the same payload, borrowed for as long as the message exists. */
gboolean mp_message_peek_payload (MpMessage     *self,
                                  const guint8 **data,
                                  gsize         *size,
                                  GError       **error);

/* Returns the payload in @format. */
GBytes *mp_message_convert_payload (MpMessage *self,
                                    MpFormat   format,
                                    GError   **error);

/* Creates a message from a payload received from elsewhere.  Only the requirements of @format
 * itself are checked; the getters check the payload when they need it. */
MpMessage *mp_message_new_from_payload (MpFormat format,
                                        GBytes  *payload,
                                        GError **error);

G_END_DECLS
