/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-events.h"

#include "pool-tasks.h"

#include <glib/gi18n-lib.h>

guint mp_pool_signals[MP_POOL_N_SIGNALS];

void
mp_pool_add_event (MpPool            *self,
                   const MpPoolEvent *event)
{
  g_queue_push_tail (&self->events, g_memdup2 (event, sizeof *event));
}

static void
event_free (gpointer data)
{
  MpPoolEvent *event = data;

  g_clear_object (&event->process);
  g_clear_error (&event->error);
  g_free (event);
}

static void
tell_result (MpSubmission *submission)
{
  if (submission->error != NULL)
    g_task_return_error (submission->task, g_steal_pointer (&submission->error));
  else
    g_task_return_pointer (submission->task, g_steal_pointer (&submission->value),
                           (GDestroyNotify) g_variant_unref);
  mp_submission_free (submission);
}

void
mp_pool_stop_free (gpointer data)
{
  MpPoolStop *stop = data;

  if (stop->cancelled_id != 0)
    g_cancellable_disconnect (g_task_get_cancellable (stop->task), stop->cancelled_id);
  g_object_unref (stop->task);
  g_free (stop);
}

static gboolean
has_cancelled_stops (MpPool *self)
{
  for (guint i = 0; i < self->stops->len; i++)
    if (((MpPoolStop *) g_ptr_array_index (self->stops, i))->is_cancelled)
      return TRUE;
  return FALSE;
}

gboolean
mp_pool_has_events (MpPool *self)
{
  return self->settled.length > 0 || self->events.length > 0 || has_cancelled_stops (self) ||
         self->told_n_pending != mp_pool_count_pending (self) ||
         self->told_n_alive != mp_pool_count_alive (self) ||
         self->told_n_restarts != self->n_restarts;
}

/* Ends the calls of stop_async () that are over: those that were cancelled, or all. */
static void
tell_stops (MpPool  *self,
            gboolean ended)
{
  for (guint i = self->stops->len; i > 0; i--)
    {
      MpPoolStop *stop = g_ptr_array_index (self->stops, i - 1);

      if (!ended && !stop->is_cancelled)
        continue;
      g_ptr_array_steal_index (self->stops, i - 1);
      if (!g_task_return_error_if_cancelled (stop->task))
        g_task_return_boolean (stop->task, TRUE);
      mp_pool_stop_free (stop);
      /* A callback that ran meanwhile may have removed further calls. */
      i = MIN (i, self->stops->len + 1);
    }
}

static void
tell_event (MpPool      *self,
            MpPoolEvent *event)
{
  switch (event->kind)
    {
    case MP_POOL_EVENT_STARTED:
      g_signal_emit (self, mp_pool_signals[MP_POOL_SIGNAL_WORKER_STARTED], 0, event->process);
      break;
    case MP_POOL_EVENT_WORKER_ENDED:
      g_signal_emit (self, mp_pool_signals[MP_POOL_SIGNAL_WORKER_ENDED], 0, event->process,
                     event->exit_code);
      break;
    case MP_POOL_EVENT_FAILED:
      g_signal_emit (self, mp_pool_signals[MP_POOL_SIGNAL_FAILED], 0, event->error);
      break;
    case MP_POOL_EVENT_ENDED:
      g_signal_emit (self, mp_pool_signals[MP_POOL_SIGNAL_ENDED], 0);
      tell_stops (self, TRUE);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
tell_changes (MpPool *self)
{
  guint    n_alive = mp_pool_count_alive (self);
  guint    n_pending = mp_pool_count_pending (self);
  gboolean changed_alive = n_alive != self->told_n_alive;
  gboolean changed_pending = n_pending != self->told_n_pending;
  gboolean changed_restarts = self->n_restarts != self->told_n_restarts;

  self->told_n_alive = n_alive;
  self->told_n_pending = n_pending;
  self->told_n_restarts = self->n_restarts;
  if (changed_alive)
    g_object_notify (G_OBJECT (self), "n-alive");
  if (changed_pending)
    g_object_notify (G_OBJECT (self), "n-pending");
  if (changed_restarts)
    g_object_notify (G_OBJECT (self), "n-restarts");
}

void
mp_pool_tell (MpPool *self)
{
  GList       *link;
  MpPoolEvent *event;

  while ((link = g_queue_pop_head_link (&self->settled)) != NULL)
    tell_result (link->data);

  tell_changes (self);
  tell_stops (self, FALSE);
  while ((event = g_queue_pop_head (&self->events)) != NULL)
    {
      tell_event (self, event);
      event_free (event);
    }
}

void
mp_pool_drop_events (MpPool *self)
{
  g_queue_clear_full (&self->events, event_free);
}
