/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* The serialised form of property values other than objects.  NULL is an empty maybe, an
 * enumeration is the nick of its value, flags are an array of nicks. */

/* Returns a floating reference, or NULL without an error if the type has no such form. */
GVariant *mp_plain_value_describe (const GValue *value);

/* Sets @value, which has its type already; FALSE without an error if @description does not
 * fit that type. */
gboolean mp_plain_value_build (GValue   *value,
                               GVariant *description);

gboolean mp_plain_value_is_null (GVariant *description);

G_END_DECLS
