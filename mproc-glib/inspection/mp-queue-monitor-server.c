/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "base/mp-async.h"
#include "base/mp-fork.h"
#include "memory/observer-named.h"
#include "mp-error.h"
#ifdef HAVE_REDIS
#include "redis/redis-observer.h"
#endif

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

/* Monitors for a URI or an object, wherever the queue is, and for all queues of a server. */

/* --- The kinds of servers -------------------------------------------------------------------- */

/* The observers of servers, by the scheme of their URIs. */
typedef struct
{
  const char            *scheme;
  const MpQueueObserver *observer;
  gpointer (*open) (const char  *uri,
                    GUnixFDList *descriptors,
                    GError     **error);
  GPtrArray *(*find) (const char   *uri,
                      GCancellable *cancellable,
                      GError      **error);
} ServerKind;

static const ServerKind kinds[] = {
#ifdef HAVE_REDIS
  { "redis", &mp_redis_observer, mp_redis_observer_new, mp_redis_observer_find },
  { "rediss", &mp_redis_observer, mp_redis_observer_new, mp_redis_observer_find },
  { "redis+unix", &mp_redis_observer, mp_redis_observer_new, mp_redis_observer_find },
#endif
  { NULL, NULL, NULL, NULL },
};

static const ServerKind *
find_kind (const char *uri)
{
  g_autofree char *scheme = g_uri_parse_scheme (uri);

  for (const ServerKind *kind = kinds; kind->scheme != NULL; kind++)
    if (g_strcmp0 (scheme, kind->scheme) == 0)
      return kind;
  return NULL;
}

static void
set_unsupported (const char *uri,
                 GError    **error)
{
  g_autofree char *scheme = g_uri_parse_scheme (uri);

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("This library cannot look at queues of the scheme “%s”"),
               scheme != NULL ? scheme : "");
}

static MpQueueMonitor *
new_for_server (const char  *uri,
                GUnixFDList *descriptors,
                GError     **error)
{
  const ServerKind *kind = find_kind (uri);
  gpointer          observed = kind != NULL ? kind->open (uri, descriptors, error) : NULL;

  return observed != NULL ? mp_queue_monitor_new_for_observed (kind->observer, observed) : NULL;
}

/* --- By URI ---------------------------------------------------------------------------------- */

static MpQueueMonitor *
new_for_local (const char *name,
               GError    **error)
{
  const int fd = mp_observer_open_named (name, error);

  return fd != -1 ? mp_queue_monitor_new_for_descriptor (fd, FALSE, error) : NULL;
}

/**
 * mp_queue_monitor_new_for_uri:
 * @uri: where the queue is, as for [func@Queue.open]
 * @error: return location for an error
 *
 * Creates a monitor for the queue that a URI identifies.
 *
 * For a queue on a server this call does not connect: nothing but the name is known before the
 * first [method@QueueMonitor.refresh] or [method@QueueMonitor.refresh_async]. The monitor does
 * not take part in the queue, and reads only: the user of the server needs no right to write.
 *
 * Fails with `G_IO_ERROR_INVALID_ARGUMENT` if the URI is malformed, with `MP_ERROR_UNSUPPORTED` if
 * there is no such scheme, and otherwise as [ctor@QueueMonitor.new_for_process].
 *
 * Returns: (transfer full): a monitor; %NULL with @error set
 *
 * Since: 1.0
 */
MpQueueMonitor *
mp_queue_monitor_new_for_uri (const char *uri,
                              GError    **error)
{
  g_autofree char *name = NULL;
  int              pid, fd, end = -1;

  g_return_val_if_fail (uri != NULL, NULL);

  if (find_kind (uri) != NULL)
    return new_for_server (uri, NULL, error);
  if (sscanf (uri, "process:%9d/%9d%n", &pid, &fd, &end) == 2 && uri[end] == '\0' && pid > 0 &&
      fd >= 0)
    return mp_queue_monitor_new_for_process (pid, fd, error);
  if (g_str_has_prefix (uri, "local:"))
    {
      name = g_strndup (uri + strlen ("local:"), strcspn (uri + strlen ("local:"), "?"));
      return new_for_local (name, error);
    }
  set_unsupported (uri, error);
  return NULL;
}

/* --- By object ------------------------------------------------------------------------------- */

/**
 * mp_queue_monitor_new_for_queue:
 * @queue: a queue
 * @error: return location for an error
 *
 * Creates a monitor for a queue that this process has open.
 *
 * For a queue on a server this is the same as [ctor@QueueMonitor.new_for_uri]: the monitor connects
 * by itself, and has no sample yet.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` if @queue is neither a queue in shared memory nor one on a
 * server, and with `MP_ERROR_CLOSED` if no process uses the queue any more.
 *
 * Returns: (transfer full): a monitor; %NULL with @error set
 *
 * Since: 1.0
 */
MpQueueMonitor *
mp_queue_monitor_new_for_queue (MpShareable *queue,
                                GError     **error)
{
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GVariant) inner = NULL;
  g_autofree char *path = NULL;
  const char      *uri;

  g_return_val_if_fail (MP_IS_SHAREABLE (queue), NULL);

  description = mp_shareable_describe (queue, descriptors, error);
  if (description == NULL)
    return NULL;
  g_variant_get (description, "(sv)", NULL, &inner);
  if (g_variant_is_of_type (inner, G_VARIANT_TYPE ("(s)")))
    {
      g_variant_get (inner, "(&s)", &uri);
      if (find_kind (uri) != NULL)
        return new_for_server (uri, descriptors, error);
    }
  if (g_unix_fd_list_get_length (descriptors) != 2)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("A %s cannot be monitored"),
                   G_OBJECT_TYPE_NAME (queue));
      return NULL;
    }

  path = g_strdup_printf ("/proc/self/fd/%d", g_unix_fd_list_peek_fds (descriptors, NULL)[0]);
  return mp_queue_monitor_new_for_path (path, FALSE, error);
}

/* --- All of a server ------------------------------------------------------------------------- */

/**
 * mp_queue_monitor_find_on_server:
 * @uri: the address of a server: that of a queue without its name, such as `redis://jobs.example/0`
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Finds the queues on a server.
 *
 * It looks through the names of at most a million keys there, and finds at most 1,000 queues.
 * Those that the user may not read are left out. A key of another type that has the name of a
 * queue has [property@QueueMonitor:damaged] set. If @uri contains the name of a queue, only that
 * one is found.
 *
 * The monitors have a sample. They share a connection, so they are to be used by one thread.
 *
 * Fails as [method@QueueMonitor.refresh], and with `MP_ERROR_UNSUPPORTED` if there is no such
 * scheme of servers.
 *
 * Returns: (transfer container) (element-type MpQueueMonitor): a monitor for each queue, by name;
 *   %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_monitor_find_on_server (const char   *uri,
                                 GCancellable *cancellable,
                                 GError      **error)
{
  g_autoptr (GPtrArray) observed = NULL;
  g_autoptr (GPtrArray) monitors = g_ptr_array_new_with_free_func (g_object_unref);
  const ServerKind *kind;

  g_return_val_if_fail (uri != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  kind = find_kind (uri);
  if (kind == NULL)
    {
      set_unsupported (uri, error);
      return NULL;
    }
  observed = kind->find (uri, cancellable, error);
  if (observed == NULL)
    return NULL;
  for (guint i = 0; i < observed->len; i++)
    {
      g_autoptr (MpQueueMonitor) monitor =
        mp_queue_monitor_new_for_observed (kind->observer, g_ptr_array_index (observed, i));

      if (mp_queue_monitor_take_sample (monitor, NULL))
        g_ptr_array_add (monitors, g_steal_pointer (&monitor));
    }
  return g_steal_pointer (&monitors);
}

static void
find_in_thread (GTask        *task,
                gpointer      source_object,
                gpointer      uri,
                GCancellable *cancellable)
{
  GError    *error = NULL;
  GPtrArray *monitors = mp_queue_monitor_find_on_server (uri, cancellable, &error);

  if (monitors != NULL)
    g_task_return_pointer (task, monitors, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

/**
 * mp_queue_monitor_find_on_server_async:
 * @uri: the address of a server
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the queues were found, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Finds the queues on a server, as [func@QueueMonitor.find_on_server] does, and lets the main loop
 * run meanwhile.
 *
 * Since: 1.0
 */
void
mp_queue_monitor_find_on_server_async (const char         *uri,
                                       int                 io_priority,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (uri != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = mp_async_new_task (NULL, mp_queue_monitor_find_on_server_async, io_priority, cancellable,
                            callback, user_data);
  if (!mp_fork_check_threads (&error))
    {
      g_task_return_error (task, error);
      return;
    }
  mp_fork_note_pool ();
  g_task_set_task_data (task, g_strdup (uri), g_free);
  g_task_run_in_thread (task, find_in_thread);
}

/**
 * mp_queue_monitor_find_on_server_finish:
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [func@QueueMonitor.find_on_server_async].
 *
 * Returns: (transfer container) (element-type MpQueueMonitor): a monitor for each queue, by name;
 *   %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_monitor_find_on_server_finish (GAsyncResult *result,
                                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
