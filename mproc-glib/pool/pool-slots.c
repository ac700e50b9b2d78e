/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-slots.h"

#include "base/mp-deadline.h"
#include "mp-error.h"
#include "mp-waitable.h"
#include "pool-events.h"
#include "pool-protocol.h"
#include "pool-tasks.h"
#include "queue/task-limit.h"

#include <glib/gi18n-lib.h>
#include <signal.h>
#include <string.h>

/* The longest delay before a worker is replaced, unless the first one is longer; and how long a
 * worker has to live for the delay to be the first one again. */
#define MAX_DELAY_US (10 * G_USEC_PER_SEC)
#define LONG_LIFE_US (10 * G_USEC_PER_SEC)

static MpPoolSlot *
slot_at (MpPool *self,
         guint   i)
{
  return g_ptr_array_index (self->slots, i);
}

static MpPoolSlot *
slot_new (gint64 start_at)
{
  MpPoolSlot *slot = g_new0 (MpPoolSlot, 1);

  slot->start_at = start_at;
  slot->terminate_at = slot->kill_at = MP_DEADLINE_NEVER;
  return slot;
}

/* --- Starting ------------------------------------------------------------------------------ */

static MpProcess *
prepare_process (MpPool *self,
                 guint32 id)
{
  const MpPoolSettings settings = { id, self->max_tasks, self->max_memory,
                                    self->task_timeout >= 0 };
  g_autofree char     *text = mp_pool_settings_to_string (&settings);
  MpProcess           *process = g_object_new (MP_TYPE_PROCESS, "argv", self->argv, NULL);
  GHashTableIter       iter;
  gpointer             name, shareable;

  mp_process_set_die_with_parent (process, TRUE);
  mp_process_set_env (process, MP_POOL_VARIABLE, text);
  if (self->max_tasks != 0)
    {
      g_autofree char *limit = mp_task_limit_to_string (self->max_tasks);

      mp_process_set_env (process, MP_TASK_LIMIT_VARIABLE, limit);
    }
  g_hash_table_iter_init (&iter, self->given);
  while (g_hash_table_iter_next (&iter, &name, &shareable))
    mp_process_give (process, name, shareable);
  mp_process_give (process, MP_POOL_TASKS, MP_SHAREABLE (self->tasks));
  mp_process_give (process, MP_POOL_REPORTS, MP_SHAREABLE (self->reports));
  return process;
}

static gboolean
start_slot (MpPool     *self,
            MpPoolSlot *slot,
            GError    **error)
{
  g_autoptr (MpProcess) process = prepare_process (self, ++self->last_id);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  gboolean started;

  /* The process notifies its end in the main context of the pool. */
  if (context != self->context)
    g_main_context_push_thread_default (self->context);
  started = mp_process_start (process, error);
  if (context != self->context)
    g_main_context_pop_thread_default (self->context);
  if (!started)
    return FALSE;

  if (!mp_pool_watch_add (&self->watch, mp_waitable_get_fd (MP_WAITABLE (process)), self->last_id,
                          error))
    {
      mp_process_kill (process);
      return FALSE;
    }

  *slot = (MpPoolSlot){
    .id = self->last_id,
    .process = g_object_ref (process),
    .started_at = g_get_monotonic_time (),
    .terminate_at = MP_DEADLINE_NEVER,
    .kill_at = MP_DEADLINE_NEVER,
  };
  mp_pool_add_event (self, &(MpPoolEvent){ .kind = MP_POOL_EVENT_STARTED,
                                           .process = g_steal_pointer (&process) });
  return TRUE;
}

static gint64
next_start (MpPool *self)
{
  gint64 at = g_get_monotonic_time () + self->delay;

  self->delay = MIN (2 * self->delay, MAX (self->restart_delay, MAX_DELAY_US));
  return at;
}

gboolean
mp_pool_start_due (MpPool  *self,
                   GError **error)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = slot_at (self, i);

      if (slot->process != NULL || slot->start_at > now)
        continue;
      if (!start_slot (self, slot, error))
        {
          self->n_failures++;
          slot->start_at = next_start (self);
          return FALSE;
        }
    }
  return TRUE;
}

/* --- Number of workers --------------------------------------------------------------------- */

static gboolean
remove_unused_slot (MpPool *self)
{
  for (guint i = 0; i < self->slots->len; i++)
    if (slot_at (self, i)->process == NULL)
      {
        g_ptr_array_remove_index (self->slots, i);
        return TRUE;
      }
  return FALSE;
}

/* Lets any worker end that is between two tasks; if none takes tasks from the pool, the youngest
 * one. */
static void
dismiss_one (MpPool *self)
{
  GVariant   *leave = mp_pool_task_pack (MP_POOL_LEAVE, "", g_variant_new_boolean (TRUE));
  MpPoolSlot *youngest = NULL;
  gboolean    any_ready = FALSE;

  g_variant_ref_sink (leave);
  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = slot_at (self, i);

      any_ready |= slot->is_ready;
      if (slot->terminate_at == MP_DEADLINE_NEVER && slot->kill_at == MP_DEADLINE_NEVER)
        youngest = youngest == NULL || slot->id > youngest->id ? slot : youngest;
    }
  self->n_leaving++;
  if (!(any_ready && mp_queue_try_put (MP_QUEUE (self->tasks), leave, NULL)) && youngest != NULL)
    youngest->terminate_at = 0;
  g_variant_unref (leave);
}

void
mp_pool_resize (MpPool *self)
{
  while (self->slots->len < self->n_workers)
    g_ptr_array_add (self->slots, slot_new (0));
  while (self->slots->len > self->n_workers && remove_unused_slot (self))
    continue;
}

void
mp_pool_dismiss (MpPool *self)
{
  while (self->slots->len > self->n_workers + self->n_leaving)
    dismiss_one (self);
}

/* --- Ends ---------------------------------------------------------------------------------- */

static char *
describe_end (int exit_code)
{
  if (exit_code < 0)
    return g_strdup_printf (_ ("was ended by signal %d (%s)"), -exit_code, strsignal (-exit_code));
  return g_strdup_printf (_ ("had the exit code %d"), exit_code);
}

static gboolean
is_replaced (MpPool *self,
             int     exit_code)
{
  if (self->phase != MP_POOL_RUNNING && self->phase != MP_POOL_FINISHING)
    return FALSE;
  return self->restart == MP_POOL_RESTART_ALWAYS ||
         (self->restart == MP_POOL_RESTART_ON_FAILURE && exit_code != 0);
}

/* When to replace a worker that has ended.  One that takes tasks from the pool and has ended by
 * itself has done what it was to do, and so, if their number is limited, has any other that was
 * successful; but that one may be a program that ends without doing anything. */
static gint64
choose_start (MpPool           *self,
              const MpPoolSlot *slot,
              int               exit_code)
{
  if (exit_code == 0 && slot->is_ready)
    return 0;
  if (exit_code == 0 && self->max_tasks != 0)
    return g_get_monotonic_time () + self->restart_delay;
  return next_start (self);
}

/* For `max-restarts`, counts the workers in a row that have
 * failed within a short time and before they were ready. */
static void
plan_replacement (MpPool     *self,
                  MpPoolSlot *slot,
                  int         exit_code)
{
  gboolean lived_long = g_get_monotonic_time () - slot->started_at >= LONG_LIFE_US;

  if (lived_long)
    {
      self->n_failures = 0;
      self->delay = self->restart_delay;
    }
  else if (exit_code != 0 && !slot->is_ready)
    {
      self->n_failures++;
    }
  self->n_restarts++;
  *slot = (MpPoolSlot){
    .start_at = choose_start (self, slot, exit_code),
    .terminate_at = MP_DEADLINE_NEVER,
    .kill_at = MP_DEADLINE_NEVER,
  };
}

static void
bury_slot (MpPool *self,
           guint   i,
           int     exit_code)
{
  MpPoolSlot *slot = slot_at (self, i);
  MpProcess  *process = g_steal_pointer (&slot->process);

  self->n_leaving -= self->n_leaving > 0;
  mp_pool_watch_remove (&self->watch, mp_waitable_get_fd (MP_WAITABLE (process)));
  /* How one ended that the pool has asked to end says nothing about the others. */
  if (exit_code != 0 && (!slot->is_dismissed || self->last_end == NULL))
    {
      g_free (self->last_end);
      self->last_end = describe_end (exit_code);
      self->last_was_late = slot->is_late;
    }
  if (self->slots->len > self->n_workers || !is_replaced (self, exit_code))
    {
      g_ptr_array_remove_index (self->slots, i);
    }
  else
    {
      plan_replacement (self, slot, exit_code);
    }
  mp_pool_add_event (self, &(MpPoolEvent){ .kind = MP_POOL_EVENT_WORKER_ENDED,
                                           .process = process,
                                           .exit_code = exit_code });
}

static gboolean
bury_one (MpPool *self,
          guint32 id)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = slot_at (self, i);
      int         exit_code;

      if (slot->id != id || slot->process == NULL)
        continue;
      exit_code = mp_process_get_exit_code (slot->process);
      if (exit_code == MP_PROCESS_STILL_ALIVE)
        return FALSE;
      bury_slot (self, i, exit_code);
      return exit_code != 0;
    }
  return FALSE;
}

gboolean
mp_pool_bury (MpPool *self)
{
  guint32  ids[MP_POOL_WATCH_BATCH];
  gboolean died = FALSE;
  guint    n;

  do
    {
      n = mp_pool_watch_list_ended (&self->watch, ids);
      /* First handle what they have reported: that they were ready, and their results. */
      if (n > 0)
        mp_pool_read_all_reports (self);
      for (guint i = 0; i < n; i++)
        died |= bury_one (self, ids[i]);
    }
  while (n == MP_POOL_WATCH_BATCH);
  return died;
}

/* --- Signals ------------------------------------------------------------------------------- */

static gint64
late_at (MpPool     *self,
         MpPoolSlot *slot)
{
  if (slot->task == 0 || self->task_timeout < 0 || slot->is_late)
    return MP_DEADLINE_NEVER;
  return slot->task_since + self->task_timeout;
}

static gboolean
is_due (gint64 at,
        gint64 now)
{
  return at != MP_DEADLINE_NEVER && at <= now;
}

static void
send_signals (MpPool     *self,
              MpPoolSlot *slot,
              gint64      now)
{
  if (is_due (late_at (self, slot), now))
    {
      slot->is_late = TRUE;
      slot->terminate_at = now;
    }
  if (is_due (slot->terminate_at, now))
    {
      slot->is_dismissed = !slot->is_late;
      slot->terminate_at = MP_DEADLINE_NEVER;
      slot->kill_at = now + self->grace;
      mp_process_terminate (slot->process);
    }
  if (is_due (slot->kill_at, now))
    {
      slot->kill_at = MP_DEADLINE_NEVER;
      mp_process_kill (slot->process);
    }
}

void
mp_pool_send_signals (MpPool *self)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < self->slots->len; i++)
    if (slot_at (self, i)->process != NULL)
      send_signals (self, slot_at (self, i), now);
}

void
mp_pool_end_workers (MpPool *self,
                     gint64  terminate_at)
{
  while (remove_unused_slot (self))
    continue;
  for (guint i = 0; i < self->slots->len; i++)
    if (slot_at (self, i)->kill_at == MP_DEADLINE_NEVER)
      slot_at (self, i)->terminate_at = terminate_at;
}

static gboolean
kill_cb (gpointer user_data)
{
  mp_process_kill (user_data);
  return G_SOURCE_REMOVE;
}

void
mp_pool_abandon_workers (MpPool *self)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      MpProcess *process = slot_at (self, i)->process;
      g_autoptr (GSource) killing = NULL;

      if (process == NULL)
        continue;
      mp_process_terminate (process);
      killing = g_timeout_source_new ((guint) MIN (self->grace / 1000, G_MAXUINT));
      g_source_set_callback (killing, kill_cb, g_object_ref (process), g_object_unref);
      g_source_set_static_name (killing, "[mproc-glib] end of a worker of a pool");
      g_source_attach (killing, self->context);
    }
}

/* --- Time ---------------------------------------------------------------------------------- */

static void
take_earlier (gint64 *due,
              gint64  at)
{
  if (at != MP_DEADLINE_NEVER && (*due == MP_DEADLINE_NEVER || at < *due))
    *due = at;
}

gint64
mp_pool_get_due (MpPool *self)
{
  gint64 due = MP_DEADLINE_NEVER;

  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = slot_at (self, i);

      if (slot->process == NULL)
        {
          take_earlier (&due, slot->start_at);
          continue;
        }
      take_earlier (&due, late_at (self, slot));
      take_earlier (&due, slot->terminate_at);
      take_earlier (&due, slot->kill_at);
    }
  return due;
}

gboolean
mp_pool_has_workers (MpPool *self)
{
  return self->slots->len > 0;
}
