/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-tasks.h"

#include "pool-protocol.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* How many tasks for each worker are in the queue besides the one that it works on: one, or many if
 * they are short.  No more than needed, since those in the queue can no longer be cancelled. */
#define MIN_AHEAD     1
#define MAX_AHEAD     32
#define SHORT_TASK_US 5000

/* How long reports are read before other sources of the main loop are dispatched. */
#define US_PER_TURN 2000

void
mp_submission_free (MpSubmission *self)
{
  if (self->cancelled_id != 0)
    g_cancellable_disconnect (g_task_get_cancellable (self->task), self->cancelled_id);
  g_clear_pointer (&self->packed, g_variant_unref);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_error (&self->error);
  g_clear_object (&self->task);
  g_free (self);
}

/* Takes ownership of @value or @error. */
static void
settle (MpPool       *self,
        MpSubmission *submission,
        GVariant     *value,
        GError       *error)
{
  if (submission->state == MP_SUBMISSION_WAITING)
    g_queue_unlink (&self->waiting, &submission->link);
  else
    self->n_given--;
  g_hash_table_remove (self->submissions, &submission->number);

  submission->state = MP_SUBMISSION_SETTLED;
  submission->value = value;
  submission->error = error;
  g_clear_pointer (&submission->packed, g_variant_unref);
  if (submission->task != NULL)
    g_queue_push_tail_link (&self->settled, &submission->link);
}

/* --- Submitting ---------------------------------------------------------------------------- */

static GError *
refusal_of (MpPool *self)
{
  if (self->failure != NULL)
    return g_error_copy (self->failure);
  if (self->phase == MP_POOL_NEW)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED,
                                _ ("The pool has not been started"));
  if (!mp_pool_is_own (self))
    return g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED,
                                _ ("The pool belongs to the process that started it"));
  if (self->phase != MP_POOL_RUNNING)
    return g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED, _ ("The pool was stopped"));
  return NULL;
}

/* Inserts the submission behind all that have the same priority. */
static void
insert_by_priority (GQueue       *queue,
                    MpSubmission *submission)
{
  GList *before = queue->tail;

  while (before != NULL && ((MpSubmission *) before->data)->priority > submission->priority)
    before = before->prev;
  if (before != NULL)
    g_queue_insert_after_link (queue, before, &submission->link);
  else
    g_queue_push_head_link (queue, &submission->link);
}

MpSubmission *
mp_pool_add_task (MpPool     *self,
                  const char *function,
                  GVariant   *argument,
                  int         priority)
{
  MpSubmission *submission = g_new0 (MpSubmission, 1);

  submission->number = ++self->last_number;
  submission->priority = priority;
  submission->link.data = submission;
  submission->packed =
    g_variant_ref_sink (mp_pool_task_pack (submission->number, function, argument));
  submission->error = refusal_of (self);
  if (submission->error != NULL)
    submission->state = MP_SUBMISSION_SETTLED;
  else
    {
      g_hash_table_insert (self->submissions, &submission->number, submission);
      insert_by_priority (&self->waiting, submission);
    }
  return submission;
}

void
mp_pool_give_up_task (MpPool       *self,
                      MpSubmission *submission,
                      GError       *error)
{
  settle (self, submission, NULL, error);
}

void
mp_pool_give_up_all (MpPool       *self,
                     const GError *error)
{
  GHashTableIter iter;
  gpointer       submission;

  while (g_hash_table_size (self->submissions) > 0)
    {
      g_hash_table_iter_init (&iter, self->submissions);
      g_hash_table_iter_next (&iter, NULL, &submission);
      settle (self, submission, NULL, g_error_copy (error));
    }
}

/* --- Giving -------------------------------------------------------------------------------- */

/* Returns FALSE if the queue is full. */
static gboolean
give (MpPool       *self,
      MpSubmission *submission)
{
  g_autoptr (GError) error = NULL;

  if (!mp_queue_try_put (MP_QUEUE (self->tasks), submission->packed, &error))
    {
      if (error == NULL)
        return FALSE;
      settle (self, submission, NULL, g_steal_pointer (&error));
      return TRUE;
    }

  g_queue_unlink (&self->waiting, &submission->link);
  submission->state = MP_SUBMISSION_GIVEN;
  submission->given_at = g_get_monotonic_time ();
  g_clear_pointer (&submission->packed, g_variant_unref);
  self->n_given++;
  return TRUE;
}

void
mp_pool_feed (MpPool *self)
{
  guint most = self->n_workers * (self->ahead + 1);

  if (self->phase != MP_POOL_RUNNING && self->phase != MP_POOL_FINISHING)
    return;

  while (self->waiting.head != NULL && self->n_given < most &&
         give (self, self->waiting.head->data))
    continue;
}

/* --- Results ------------------------------------------------------------------------------- */

static MpPoolSlot *
find_slot (MpPool *self,
           guint32 id)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = g_ptr_array_index (self->slots, i);

      if (slot->id == id && slot->process != NULL)
        return slot;
    }
  return NULL;
}

static void
adapt_ahead (MpPool       *self,
             MpSubmission *submission)
{
  if (g_get_monotonic_time () - submission->given_at < SHORT_TASK_US * (gint64) self->ahead)
    self->ahead = MIN (2 * self->ahead, MAX_AHEAD);
  else
    self->ahead = MAX (self->ahead / 2, MIN_AHEAD);
}

/* Ends a submission, unless it was given up, or has its result from a worker that died before it
 * could mark the task as done. */
static void
take_result (MpPool       *self,
             MpPoolReport *report)
{
  MpSubmission *submission = g_hash_table_lookup (self->submissions, &report->number);

  self->n_failures = 0;
  self->delay = self->restart_delay;
  if (submission == NULL)
    return;

  adapt_ahead (self, submission);
  if (report->kind == MP_POOL_REPORT_VALUE)
    settle (self, submission, g_variant_ref (report->value), NULL);
  else
    settle (self, submission, NULL, mp_pool_error_unpack (report->value));
}

static void
take_report (MpPool       *self,
             MpPoolReport *report)
{
  MpPoolSlot *slot = find_slot (self, report->worker);

  switch (report->kind)
    {
    case MP_POOL_REPORT_READY:
      self->n_failures = 0;
      if (slot != NULL)
        slot->is_ready = TRUE;
      break;
    case MP_POOL_REPORT_BEGUN:
      if (slot != NULL)
        {
          slot->task = report->number;
          slot->task_since = g_get_monotonic_time ();
        }
      break;
    case MP_POOL_REPORT_VALUE:
    case MP_POOL_REPORT_ERROR:
      if (slot != NULL && slot->task == report->number)
        slot->task = 0;
      take_result (self, report);
      break;
    default:
      g_debug ("A worker of a pool has sent a report of the unknown kind %d", report->kind);
    }
}

/* Gets an MpMessage, not a GVariant: a message that cannot be converted would stay queued, and
 * block those behind it. */
static gboolean
read_report (MpPool *self)
{
  g_autoptr (MpMessage) message = mp_queue_try_get_message (self->reports, NULL);
  g_autoptr (GVariant) packed = NULL;
  MpPoolReport report;

  if (message == NULL)
    return FALSE;

  packed = mp_message_get_variant (message, NULL);
  if (packed == NULL || !mp_pool_report_unpack (packed, &report))
    {
      g_debug ("A message to a pool is no report of a worker");
      return TRUE;
    }
  take_report (self, &report);
  g_variant_unref (report.value);
  return TRUE;
}

void
mp_pool_read_reports (MpPool *self)
{
  gint64 end = g_get_monotonic_time () + US_PER_TURN;

  while (read_report (self) && g_get_monotonic_time () < end)
    continue;
}

void
mp_pool_read_all_reports (MpPool *self)
{
  for (guint n = mp_queue_get_size (self->reports); n > 0 && read_report (self); n--)
    continue;
}

/* --- Dead letters -------------------------------------------------------------------------- */

static GError *
death_error (MpPool *self)
{
  if (self->last_was_late)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                        _ ("The task was given up after %u deliveries; the last time it took "
                           "longer than %.3g s"),
                        self->max_deliveries, (double) self->task_timeout / G_USEC_PER_SEC);

  return g_error_new (MP_ERROR, MP_ERROR_WORKER_DIED,
                      _ ("The task was given up after %u deliveries; the last worker that ended "
                         "%s"),
                      self->max_deliveries, self->last_end != NULL ? self->last_end : "?");
}

void
mp_pool_collect_dead_letters (MpPool *self)
{
  g_autoptr (MpMessage) message = NULL;

  while ((message = mp_joinable_queue_get_dead (self->tasks, NULL)) != NULL)
    {
      g_autoptr (GVariant) packed = mp_message_get_variant (message, NULL);
      g_autoptr (GVariant) argument = NULL;
      g_autofree char *function = NULL;
      MpSubmission    *submission = NULL;
      guint64          number;

      g_clear_pointer (&message, mp_message_unref);
      /* A worker may have reported a result and died before it could mark the task as done. */
      mp_pool_read_all_reports (self);
      if (packed != NULL && mp_pool_task_unpack (packed, &number, &function, &argument))
        submission = g_hash_table_lookup (self->submissions, &number);
      if (submission != NULL)
        settle (self, submission, NULL, death_error (self));
    }
}
