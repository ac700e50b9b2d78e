/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "format.h"
#include "gvariant.h"
#include "mp-error.h"

static const char * const names[MP_N_FORMATS] = {
  [MP_FORMAT_GVARIANT] = "GVariant",
  [MP_FORMAT_JSON] = "JSON",
  [MP_FORMAT_BYTES] = "bytes",
  [MP_FORMAT_PICKLE] = "pickle",
  [MP_FORMAT_OBJECT] = "object",
  [MP_FORMAT_OPAQUE] = "opaque",
};

const char *
mp_format_get_name (MpFormat format)
{
  return names[format];
}

gboolean
mp_format_check (MpFormat   format,
                 GBytes    *payload,
                 GError   **error)
{
  return TRUE;
}

GBytes *
mp_format_convert (MpFormat   from,
                   GBytes    *payload,
                   MpFormat   to,
                   GError   **error)
{
  if (from == to)
    return g_bytes_ref (payload);

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               "A message in the format %s has no form in the format %s",
               names[from], names[to]);
  return NULL;
}
