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
                "put-byte-rate", &facts->put_byte_rate,
                "get-byte-rate", &facts->get_byte_rate,
                "interval-us", &facts->interval_us,
                "oldest-us", &facts->oldest_us,
                NULL);
  facts->knows_memory = mp_queue_monitor_knows (monitor, "memory");
  facts->knows_redelivered = mp_queue_monitor_knows (monitor, "n-redelivered");
  facts->knows_byte_rates = mp_queue_monitor_knows (monitor, "get-byte-rate");
  facts->knows_creator = mp_queue_monitor_knows (monitor, "creator");
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
mp_queue_dup_label (MpQueueMonitor *monitor)
{
  char   *name = mp_queue_dup_name (monitor);
  guint64 id;

  if (name != NULL)
    return name;
  g_object_get (monitor, "id", &id, NULL);
  return g_strdup_printf ("%" G_GUINT64_FORMAT, id);
}

/* A process of a queue on a server. */
static char *
dup_remote_process (GVariant   *process,
                    const char *host)
{
  const char *command = NULL;
  gint64      pid = 0;
  gboolean    is_away = FALSE;

  (void) g_variant_lookup (process, "command", "&s", &command);
  (void) g_variant_lookup (process, "pid-inside", "x", &pid);
  (void) g_variant_lookup (process, "away", "b", &is_away);
  return g_strdup_printf ("%s%s%s[%" G_GINT64_FORMAT "]%s", command != NULL ? command : "",
                          command != NULL ? "@" : "", host, pid, is_away ? " away" : "");
}

char *
mp_queue_dup_process (GVariant *process)
{
  const char *command, *host;
  gint64      inside = 0;
  int         pid;

  if (g_variant_lookup (process, "host", "&s", &host))
    return dup_remote_process (process, host);
  if (g_variant_lookup (process, "pid", "i", &pid))
    return g_variant_lookup (process, "command", "&s", &command)
             ? g_strdup_printf ("%s[%d]", command, pid)
             : g_strdup_printf ("[%d]", pid);
  (void) g_variant_lookup (process, "pid-inside", "x", &inside);
  return g_strdup_printf ("[%" G_GINT64_FORMAT " unseen]", inside);
}

char *
mp_queue_dup_got (GVariant *process)
{
  guint64 n_got;

  return g_variant_lookup (process, "n-got", "t", &n_got)
           ? g_strdup_printf ("%" G_GUINT64_FORMAT, n_got)
           : g_strdup ("-");
}

char *
mp_queue_dup_held (GVariant *task)
{
  g_autofree char *duration = NULL;
  gint64           us;

  if (g_variant_lookup (task, "held-us", "x", &us))
    return mp_output_duration (us);
  if (!g_variant_lookup (task, "seen-us", "x", &us))
    return g_strdup ("-");
  duration = mp_output_duration (us);
  return g_strconcat ("≥", duration, NULL);
}

gboolean
mp_queue_is_gone (const GError *error)
{
  return g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED);
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

/* Finds the first of @rows, which are processes or tasks, whose @key is @wanted; NULL if there is
 * none.  Takes @wanted if it is floating. */
static GVariant *
find_row (GVariant   *rows,
          const char *key,
          GVariant   *wanted)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (wanted);

  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      g_autoptr (GVariant) own = g_variant_lookup_value (row, key, NULL);

      if (own != NULL && g_variant_equal (own, value))
        return g_steal_pointer (&row);
    }
  return NULL;
}

GVariant *
mp_queue_find_creator (GVariant *processes,
                       gint64    creator)
{
  return find_row (processes, "pid-inside", g_variant_new_int64 (creator));
}

char *
mp_queue_dup_creator (GVariant *processes,
                      gint64    creator)
{
  g_autoptr (GVariant) process = mp_queue_find_creator (processes, creator);

  return process != NULL ? mp_queue_dup_process (process)
                         : g_strdup_printf ("process %" G_GINT64_FORMAT, creator);
}

static const struct
{
  const char *name, *text;
} waits[] = {
  { "get", "get" },
  { "put", "put" },
  { "done", "end of tasks" },
  { "news", "news" },
  { "get-loop", "get (main loop)" },
  { "put-loop", "put (main loop)" },
  { "done-loop", "end of tasks (main loop)" },
  { "news-loop", "news (main loop)" },
};

char *
mp_queue_dup_waits (GVariant   *process,
                    const char *none)
{
  g_autoptr (GVariant) list = g_variant_lookup_value (process, "waits", NULL);
  g_autofree const char **names = g_variant_get_strv (list, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    if (g_strv_contains (names, waits[i].name))
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", waits[i].text);
  return g_strdup (text->len > 0 ? text->str : none);
}

gboolean
mp_queue_has_process (GVariant *processes,
                      int       wanted)
{
  g_autoptr (GVariant) process = find_row (processes, "pid", g_variant_new_int32 (wanted));

  return process != NULL;
}

GVariant *
mp_queue_find_by_slot (GVariant *rows,
                       guint32   slot)
{
  return find_row (rows, "slot", g_variant_new_uint32 (slot));
}
