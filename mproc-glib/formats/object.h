/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The serialised form of an object: the name of its type, and those of its properties that can
 * be both read and written. */
#define MP_OBJECT_DESCRIPTION_TYPE G_VARIANT_TYPE ("(sa{sv})")

/* The deepest nesting of objects: each takes at most six of the 128 containers that GLib
 * allows. */
#define MP_OBJECT_MAX_NESTING 20

void mp_object_enable (GType type);

/* Returns a full reference, never a floating one. */
GVariant *mp_object_describe (GObject *object,
                              GError **error);

/* Builds the object that the untrusted @description describes, if its type was enabled and is
 * an @expected_type. */
GObject *mp_object_build (GVariant *description,
                          GType     expected_type,
                          GError  **error);

G_END_DECLS
