/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-step.h"

#include "base/mp-deadline.h"
#include "mp-error.h"
#include "pool-events.h"
#include "pool-slots.h"
#include "pool-tasks.h"
#include "queue/mp-queue-private.h"

#include <glib/gi18n-lib.h>

/* How often to check for dead letters after a worker has died.  The other workers detect its death
 * and return its tasks to the queue or make them dead letters, which takes a while: so check often
 * at first, and then at longer intervals as long as the workers have tasks. */
#define SOON_US     (50 * 1000)
#define SOON_FOR_US (2 * G_USEC_PER_SEC)
#define LATER_US    G_USEC_PER_SEC

/* --- Ends ---------------------------------------------------------------------------------- */

static void
end_now (MpPool *self)
{
  self->phase = MP_POOL_ENDED;
  mp_pool_add_event (self, &(MpPoolEvent){ .kind = MP_POOL_EVENT_ENDED });
}

static void
begin_ending (MpPool  *self,
              gboolean immediate)
{
  gint64 now = g_get_monotonic_time ();

  self->phase = MP_POOL_ENDING;
  mp_queue_shutdown (MP_QUEUE (self->tasks), immediate, NULL);
  mp_pool_end_workers (self, immediate ? now : now + self->grace);
}

void
mp_pool_begin_end (MpPool  *self,
                   gboolean finish)
{
  g_autoptr (GError) error = NULL;

  if (self->phase == MP_POOL_NEW || self->phase == MP_POOL_ENDED)
    return;
  if (!finish)
    {
      error = g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED, _ ("The pool was stopped"));
      mp_pool_give_up_all (self, error);
      begin_ending (self, TRUE);
    }
  else if (self->phase == MP_POOL_RUNNING)
    {
      self->phase = MP_POOL_FINISHING;
    }
}

/* Takes ownership of @failure. */
static void
fail (MpPool *self,
      GError *failure)
{
  self->failure = failure;
  mp_pool_give_up_all (self, failure);
  mp_pool_add_event (self, &(MpPoolEvent){ .kind = MP_POOL_EVENT_FAILED,
                                           .error = g_error_copy (failure) });
  begin_ending (self, TRUE);
}

static void
check_end (MpPool *self)
{
  if (self->phase == MP_POOL_FINISHING && mp_pool_count_pending (self) == 0)
    begin_ending (self, FALSE);
  if (mp_pool_has_workers (self))
    return;

  if (mp_pool_count_pending (self) > 0)
    {
      g_autoptr (GError) error =
        g_error_new_literal (MP_ERROR, MP_ERROR_WORKER_DIED, _ ("The pool has no more workers"));

      mp_pool_give_up_all (self, error);
    }
  end_now (self);
}

/* --- Steps --------------------------------------------------------------------------------- */

static void
bury (MpPool *self)
{
  gint64 now = g_get_monotonic_time ();

  if (mp_pool_bury (self))
    {
      self->dead_letters_until = now + SOON_FOR_US;
      self->dead_letters_at = now;
    }
}

static void
look_for_dead_letters (MpPool *self)
{
  gint64 now = g_get_monotonic_time ();

  if (self->dead_letters_at == MP_DEADLINE_NEVER || self->dead_letters_at > now)
    return;

  mp_pool_collect_dead_letters (self);
  if (self->n_given == 0)
    self->dead_letters_at = MP_DEADLINE_NEVER;
  else
    self->dead_letters_at = now + (now < self->dead_letters_until ? SOON_US : LATER_US);
}

static void
start_workers (MpPool *self)
{
  g_autoptr (GError) error = NULL;

  if (!mp_pool_start_due (self, &error))
    {
      g_free (self->last_end);
      self->last_end = g_strdup_printf (_ ("could not be started: %s"), error->message);
    }
  if (self->n_failures >= self->max_restarts)
    fail (self, g_error_new (MP_ERROR, MP_ERROR_WORKER_DIED,
                             _ ("%u workers in a row have ended before they took a task; the last "
                                "one %s"),
                             self->n_failures, self->last_end != NULL ? self->last_end : "?"));
}

static void
set_timer (MpPool *self)
{
  gint64 due = mp_pool_get_due (self);

  if (self->dead_letters_at != MP_DEADLINE_NEVER &&
      (due == MP_DEADLINE_NEVER || self->dead_letters_at < due))
    due = self->dead_letters_at;
  mp_pool_watch_set_due (&self->watch, due);
}

void
mp_pool_step (MpPool *self)
{
  if (self->phase == MP_POOL_NEW || self->phase == MP_POOL_ENDED || !mp_pool_is_own (self))
    return;

  bury (self);
  mp_pool_read_reports (self);
  look_for_dead_letters (self);
  if (self->phase == MP_POOL_RUNNING || self->phase == MP_POOL_FINISHING)
    {
      mp_pool_dismiss (self);
      start_workers (self);
    }
  mp_pool_feed (self);
  mp_pool_send_signals (self);
  check_end (self);
  set_timer (self);
}

gboolean
mp_pool_sleep (MpPool       *self,
               MpWaitFlags   flags,
               gint64        timeout_us,
               GCancellable *cancellable,
               GError      **error)
{
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  return mp_waitable_is_ready (MP_WAITABLE (self->reports), NULL) ||
         mp_waitable_wait (self->waited, MP_CONDITION_READABLE, flags, timeout_us, cancellable,
                           error);
}

gboolean
mp_pool_is_due (MpPool *self)
{
  if (self->phase == MP_POOL_NEW || !mp_pool_is_own (self))
    return FALSE;
  return mp_pool_has_events (self) ||
         (self->phase != MP_POOL_ENDED &&
          (mp_waitable_is_ready (MP_WAITABLE (self->reports), NULL) ||
           mp_pool_watch_is_ready (&self->watch)));
}

/* --- Starting ------------------------------------------------------------------------------ */

static gboolean
open_queues (MpPool  *self,
             GError **error)
{
  self->tasks = g_object_new (MP_TYPE_JOINABLE_QUEUE,
                              "name", "pool-tasks",
                              "max-deliveries", self->max_deliveries, NULL);
  self->reports = g_object_new (MP_TYPE_QUEUE, "name", "pool-reports", NULL);
  return mp_queue_check (MP_QUEUE (self->tasks), error) && mp_queue_check (self->reports, error);
}

static void
close_all (MpPool *self)
{
  g_clear_object (&self->waited);
  mp_pool_watch_close (&self->watch);
  g_clear_object (&self->tasks);
  g_clear_object (&self->reports);
}

gboolean
mp_pool_open (MpPool  *self,
              GError **error)
{
  if (!open_queues (self, error) ||
      !mp_pool_watch_open (&self->watch, mp_waitable_get_fd (MP_WAITABLE (self->reports)), error))
    {
      close_all (self);
      return FALSE;
    }

  self->waited = mp_waitable_new_for_fd (self->watch.epoll_fd);
  self->fork_count = mp_fork_count;
  self->delay = self->restart_delay;
  mp_pool_resize (self);
  if (!mp_pool_start_due (self, error))
    {
      mp_pool_abandon_workers (self);
      g_ptr_array_set_size (self->slots, 0);
      mp_pool_drop_events (self);
      self->n_failures = 0;
      close_all (self);
      return FALSE;
    }
  self->phase = MP_POOL_RUNNING;
  set_timer (self);
  return TRUE;
}

/* --- Source -------------------------------------------------------------------------------- */

typedef struct
{
  GSource parent;
  MpPool *pool; /* outlives the source */
} PoolSource;

static gboolean
pool_source_prepare (GSource *source,
                     int     *timeout)
{
  MpPool *pool = ((PoolSource *) source)->pool;

  *timeout = -1;
  return mp_pool_is_own (pool) &&
         (mp_pool_has_events (pool) ||
          (pool->phase != MP_POOL_ENDED &&
           mp_waitable_is_ready (MP_WAITABLE (pool->reports), NULL)));
}

/* A forked child removes its copy of the source: the child shares the epoll instance with the
 * parent, so it would be woken for the events of the parent's pool.  After the end of the pool the
 * source is removed, too. */
static gboolean
pool_source_dispatch (GSource    *source,
                      GSourceFunc callback,
                      gpointer    user_data)
{
  g_autoptr (MpPool) pool = g_object_ref (((PoolSource *) source)->pool);

  if (!mp_pool_is_own (pool))
    return G_SOURCE_REMOVE;

  mp_pool_step (pool);
  mp_pool_tell (pool);
  return pool->phase != MP_POOL_ENDED || mp_pool_has_events (pool);
}

static GSourceFuncs pool_source_funcs = {
  .prepare = pool_source_prepare,
  .dispatch = pool_source_dispatch,
};

GSource *
mp_pool_source_new (MpPool *self)
{
  GSource *source = g_source_new (&pool_source_funcs, sizeof (PoolSource));

  ((PoolSource *) source)->pool = self;
  g_source_add_unix_fd (source, self->watch.epoll_fd, G_IO_IN);
  g_source_set_static_name (source, "MpPool");
  /* Below the priority at which a window is drawn, since results may come without pause. */
  g_source_set_priority (source, G_PRIORITY_DEFAULT_IDLE);
  /* A callback may iterate the main context until another task is done. */
  g_source_set_can_recurse (source, TRUE);
  return source;
}
