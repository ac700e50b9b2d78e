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
mp_queue_dup_label (MpQueueMonitor *monitor)
{
  char   *name = mp_queue_dup_name (monitor);
  guint64 id;

  if (name != NULL)
    return name;
  g_object_get (monitor, "id", &id, NULL);
  return g_strdup_printf ("%" G_GUINT64_FORMAT, id);
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

GVariant *
mp_queue_find_process (GVariant *processes,
                       guint32   slot)
{
  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      guint32 own;

      if (g_variant_lookup (process, "slot", "u", &own) && own == slot)
        return g_steal_pointer (&process);
    }
  return NULL;
}
