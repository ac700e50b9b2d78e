/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "select.h"

#include "queues.h"

#include <string.h>

#define LOCAL   "local:"
#define PROCESS "process:"

static gboolean
is_used_by (MpQueueMonitor *monitor,
            int             pid)
{
  g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, NULL);

  return processes != NULL && mp_queue_has_process (processes, pid);
}

static gboolean
fits (MpQueueMonitor *monitor,
      const char     *selector)
{
  g_autofree char *own = mp_queue_dup_name (monitor);
  g_autofree char *uri = mp_queue_monitor_dup_uri (monitor);
  const char      *at = strchr (selector, '@');
  g_autofree char *name = at != NULL ? g_strndup (selector, (gsize) (at - selector))
                                     : g_strdup (selector);
  guint64          number, id;

  if (g_str_has_prefix (selector, LOCAL))
    return g_strcmp0 (uri, selector) == 0;
  if (g_ascii_string_to_unsigned (selector, 10, 1, G_MAXUINT64, &number, NULL))
    {
      g_object_get (monitor, "id", &id, NULL);
      return id == number;
    }
  if (g_strcmp0 (own, name) != 0)
    return FALSE;
  return at == NULL || (g_ascii_string_to_unsigned (at + 1, 10, 1, G_MAXINT, &number, NULL) &&
                        is_used_by (monitor, (int) number));
}

static MpQueueMonitor *
open_descriptor (const char *selector,
                 const char *slash,
                 GError    **error)
{
  g_autofree char *first = g_strndup (selector, (gsize) (slash - selector));
  guint64          pid, fd;

  if (g_ascii_string_to_unsigned (first, 10, 1, G_MAXINT, &pid, NULL) &&
      g_ascii_string_to_unsigned (slash + 1, 10, 0, G_MAXINT, &fd, NULL))
    return mp_queue_monitor_new_for_process ((int) pid, (int) fd, error);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such queue");
  return NULL;
}

static void
describe_several (GPtrArray *found,
                  GError   **error)
{
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    {
      g_autoptr (GVariant) processes =
        mp_queue_monitor_list_processes (g_ptr_array_index (found, i), NULL);
      g_autofree char *owner = mp_queue_dup_owner (processes);
      guint64          id;

      g_object_get (g_ptr_array_index (found, i), "id", &id, NULL);
      g_string_append_printf (list, "%s%" G_GUINT64_FORMAT " of %s", i > 0 ? ", " : "", id, owner);
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "there are several: %s; name one by its id",
               list->str);
}

/* The queue whose URI is local:NAME, which is unique, while others may have the same name. */
static MpQueueMonitor *
find_local (GPtrArray *found)
{
  for (guint i = 0; i < found->len; i++)
    {
      MpQueueMonitor  *monitor = g_ptr_array_index (found, i);
      g_autofree char *uri = mp_queue_monitor_dup_uri (monitor);

      if (uri != NULL && g_str_has_prefix (uri, LOCAL))
        return monitor;
    }
  return NULL;
}

gboolean
mp_queues_is_on_server (const char *selector)
{
  return strstr (selector, "://") != NULL;
}

gboolean
mp_queues_is_server (const char *selector)
{
  const char *query = strchr (selector, '?');

  return mp_queues_is_on_server (selector) &&
         (query == NULL || (!g_str_has_prefix (query, "?name=") &&
                            strstr (query, "&name=") == NULL));
}

static MpQueueMonitor *
look_at_server (const char *uri,
                GError    **error)
{
  g_autoptr (MpQueueMonitor) monitor = mp_queue_monitor_new_for_uri (uri, error);

  return monitor != NULL && mp_queue_monitor_refresh (monitor, error) ? g_steal_pointer (&monitor)
                                                                      : NULL;
}

MpQueueMonitor *
mp_queues_select (const char *selector,
                  GError    **error)
{
  const char *process = selector + (g_str_has_prefix (selector, PROCESS) ? strlen (PROCESS) : 0);
  const char *slash = strchr (process, '/');
  g_autoptr (GPtrArray) monitors = NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  if (mp_queues_is_on_server (selector))
    return look_at_server (selector, error);
  if (slash != NULL)
    return open_descriptor (process, slash, error);

  monitors = mp_queue_monitor_find (NULL, error);
  if (monitors == NULL)
    return NULL;
  for (guint i = 0; i < monitors->len; i++)
    if (fits (g_ptr_array_index (monitors, i), selector))
      g_ptr_array_add (found, g_ptr_array_index (monitors, i));

  if (found->len == 1)
    return g_object_ref (g_ptr_array_index (found, 0));
  if (strchr (selector, '@') == NULL && find_local (found) != NULL)
    return g_object_ref (find_local (found));
  if (found->len == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such queue");
  else
    describe_several (found, error);
  return NULL;
}

GPtrArray *
mp_queues_select_all (const char *selector,
                      GError    **error)
{
  g_autoptr (GPtrArray) monitors = NULL;
  MpQueueMonitor *monitor;

  if (mp_queues_is_server (selector))
    return mp_queue_monitor_find_on_server (selector, NULL, error);
  monitor = mp_queues_select (selector, error);
  if (monitor == NULL)
    return NULL;
  monitors = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (monitors, monitor);
  return g_steal_pointer (&monitors);
}

static gboolean
may_be_created (const char *uri)
{
  return g_str_has_prefix (uri, LOCAL) || mp_queues_is_on_server (uri);
}

/* Returns the URI of an existing queue, since opening one by its URI could create it. */
static char *
dup_uri (const char *selector,
         GError    **error)
{
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autofree char *uri = NULL;

  if (may_be_created (selector))
    uri = g_strdup (selector);
  else
    {
      monitor = mp_queues_select (selector, error);
      if (monitor == NULL)
        return NULL;
      uri = mp_queue_monitor_dup_uri (monitor);
    }
  if (!may_be_created (uri) || strstr (uri, "create=") != NULL)
    return g_steal_pointer (&uri);
  return g_strconcat (uri, strchr (uri, '?') != NULL ? "&create=no" : "?create=no", NULL);
}

MpQueue *
mp_queues_open (const char *selector,
                GError    **error)
{
  g_autofree char *uri = dup_uri (selector, error);

  return uri != NULL ? mp_queue_open (uri, NULL, error) : NULL;
}

MpJoinableQueue *
mp_queues_open_joinable (const char *selector,
                         GError    **error)
{
  g_autoptr (MpQueue) queue = mp_queues_open (selector, error);

  if (queue == NULL || MP_IS_JOINABLE_QUEUE (queue))
    return (MpJoinableQueue *) g_steal_pointer (&queue);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "it is not a joinable queue");
  return NULL;
}
