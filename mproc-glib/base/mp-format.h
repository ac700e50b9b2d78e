/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <glib-object.h>

G_BEGIN_DECLS

/**
 * MpFormat:
 * @MP_FORMAT_NONE: there is no message
 * @MP_FORMAT_GVARIANT: a serialised [struct@GLib.Variant] of any type
 * @MP_FORMAT_JSON: JSON text in UTF-8
 * @MP_FORMAT_BYTES: bytes without a structure
 * @MP_FORMAT_PICKLE: a Python pickle of plain values
 * @MP_FORMAT_OBJECT: a [class@GObject.Object] by its type name and properties
 * @MP_FORMAT_OPAQUE: bytes of a codec that only sender and receiver know
 *
 * The format of the bytes of a message.
 *
 * Since: 1.0
 */
typedef enum
{
  MP_FORMAT_NONE = -1,
  MP_FORMAT_GVARIANT,
  MP_FORMAT_JSON,
  MP_FORMAT_BYTES,
  MP_FORMAT_PICKLE,
  MP_FORMAT_OBJECT,
  MP_FORMAT_OPAQUE
} MpFormat;

/**
 * MpFormats:
 * @MP_FORMATS_GVARIANT: see `MP_FORMAT_GVARIANT`
 * @MP_FORMATS_JSON: see `MP_FORMAT_JSON`
 * @MP_FORMATS_BYTES: see `MP_FORMAT_BYTES`
 * @MP_FORMATS_PICKLE: see `MP_FORMAT_PICKLE`
 * @MP_FORMATS_OBJECT: see `MP_FORMAT_OBJECT`
 * @MP_FORMATS_OPAQUE: see `MP_FORMAT_OPAQUE`
 * @MP_FORMATS_ARRAYS: messages with arrays, see [method@Queue.get_payload]
 *
 * A set of formats.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  MP_FORMATS_GVARIANT = 1 << 0,
  MP_FORMATS_JSON = 1 << 1,
  MP_FORMATS_BYTES = 1 << 2,
  MP_FORMATS_PICKLE = 1 << 3,
  MP_FORMATS_OBJECT = 1 << 4,
  MP_FORMATS_OPAQUE = 1 << 5,
  MP_FORMATS_ARRAYS = 1 << 6
} MpFormats;

G_END_DECLS
