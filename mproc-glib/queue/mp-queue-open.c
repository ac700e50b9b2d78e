/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"
#include "mp-queue-private.h"

#include "base/mp-async.h"
#include "queue-backends.h"

#include <glib/gi18n-lib.h>

/* Opening a queue by a URI. */

static MpQueue *
open_queue (const char            *uri,
            const MpQueueSettings *wanted,
            GCancellable          *cancellable,
            GError               **error)
{
  MpQueueStore store = { 0 };
  GType        type;

  mp_queue_store_open (&store, uri, NULL, wanted, cancellable);
  if (store.home == NULL)
    {
      g_propagate_error (error, store.error);
      return NULL;
    }

  type = store.settings.mode == MP_QUEUE_MODE_ACKNOWLEDGED ? MP_TYPE_JOINABLE_QUEUE
                                                           : MP_TYPE_QUEUE;
  return g_object_new (type, "opened", &store, NULL);
}

/**
 * mp_queue_open:
 * @uri: where the queue is
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a queue by a URI, and creates it if there is none.
 *
 * The scheme of @uri selects where the queue lives. `local:NAME` is a queue of this user on this
 * machine: any process of the user can open it, nobody has to serve it, and it keeps its messages
 * when all processes that used it have ended, until [func@Queue.remove] or the end of the session.
 * Parameters follow the name, as in `local:tasks?mode=joinable&max-size=100`:
 *
 * - `mode`: `plain` or `joinable`
 * - `max-size`, `max-bytes`, `max-deliveries`: as the properties of these names
 * - `create`: `no` to fail with `G_IO_ERROR_NOT_FOUND` if there is no such queue
 *
 * `process:PID/FD` is a queue that another process of this user has open, by the number of a
 * descriptor there; [method@QueueMonitor.dup_uri] tells it. This process needs permission to
 * trace that one, see `ptrace(2)`.
 *
 * `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]?name=NAME` is a queue on a Redis or Valkey
 * server, for programs on any number of machines; `rediss://` is the same by TLS, and
 * `redis+unix:///PATH?name=NAME` uses a Unix socket of the server. Further parameters are `grace`
 * and `timeout`, in seconds: how long a consumer may be away before what it holds is redelivered,
 * and how long calls without a timeout of their own wait for the server; `auth-file`, which
 * contains `[USER:]PASSWORD`; `tls-ca-file`, `tls-cert-file` and `tls-key-file`.
 *
 * A parameter that is not given is taken from the queue; without `mode` a new queue is plain. One
 * that differs from what the queue has fails with `G_IO_ERROR_EXISTS`. The class of the object,
 * [class@Queue] or [class@JoinableQueue], is that of the queue.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` if no queue can be opened by this scheme, with
 * `G_IO_ERROR_INVALID_ARGUMENT` if the name or a parameter is invalid, and with
 * `G_IO_ERROR_PERMISSION_DENIED` if the folder for names is not this user's alone.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpQueue *
mp_queue_open (const char   *uri,
               GCancellable *cancellable,
               GError      **error)
{
  g_return_val_if_fail (uri != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  return open_queue (uri, NULL, cancellable, error);
}

static void
open_in_thread (GTask        *task,
                gpointer      source_object,
                gpointer      uri,
                GCancellable *cancellable)
{
  GError  *error = NULL;
  MpQueue *queue = open_queue (uri, NULL, cancellable, &error);

  if (queue != NULL)
    g_task_return_pointer (task, queue, g_object_unref);
  else
    g_task_return_error (task, error);
}

/**
 * mp_queue_open_async:
 * @uri: where the queue is
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the queue is open, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Opens a queue by a URI, as [func@Queue.open] does, and lets the main loop run meanwhile: a
 * server may be far away, or not answer.
 *
 * Since: 1.0
 */
void
mp_queue_open_async (const char         *uri,
                     int                 io_priority,
                     GCancellable       *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (uri != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = mp_async_new_task (NULL, mp_queue_open_async, io_priority, cancellable, callback,
                            user_data);
  g_task_set_task_data (task, g_strdup (uri), g_free);
  g_task_run_in_thread (task, open_in_thread);
}

/**
 * mp_queue_open_finish:
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [func@Queue.open_async].
 *
 * Returns: (transfer full): a queue, of the class that its mode says; %NULL with @error set
 *
 * Since: 1.0
 */
MpQueue *
mp_queue_open_finish (GAsyncResult *result,
                      GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_joinable_queue_open:
 * @uri: where the queue is
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a joinable queue by a URI, and creates it if there is none.
 *
 * The same as [func@Queue.open] with the mode `joinable`: fails with `G_IO_ERROR_EXISTS` if the
 * queue is not a joinable one.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpJoinableQueue *
mp_joinable_queue_open (const char   *uri,
                        GCancellable *cancellable,
                        GError      **error)
{
  const MpQueueSettings wanted = { .mode = MP_QUEUE_MODE_ACKNOWLEDGED };
  g_autoptr (MpQueue) queue = NULL;

  g_return_val_if_fail (uri != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  queue = open_queue (uri, &wanted, cancellable, error);
  if (queue == NULL || MP_IS_JOINABLE_QUEUE (queue))
    return (MpJoinableQueue *) g_steal_pointer (&queue);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, _ ("The queue “%s” is not a joinable one"),
               uri);
  return NULL;
}

/**
 * mp_queue_remove:
 * @uri: where the queue is
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Removes a queue that has a name, with the messages in it.
 *
 * It is shut down at once for all processes that use it, and its memory is freed when the last of
 * them closes it; another queue can be created with the name.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` if there is no such queue. If it fails with `G_IO_ERROR_BUSY`,
 * the name is free, but a stopped process keeps the queue from being shut down: that is done when a
 * queue with a name is created or removed next time, as is what a killed process has left to do.
 *
 * Returns: whether it was removed; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_remove (const char   *uri,
                 GCancellable *cancellable,
                 GError      **error)
{
  MpQueueCall           call = { .timeout_us = -1, .cancellable = cancellable };
  const MpQueueBackend *backend;

  g_return_val_if_fail (uri != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  backend = mp_queue_find_backend (uri, error);
  if (backend == NULL)
    return FALSE;
  if (backend->remove (uri, &call))
    return TRUE;
  g_propagate_error (error, call.error);
  return FALSE;
}
