/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-backends.h"

#include "memory/local-queue.h"
#include "memory/process-queue.h"
#include "memory/shared-queue.h"
#include "mp-error.h"
#ifdef HAVE_REDIS
#include "redis/redis-queue.h"
#endif

#include <glib/gi18n-lib.h>
#include <string.h>

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
#ifdef HAVE_REDIS
  { "redis", &mp_redis_queue_backend },
  { "rediss", &mp_redis_queue_backend },
  { "redis+unix", &mp_redis_queue_backend },
#endif
};

/* How much of the URI an error message may show: before an @ there may be a password, so then only
 * the scheme. */
static gsize
get_public_length (const char *uri)
{
  return strchr (uri, '@') != NULL ? strcspn (uri, ":") + 1 : strlen (uri);
}

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

#ifndef HAVE_REDIS
  if (scheme != NULL && g_str_has_prefix (scheme, "redis"))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("This library was built without queues on servers (%s)"), scheme);
      return NULL;
    }
#endif
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("A queue at “%.*s” cannot be opened"),
               (int) MIN (get_public_length (uri), 64), uri);
  return NULL;
}
