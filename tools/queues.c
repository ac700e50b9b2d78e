/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queues.h"

#include <string.h>

void
mp_queue_get_facts (MpQueueMonitor *monitor,
                    MpQueueFacts   *facts)
{
  g_object_get (monitor,
                "id", &facts->id,
                "kind", &facts->kind,
                "created-at", &facts->created_at,
                "creator", &facts->creator,
                "size", &facts->size,
                "max-size", &facts->max_size,
                "n-bytes", &facts->n_bytes,
                "max-bytes", &facts->max_bytes,
                "memory", &facts->memory,
                "n-put", &facts->n_put,
                "n-got", &facts->n_got,
                "n-unfinished", &facts->n_unfinished,
                "n-held", &facts->n_held,
                "n-again", &facts->n_again,
                "n-dead", &facts->n_dead,
                "n-redelivered", &facts->n_redelivered,
                "n-processes", &facts->n_processes,
                "n-waiting", &facts->n_waiting,
                "shut-down", &facts->shut_down,
                "damaged", &facts->damaged,
                "put-rate", &facts->put_rate,
                "get-rate", &facts->get_rate,
                "oldest-us", &facts->oldest_us,
                NULL);
}

void
mp_queue_facts_clear (MpQueueFacts *facts)
{
  g_clear_pointer (&facts->kind, g_free);
}

char *
mp_queue_dup_name (MpQueueMonitor *monitor)
{
  char *name;

  g_object_get (monitor, "name", &name, NULL);
  return name;
}

char *
mp_queue_dup_process (GVariant *process)
{
  const char *command;
  gint64      inside = 0;
  int         pid;

  if (g_variant_lookup (process, "pid", "i", &pid))
    return g_variant_lookup (process, "command", "&s", &command)
             ? g_strdup_printf ("%s[%d]", command, pid)
             : g_strdup_printf ("[%d]", pid);
  (void) g_variant_lookup (process, "pid-inside", "x", &inside);
  return g_strdup_printf ("[%" G_GINT64_FORMAT " unseen]", inside);
}

char *
mp_queue_dup_owner (GVariant *processes)
{
  g_autoptr (GVariant) first = NULL;

  if (processes == NULL || g_variant_n_children (processes) == 0)
    return g_strdup ("-");
  first = g_variant_get_child_value (processes, 0);
  return mp_queue_dup_process (first);
}

/* --- Selecting ------------------------------------------------------------------------------ */

gboolean
mp_queue_has_process (GVariant *processes,
                      int       wanted)
{
  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      int pid;

      if (g_variant_lookup (process, "pid", "i", &pid) && pid == wanted)
        return TRUE;
    }
  return FALSE;
}

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
  const char      *at = strchr (selector, '@');
  g_autofree char *name = at != NULL ? g_strndup (selector, (gsize) (at - selector))
                                     : g_strdup (selector);
  guint64          number, id;

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
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "there are several: %s", list->str);
}

MpQueueMonitor *
mp_queues_select (const char *selector,
                  GError    **error)
{
  const char *slash = strchr (selector, '/');
  g_autoptr (GPtrArray) monitors = NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  if (slash != NULL)
    return open_descriptor (selector, slash, error);

  monitors = mp_queue_monitor_find (NULL, error);
  if (monitors == NULL)
    return NULL;
  for (guint i = 0; i < monitors->len; i++)
    if (fits (g_ptr_array_index (monitors, i), selector))
      g_ptr_array_add (found, g_ptr_array_index (monitors, i));

  if (found->len == 1)
    return g_object_ref (g_ptr_array_index (found, 0));
  if (found->len == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such queue");
  else
    describe_several (found, error);
  return NULL;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void
add_int (JsonBuilder *builder,
         const char  *name,
         guint64      value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) value);
}

/* 0 stands for no limit. */
static void
add_limit (JsonBuilder *builder,
           const char  *name,
           guint64      value)
{
  json_builder_set_member_name (builder, name);
  if (value != 0)
    json_builder_add_int_value (builder, (gint64) value);
  else
    json_builder_add_null_value (builder);
}

static void
add_text (JsonBuilder *builder,
          const char  *name,
          const char  *value)
{
  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_boolean (JsonBuilder *builder,
             const char  *name,
             gboolean     value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_rates (JsonBuilder        *builder,
           const MpQueueFacts *facts)
{
  json_builder_set_member_name (builder, "rates");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "put");
  json_builder_add_double_value (builder, facts->put_rate);
  json_builder_set_member_name (builder, "got");
  json_builder_add_double_value (builder, facts->get_rate);
  json_builder_end_object (builder);
}

void
mp_queue_add_json (MpQueueMonitor *monitor,
                   JsonBuilder    *builder)
{
  g_auto (MpQueueFacts) facts = { 0 };
  g_autofree char *name = mp_queue_dup_name (monitor);
  g_autofree char *uri = mp_queue_monitor_dup_uri (monitor);
  g_autofree char *created = NULL;

  mp_queue_get_facts (monitor, &facts);
  created = mp_output_time (facts.created_at);
  add_int (builder, "id", facts.id);
  add_text (builder, "name", name);
  add_text (builder, "kind", facts.kind);
  add_text (builder, "uri", uri);
  add_text (builder, "created", created);
  add_int (builder, "creator", (guint64) facts.creator);
  add_int (builder, "size", facts.size);
  add_limit (builder, "max_size", facts.max_size);
  add_int (builder, "bytes", facts.n_bytes);
  add_limit (builder, "max_bytes", facts.max_bytes);
  add_int (builder, "memory", facts.memory);
  add_int (builder, "put", facts.n_put);
  add_int (builder, "got", facts.n_got);
  add_int (builder, "unfinished", facts.n_unfinished);
  add_int (builder, "held", facts.n_held);
  add_int (builder, "again", facts.n_again);
  add_int (builder, "dead", facts.n_dead);
  add_int (builder, "redelivered", facts.n_redelivered);
  add_int (builder, "handles", facts.n_processes);
  add_int (builder, "waiting", facts.n_waiting);
  add_boolean (builder, "shut_down", facts.shut_down);
  add_boolean (builder, "damaged", facts.damaged);
  add_int (builder, "oldest_us", (guint64) facts.oldest_us);
  add_rates (builder, &facts);
}

void
mp_queue_add_list (JsonBuilder *builder,
                   const char  *name,
                   GVariant    *list)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (list, i);

      json_builder_begin_object (builder);
      mp_output_add_dictionary (builder, row);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}
