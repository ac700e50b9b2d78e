/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The payload of a variant: the serialised form of a "v" that holds it (the value's bytes,
 * NUL, its type string), then one byte that names the byte order: 'l' or 'B'. */

#define MP_GVARIANT_LITTLE_ENDIAN_MARK 'l'
#define MP_GVARIANT_BIG_ENDIAN_MARK    'B'

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define MP_GVARIANT_NATIVE_MARK  MP_GVARIANT_LITTLE_ENDIAN_MARK
#define MP_GVARIANT_FOREIGN_MARK MP_GVARIANT_BIG_ENDIAN_MARK
#else
#define MP_GVARIANT_NATIVE_MARK  MP_GVARIANT_BIG_ENDIAN_MARK
#define MP_GVARIANT_FOREIGN_MARK MP_GVARIANT_LITTLE_ENDIAN_MARK
#endif

/* Each character of a type costs the reader memory; this is enough for a tuple of a million
 * items. */
#define MP_GVARIANT_MAX_TYPE_LENGTH (1024 * 1024)

gsize mp_gvariant_get_payload_size (GVariant *value);
void  mp_gvariant_store_payload (GVariant *value,
                                 guint8   *payload);

/* Like g_variant_get_normal_form (), but fast for arrays of bytes, which always are in normal form.
 */
GVariant *mp_gvariant_get_normal_form (GVariant *value);

/* Loads a payload that is known to be in normal form, because it was written here or has
 * passed mp_gvariant_read ().  Returns a full reference, never a floating one. */
GVariant *mp_gvariant_load_own_payload (GBytes *payload);

/* Loads a payload in the other byte order.  Fails with MP_ERROR_INVALID_MESSAGE unless it is in
 * normal form.  Returns a full reference, never a floating one. */
GVariant *mp_gvariant_load_foreign_payload (GBytes  *payload,
                                            GError **error);

G_END_DECLS
