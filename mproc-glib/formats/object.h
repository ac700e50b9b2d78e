/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An object travels as a variant of this type: the name of its type and those of its
 * properties that can be both read and set. */
#define MP_OBJECT_DESCRIPTION_TYPE G_VARIANT_TYPE ("(sa{sv})")

/* So deep may objects be in each other: at most six containers of GLib's 128 each. */
#define MP_OBJECT_MAX_NESTING 20

void mp_object_enable (GType type);

/* Returns a full reference, never a floating one. */
GVariant *mp_object_describe (GObject *object,
                              GError **error);

/* Builds what @description describes, which may come from anybody, if it is of a type that
 * was enabled and that is an @expected_type. */
GObject *mp_object_build (GVariant *description,
                          GType     expected_type,
                          GError  **error);

G_END_DECLS
