/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "changes.h"

#include "queues.h"
#include "select.h"

/* Of each queue, so many tasks in hand are compared one by one; further ones are only counted. */
#define MAX_TASKS 1000

static const char *const events[] = { "queue-new", "queue-gone", "attached", "left", "died",
                                      "claimed", "done", "retried", "dead", "full",
                                      "shut-down", "unreachable", "reachable", NULL };

/* The state of a queue at one look, to be compared with the next. */
typedef struct
{
  GVariant *processes;
  GVariant *tasks;
  guint64   n_done, n_got, n_redelivered;
  guint     n_dead;
  gboolean  counts_begun; /* what is redelivered is counted, too */
  gboolean  is_full, shut_down;
} Look;

struct _MpChanges
{
  MpQueueMonitor *monitor;
  guint64         id;
  char           *name;
  gboolean        is_unreachable;
  Look            last;

  /* Set during a look. */
  MpChangeFunc tell;
  gpointer     user_data;
};

gboolean
mp_changes_is_event (const char *name)
{
  return g_strv_contains (events, name);
}

/* --- Looks ------------------------------------------------------------------------------------ */

static void
look_clear (Look *look)
{
  g_clear_pointer (&look->processes, g_variant_unref);
  g_clear_pointer (&look->tasks, g_variant_unref);
}

static gboolean
look_at (MpQueueMonitor *monitor,
         Look           *look)
{
  g_auto (MpQueueFacts) facts = { 0 };

  mp_queue_get_facts (monitor, &facts);
  *look = (Look){
    .processes = mp_queue_monitor_list_processes (monitor, NULL),
    .tasks = mp_queue_monitor_list_tasks (monitor, MAX_TASKS),
    .n_done = facts.n_put - facts.n_unfinished,
    .n_got = facts.n_got,
    .n_redelivered = facts.n_redelivered,
    .counts_begun = facts.knows_redelivered,
    .n_dead = facts.n_dead,
    .is_full = facts.max_size != 0 && facts.size >= facts.max_size,
    .shut_down = facts.shut_down,
  };
  return look->processes != NULL;
}

static void
tell (MpChanges *self,
      MpChange   change)
{
  change.id = self->id;
  change.queue = self->name;
  self->tell (&change, self->user_data);
}

static guint64
handle_of (GVariant *process)
{
  guint64 handle = 0;

  (void) g_variant_lookup (process, "handle", "t", &handle);
  return handle;
}

static guint32
slot_of (GVariant *row)
{
  guint32 slot = G_MAXUINT32;

  (void) g_variant_lookup (row, "slot", "u", &slot);
  return slot;
}

static const char *
state_of (GVariant *task)
{
  const char *state = "";

  if (task != NULL)
    (void) g_variant_lookup (task, "state", "&s", &state);
  return g_intern_string (state);
}

static gboolean
has_process (GVariant *processes,
             GVariant *process)
{
  g_autoptr (GVariant) other = mp_queue_find_by_slot (processes, slot_of (process));

  return other != NULL && handle_of (other) == handle_of (process);
}

/* --- Processes -------------------------------------------------------------------------------- */

static void
tell_process (MpChanges  *self,
              const char *event,
              GVariant   *process,
              guint32     n_held)
{
  tell (self, (MpChange){ .event = event, .process = process, .n = n_held });
}

/* A look lists the tasks after the processes: a process may have taken one in between. */
static guint32
count_held (MpChanges *self,
            GVariant  *process)
{
  const guint32 slot = slot_of (process);
  guint32       n_held = 0, n_listed = 0;

  (void) g_variant_lookup (process, "n-held", "u", &n_held);
  for (gsize i = 0; i < g_variant_n_children (self->last.tasks); i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (self->last.tasks, i);

      n_listed += slot_of (task) == slot && g_str_equal (state_of (task), "held");
    }
  return MAX (n_held, n_listed);
}

static void
tell_ended (MpChanges *self,
            GVariant  *process)
{
  const gboolean has_died = mp_queue_monitor_has_died (self->monitor, handle_of (process));

  tell_process (self, has_died ? "died" : "left", process, count_held (self, process));
}

/* @now is NULL when all have ended. */
static void
compare_processes (MpChanges *self,
                   GVariant  *now)
{
  for (gsize i = 0; i < g_variant_n_children (self->last.processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (self->last.processes, i);

      if (now == NULL || !has_process (now, process))
        tell_ended (self, process);
    }
  for (gsize i = 0; now != NULL && i < g_variant_n_children (now); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (now, i);

      if (!has_process (self->last.processes, process))
        tell_process (self, "attached", process, 0);
    }
}

/* --- Tasks ------------------------------------------------------------------------------------ */

/* Returns the entry of @tasks that has the serial of @task, or NULL. */
static GVariant *
find_task (GVariant *tasks,
           GVariant *task)
{
  guint64 serial = 0, other = 0;

  (void) g_variant_lookup (task, "serial", "t", &serial);
  for (gsize i = 0; i < g_variant_n_children (tasks); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (tasks, i);

      (void) g_variant_lookup (row, "serial", "t", &other);
      if (other == serial)
        return g_steal_pointer (&row);
    }
  return NULL;
}

static guint32
deliveries_of (GVariant *task)
{
  guint32 n = 0;

  (void) g_variant_lookup (task, "n-deliveries", "u", &n);
  return n;
}

static void
tell_task (MpChanges  *self,
           const char *event,
           GVariant   *task,
           GVariant   *processes)
{
  g_autoptr (GVariant) process = mp_queue_find_by_slot (processes, slot_of (task));
  MpChange change = { .event = event, .process = process, .has_serial = TRUE };

  (void) g_variant_lookup (task, "serial", "t", &change.serial);
  tell (self, change);
}

/* Reports what has happened to a task of the new list.  Returns how many "claimed" events that
 * were. */
static guint
compare_task (MpChanges  *self,
              const Look *now,
              GVariant   *task)
{
  g_autoptr (GVariant) before = find_task (self->last.tasks, task);
  const char *old = state_of (before), *new = state_of (task);

  if (old == new &&deliveries_of (before) == deliveries_of (task))
    return 0;
  if (g_str_equal (new, "again"))
    tell_task (self, "retried", before != NULL ? before : task, self->last.processes);
  else if (g_str_equal (new, "dead"))
    tell_task (self, "dead", before != NULL ? before : task, self->last.processes);
  else
    {
      /* It was given back and taken again between two looks. */
      if (g_str_equal (old, "held"))
        tell_task (self, "retried", before, self->last.processes);
      tell_task (self, "claimed", task, now->processes);
      return 1;
    }
  return 0;
}

static void
compare_tasks (MpChanges  *self,
               const Look *now)
{
  const guint64 n_begun = now->n_got + now->n_redelivered - self->last.n_got -
                          self->last.n_redelivered;
  const guint64 n_ended = now->n_done - self->last.n_done;
  guint64       n_claimed = 0, n_done = 0;

  for (gsize i = 0; i < g_variant_n_children (now->tasks); i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (now->tasks, i);

      n_claimed += compare_task (self, now, task);
    }
  for (gsize i = 0; i < g_variant_n_children (self->last.tasks); i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (self->last.tasks, i);
      g_autoptr (GVariant) after = find_task (now->tasks, task);

      if (after != NULL || g_str_equal (state_of (task), "dead"))
        continue;
      tell_task (self, "done", task, self->last.processes);
      n_done++;
    }

  /* Tasks that began and ended between two looks. */
  if (now->counts_begun && n_begun > n_claimed && n_begun < G_MAXINT64)
    tell (self, (MpChange){ .event = "claimed", .n = n_begun - n_claimed });
  if (n_ended > n_done && n_ended < G_MAXINT64)
    tell (self, (MpChange){ .event = "done", .n = n_ended - n_done });
}

/* --- The queue -------------------------------------------------------------------------------- */

/* Whether the server cannot be reached, while the queue may still exist. */
static gboolean
note_reachable (MpChanges    *self,
                const GError *problem)
{
  g_autofree char *uri = mp_queue_monitor_dup_uri (self->monitor);
  const gboolean   is_unreachable = problem != NULL && !mp_queue_is_gone (problem) && uri != NULL &&
                                  mp_queues_is_on_server (uri);

  if (is_unreachable != self->is_unreachable)
    tell (self, (MpChange){ .event = is_unreachable ? "unreachable" : "reachable",
                            .reason = is_unreachable ? problem->message : NULL });
  self->is_unreachable = is_unreachable;
  return !is_unreachable;
}

gboolean
mp_changes_look (MpChanges    *self,
                 const GError *problem,
                 MpChangeFunc  func,
                 gpointer      user_data)
{
  Look now = { 0 };

  self->tell = func;
  self->user_data = user_data;
  if (!note_reachable (self, problem))
    return TRUE;
  if (problem != NULL || !look_at (self->monitor, &now))
    {
      look_clear (&now);
      compare_processes (self, NULL);
      tell (self, (MpChange){ .event = "queue-gone" });
      return FALSE;
    }
  compare_processes (self, now.processes);
  compare_tasks (self, &now);
  if (now.is_full && !self->last.is_full)
    tell (self, (MpChange){ .event = "full" });
  if (now.shut_down && !self->last.shut_down)
    tell (self, (MpChange){ .event = "shut-down" });

  look_clear (&self->last);
  self->last = now;
  return TRUE;
}

MpChanges *
mp_changes_new (MpQueueMonitor *monitor,
                MpChangeFunc    func,
                gpointer        user_data)
{
  MpChanges *self = g_new0 (MpChanges, 1);

  self->monitor = g_object_ref (monitor);
  self->name = mp_queue_dup_label (monitor);
  self->tell = func;
  self->user_data = user_data;
  g_object_get (monitor, "id", &self->id, NULL);
  if (func != NULL)
    tell (self, (MpChange){ .event = "queue-new" });
  if (!look_at (monitor, &self->last))
    {
      look_clear (&self->last);
      self->last.processes = g_variant_ref_sink (g_variant_new ("aa{sv}", NULL));
      self->last.tasks = g_variant_ref_sink (g_variant_new ("aa{sv}", NULL));
    }
  return self;
}

void
mp_changes_free (gpointer data)
{
  MpChanges *self = data;

  look_clear (&self->last);
  g_object_unref (self->monitor);
  g_free (self->name);
  g_free (self);
}

MpQueueMonitor *
mp_changes_get_monitor (MpChanges *self)
{
  return self->monitor;
}

guint64
mp_changes_get_id (MpChanges *self)
{
  return self->id;
}
