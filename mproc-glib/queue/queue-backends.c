/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-backends.h"

#include "memory/local-queue.h"
#include "memory/process-queue.h"
#include "memory/shared-queue.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

const MpQueueBackend *mp_queue_default_backend = &mp_shared_queue_backend;

/* The backends, by the scheme of their URIs. */
static const struct
{
  const char           *scheme;
  const MpQueueBackend *backend;
} schemes[] = {
  { MP_LOCAL_QUEUE_SCHEME, &mp_shared_queue_backend },
  { MP_PROCESS_QUEUE_SCHEME, &mp_shared_queue_backend },
  { MP_SHARED_QUEUE_SCHEME, &mp_shared_queue_backend },
};

const MpQueueBackend *
mp_queue_find_backend (const char *uri,
                       GError    **error)
{
  g_autofree char *scheme = g_uri_parse_scheme (uri);

  if (g_strcmp0 (scheme, mp_queue_default_backend->name) == 0)
    return mp_queue_default_backend;

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_strcmp0 (scheme, schemes[i].scheme) == 0)
      return schemes[i].backend;

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("A queue at “%.64s” cannot be opened"),
               uri);
  return NULL;
}
