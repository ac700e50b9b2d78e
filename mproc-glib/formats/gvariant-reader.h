/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* Reads the payload of a variant (see gvariant.h) of any type, from an untrusted source, and
 * reports its parts to @sink.  Fails with MP_ERROR_INVALID_MESSAGE unless it is in normal
 * form. */
gboolean mp_gvariant_read (const guint8 *data,
                           gsize         size,
                           MpSink       *sink,
                           GError      **error);

/* Makes a variant from an untrusted payload.  Fails with MP_ERROR_INVALID_MESSAGE unless it is
 * in normal form.  Returns a full reference, never a floating one. */
GVariant *mp_gvariant_load_payload (GBytes  *payload,
                                    GError **error);

/* Checks a payload that this process made.  Fails with MP_ERROR_INVALID_MESSAGE if it is nested too
 * deeply to be read.  @value is the value of the payload, or NULL if it is not available. */
gboolean mp_gvariant_check_depth (GVariant     *value,
                                  const guint8 *data,
                                  gsize         size,
                                  GError      **error);

G_END_DECLS
