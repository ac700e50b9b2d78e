/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "each-backend.h"

#include "memory/shared-queue.h"
#include "plain-backend.h"
#include "queue/queue-backends.h"
#ifdef HAVE_REDIS
#include "redis/redis-queue.h"
#include "redis/test-server.h"
#endif

#include <stdlib.h>
#include <unistd.h>

typedef struct
{
  const MpQueueBackend *backend;
  void (*func) (void);
} Case;

static void
run_case (gconstpointer data)
{
  const Case *self = data;

  mp_queue_default_backend = self->backend;
  self->func ();
  mp_queue_default_backend = &mp_shared_queue_backend;
}

static void
add (const char           *prefix,
     const char           *name,
     const MpQueueBackend *backend,
     void (*func) (void))
{
  g_autofree char *path = g_strdup_printf ("/%s/%s/%s", prefix, backend->name, name);
  Case            *self = g_new0 (Case, 1);

  self->backend = backend;
  self->func = func;
  g_test_add_data_func_full (path, self, run_case, g_free);
}

/* --- Redis --------------------------------------------------------------------------- */

#ifdef HAVE_REDIS

/* A test does not wait for long until what a dead consumer had comes back. */
#define PARAMETERS "&grace=0.3"

static TestServer    *server;
static MpQueueBackend redis_backend;
static guint          n_opened;
static GPid           owner;

static void
stop_server (void)
{
  if (getpid () == owner)
    test_server_stop (server);
}

/* A new queue gets a name of its own. */
static gpointer
open_redis (const char            *uri,
            GUnixFDList           *descriptors,
            const MpQueueSettings *wanted,
            MpQueueCall           *call)
{
  g_autofree char *name = g_strdup_printf ("test-%u-%d", n_opened++, (int) getpid ());
  g_autofree char *parameters = NULL;
  g_autofree char *made = NULL;

  if (!g_str_equal (uri, "redis:"))
    return mp_redis_queue_backend.open (uri, descriptors, wanted, call);

  parameters = g_strdup_printf (
    PARAMETERS "&max-size=%u&max-bytes=%" G_GUINT64_FORMAT "%s%u", wanted->max_size,
    wanted->max_bytes, wanted->mode == MP_QUEUE_MODE_ACKNOWLEDGED ? "&max-deliveries=" : "&db=",
    wanted->mode == MP_QUEUE_MODE_ACKNOWLEDGED ? wanted->max_deliveries : 0);
  made = test_server_make_uri (server, name, parameters);
  return mp_redis_queue_backend.open (made, NULL, wanted, call);
}

static gboolean
has_server (void)
{
  static gboolean has_tried;

  if (has_tried)
    return server != NULL;

  has_tried = TRUE;
  server = test_server_start (NULL);
  redis_backend = mp_redis_queue_backend;
  redis_backend.open = open_redis;
  if (server == NULL)
    return FALSE;
  owner = getpid ();
  atexit (stop_server);
  return TRUE;
}

static void
add_redis (const char *prefix,
           const char *name,
           void (*func) (void))
{
  if (has_server ())
    add (prefix, name, &redis_backend, func);
}

#else

static void
add_redis (const char *prefix,
           const char *name,
           void (*func) (void))
{
}

#endif

/* --- Tests --------------------------------------------------------------------------- */

void
each_backend_add_memory (const char *prefix,
                         const char *name,
                         void (*func) (void))
{
  add (prefix, name, &mp_shared_queue_backend, func);
}

void
each_backend_add_here (const char *prefix,
                       const char *name,
                       void (*func) (void))
{
  add (prefix, name, &mp_shared_queue_backend, func);
  add (prefix, name, &plain_backend, func);
}

void
each_backend_add_shared (const char *prefix,
                         const char *name,
                         void (*func) (void))
{
  add (prefix, name, &mp_shared_queue_backend, func);
  add_redis (prefix, name, func);
}

void
each_backend_add (const char *prefix,
                  const char *name,
                  void (*func) (void))
{
  add (prefix, name, &mp_shared_queue_backend, func);
  add (prefix, name, &plain_backend, func);
  add_redis (prefix, name, func);
}
