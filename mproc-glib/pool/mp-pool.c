/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-state.h"

#include "base/mp-deadline.h"
#include "mp-enum-types.h"
#include "pool-events.h"
#include "pool-slots.h"
#include "pool-step.h"
#include "pool-tasks.h"

#include <glib/gi18n-lib.h>

/**
 * MpPool:
 *
 * Worker processes that do tasks, and are replaced when they end.
 *
 * ```c
 * const char *argv[] = { "python3", "worker.py", NULL };
 * g_autoptr (MpPool) pool = mp_pool_new (argv, 4);
 *
 * if (!mp_pool_start (pool, &error))
 *   return FALSE;
 * mp_pool_submit_async (pool, "square", g_variant_new_int64 (12), G_PRIORITY_DEFAULT, NULL,
 *                       squared_cb, NULL);
 * ```
 *
 * A worker is a program in any language, which does what [class@PoolWorker] gives it:
 *
 * ```python
 * Mp.pool_work({'square': lambda x: x * x})
 * ```
 *
 * Arguments and results are plain values, so a pool in one language can have workers in another.
 *
 * When a worker dies, no result is lost: it is replaced, and its task is given to another worker,
 * up to [property@Pool:max-deliveries] times in all. Workers that die one after the other are
 * replaced after growing delays; if too many in a row die before they take a task, the pool
 * fails, see [signal@Pool::failed].
 *
 * A program that does not use the tasks of the pool may be a worker too: it is supervised all the
 * same, and gets queues by [method@Pool.give].
 *
 * A pool works in the main context that was the thread-default one at its start, without a thread
 * of its own, and emits its signals there. Its functions are to be called in that thread. Without a
 * main loop it works during [method@Pool.submit], [method@Pool.stop] and
 * [method@Pool.iterate]. As an [iface@Waitable] it is ready when it has something to do.
 *
 * The workers end when the last reference to the pool is dropped, and when the process ends. In a
 * forked copy of the process the pool cannot be used.
 *
 * Since: 1.0
 */

static void mp_pool_waitable_init (MpWaitableInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (MpPool,
                               mp_pool,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, mp_pool_waitable_init))

enum
{
  PROP_ARGV = 1,
  PROP_N_WORKERS,
  PROP_MAX_TASKS,
  PROP_MAX_MEMORY,
  PROP_TASK_TIMEOUT,
  PROP_MAX_DELIVERIES,
  PROP_GRACE,
  PROP_RESTART,
  PROP_RESTART_DELAY,
  PROP_MAX_RESTARTS,
  PROP_N_ALIVE,
  PROP_N_PENDING,
  PROP_N_RESTARTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* --- Waiting ------------------------------------------------------------------------------- */

static int
mp_pool_get_fd (MpWaitable *waitable)
{
  return MP_POOL (waitable)->watch.epoll_fd;
}

static gboolean
mp_pool_is_ready (MpWaitable *waitable,
                  GError    **error)
{
  MpPool *self = MP_POOL (waitable);

  if (self->phase == MP_POOL_NEW)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED,
                           _ ("The pool has not been started"));
      return FALSE;
    }
  return mp_pool_is_due (self);
}

static void
mp_pool_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_pool_get_fd;
  iface->is_ready = mp_pool_is_ready;
}

/* --- The class ----------------------------------------------------------------------------- */

static void
slot_free (gpointer data)
{
  MpPoolSlot *slot = data;

  g_clear_object (&slot->process);
  g_free (slot);
}

/* Submissions and stops hold references to the pool until they are over, so none is left here. */
static void
mp_pool_dispose (GObject *object)
{
  MpPool *self = MP_POOL (object);

  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);

  if (self->tasks != NULL && mp_pool_is_own (self))
    {
      if (self->phase != MP_POOL_ENDED)
        mp_queue_shutdown (MP_QUEUE (self->tasks), TRUE, NULL);
      mp_pool_abandon_workers (self);
    }
  g_ptr_array_set_size (self->slots, 0);
  self->phase = MP_POOL_ENDED;

  g_clear_object (&self->waited);
  g_clear_object (&self->tasks);
  g_clear_object (&self->reports);
  g_hash_table_remove_all (self->given);
  mp_pool_drop_events (self);

  G_OBJECT_CLASS (mp_pool_parent_class)->dispose (object);
}

static void
mp_pool_finalize (GObject *object)
{
  MpPool *self = MP_POOL (object);

  mp_pool_watch_close (&self->watch);
  g_ptr_array_unref (self->slots);
  g_ptr_array_unref (self->stops);
  g_hash_table_unref (self->given);
  g_hash_table_unref (self->submissions);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_error (&self->failure);
  g_free (self->last_end);
  g_strfreev (self->argv);

  G_OBJECT_CLASS (mp_pool_parent_class)->finalize (object);
}

static void
mp_pool_get_property (GObject    *object,
                      guint       prop_id,
                      GValue     *value,
                      GParamSpec *pspec)
{
  MpPool *self = MP_POOL (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      g_value_set_boxed (value, self->argv);
      break;
    case PROP_N_WORKERS:
      g_value_set_uint (value, mp_pool_get_n_workers (self));
      break;
    case PROP_MAX_TASKS:
      g_value_set_uint (value, self->max_tasks);
      break;
    case PROP_MAX_MEMORY:
      g_value_set_uint64 (value, self->max_memory);
      break;
    case PROP_TASK_TIMEOUT:
      g_value_set_int64 (value, self->task_timeout);
      break;
    case PROP_MAX_DELIVERIES:
      g_value_set_uint (value, self->max_deliveries);
      break;
    case PROP_GRACE:
      g_value_set_int64 (value, self->grace);
      break;
    case PROP_RESTART:
      g_value_set_enum (value, self->restart);
      break;
    case PROP_RESTART_DELAY:
      g_value_set_int64 (value, self->restart_delay);
      break;
    case PROP_MAX_RESTARTS:
      g_value_set_uint (value, self->max_restarts);
      break;
    case PROP_N_ALIVE:
      g_value_set_uint (value, mp_pool_get_n_alive (self));
      break;
    case PROP_N_PENDING:
      g_value_set_uint (value, mp_pool_get_n_pending (self));
      break;
    case PROP_N_RESTARTS:
      g_value_set_uint (value, mp_pool_get_n_restarts (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_pool_set_property (GObject      *object,
                      guint         prop_id,
                      const GValue *value,
                      GParamSpec   *pspec)
{
  MpPool *self = MP_POOL (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      mp_pool_set_argv (self, g_value_get_boxed (value));
      break;
    case PROP_N_WORKERS:
      mp_pool_set_n_workers (self, g_value_get_uint (value));
      break;
    case PROP_MAX_TASKS:
      self->max_tasks = g_value_get_uint (value);
      break;
    case PROP_MAX_MEMORY:
      self->max_memory = g_value_get_uint64 (value);
      break;
    case PROP_TASK_TIMEOUT:
      self->task_timeout = g_value_get_int64 (value);
      break;
    case PROP_MAX_DELIVERIES:
      self->max_deliveries = g_value_get_uint (value);
      break;
    case PROP_GRACE:
      self->grace = g_value_get_int64 (value);
      break;
    case PROP_RESTART:
      self->restart = g_value_get_enum (value);
      break;
    case PROP_RESTART_DELAY:
      self->restart_delay = g_value_get_int64 (value);
      break;
    case PROP_MAX_RESTARTS:
      self->max_restarts = g_value_get_uint (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags fixed = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_CONSTRUCT_ONLY;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * MpPool:argv: (getter get_argv) (setter set_argv)
   *
   * The program of the workers and its arguments. A program without a slash is searched for in
   * `PATH`.
   *
   * It has to be the worker itself: a shell that starts one would be terminated in its place.
   *
   * Since: 1.0
   */
  properties[PROP_ARGV] =
    g_param_spec_boxed ("argv", NULL, NULL, G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_CONSTRUCT |
                          G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpPool:n-workers: (getter get_n_workers) (setter set_n_workers)
   *
   * How many workers there are; 0 for one for each processor.
   *
   * May be changed while the pool runs. Of workers that are too many, those that take tasks end
   * after their current one, others are terminated.
   *
   * Since: 1.0
   */
  properties[PROP_N_WORKERS] =
    g_param_spec_uint ("n-workers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_CONSTRUCT |
                         G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpPool:max-tasks:
   *
   * After how many tasks a worker is replaced; 0 for no limit.
   *
   * For a worker that does not take tasks from the pool, those count that it takes from one of its
   * joinable queues, which were passed by [method@Pool.give]: after that many, gets from it fail
   * with `MP_ERROR_CLOSED`, as after a shutdown, so that the worker ends by itself. One that gets
   * several at once may take more.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_TASKS] =
    g_param_spec_uint ("max-tasks", NULL, NULL, 0, G_MAXUINT, 0, fixed);

  /**
   * MpPool:max-memory:
   *
   * A worker that uses more bytes of memory than this after a task is replaced; 0 for no limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_MEMORY] =
    g_param_spec_uint64 ("max-memory", NULL, NULL, 0, G_MAXUINT64, 0, fixed);

  /**
   * MpPool:task-timeout:
   *
   * How long a worker may take for a task, in microseconds; -1 for no limit.
   *
   * A worker that takes longer is terminated, and killed after [property@Pool:grace]. Its task is
   * given to another worker, and fails with `G_IO_ERROR_TIMED_OUT` after
   * [property@Pool:max-deliveries] of them.
   *
   * Since: 1.0
   */
  properties[PROP_TASK_TIMEOUT] =
    g_param_spec_int64 ("task-timeout", NULL, NULL, -1, G_MAXINT64 / 4, -1, fixed);

  /**
   * MpPool:max-deliveries:
   *
   * How many workers may die of a task before it fails with `MP_ERROR_WORKER_DIED`; 0 for no limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_DELIVERIES] =
    g_param_spec_uint ("max-deliveries", NULL, NULL, 0, G_MAXUINT, 3, fixed);

  /**
   * MpPool:grace:
   *
   * How long a worker may take to end after it was asked to, in microseconds. Then it is
   * terminated, or killed if it was terminated before.
   *
   * Since: 1.0
   */
  properties[PROP_GRACE] =
    g_param_spec_int64 ("grace", NULL, NULL, 0, G_MAXINT64 / 4, 10 * G_USEC_PER_SEC, fixed);

  /**
   * MpPool:restart:
   *
   * Which workers are replaced when they end.
   *
   * Since: 1.0
   */
  properties[PROP_RESTART] = g_param_spec_enum ("restart", NULL, NULL, MP_TYPE_POOL_RESTART,
                                                MP_POOL_RESTART_ALWAYS, fixed);

  /**
   * MpPool:restart-delay:
   *
   * After how many microseconds a worker that died is replaced.
   *
   * The delay is doubled at each death, up to 10 seconds. It is this one again when a task has been
   * done, and after a worker that lived for more than 10 seconds.
   *
   * Since: 1.0
   */
  properties[PROP_RESTART_DELAY] =
    g_param_spec_int64 ("restart-delay", NULL, NULL, 0, G_MAXINT64 / 4, G_USEC_PER_SEC / 10,
                        fixed);

  /**
   * MpPool:max-restarts:
   *
   * How many workers in a row may end, with an exit code other than 0, before they take tasks and
   * within 10 seconds, until the pool fails.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_RESTARTS] =
    g_param_spec_uint ("max-restarts", NULL, NULL, 1, G_MAXUINT, 5, fixed);

  /**
   * MpPool:n-alive: (getter get_n_alive)
   *
   * How many workers are running.
   *
   * Since: 1.0
   */
  properties[PROP_N_ALIVE] =
    g_param_spec_uint ("n-alive", NULL, NULL, 0, G_MAXUINT, 0, readable);

  /**
   * MpPool:n-pending: (getter get_n_pending)
   *
   * How many tasks were submitted and have no result.
   *
   * Since: 1.0
   */
  properties[PROP_N_PENDING] =
    g_param_spec_uint ("n-pending", NULL, NULL, 0, G_MAXUINT, 0, readable);

  /**
   * MpPool:n-restarts: (getter get_n_restarts)
   *
   * How many workers have been replaced.
   *
   * Since: 1.0
   */
  properties[PROP_N_RESTARTS] =
    g_param_spec_uint ("n-restarts", NULL, NULL, 0, G_MAXUINT, 0, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
install_signals (MpPoolClass *klass)
{
  /**
   * MpPool::worker-started:
   * @self: the pool
   * @process: the worker
   *
   * Emitted when a worker has been started.
   *
   * Since: 1.0
   */
  mp_pool_signals[MP_POOL_SIGNAL_WORKER_STARTED] =
    g_signal_new ("worker-started", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                  NULL, G_TYPE_NONE, 1, MP_TYPE_PROCESS);

  /**
   * MpPool::worker-ended:
   * @self: the pool
   * @process: the worker
   * @exit_code: its exit code, or the negative number of the signal that ended it
   *
   * Emitted when a worker has ended.
   *
   * Since: 1.0
   */
  mp_pool_signals[MP_POOL_SIGNAL_WORKER_ENDED] =
    g_signal_new ("worker-ended", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                  NULL, G_TYPE_NONE, 2, MP_TYPE_PROCESS, G_TYPE_INT);

  /**
   * MpPool::failed:
   * @self: the pool
   * @error: why
   *
   * Emitted when the pool gives up, since [property@Pool:max-restarts] workers in a row have ended
   * before they took a task.
   *
   * All tasks without a result fail with this error, and so do those that are submitted later. The
   * workers that are left are terminated.
   *
   * Since: 1.0
   */
  mp_pool_signals[MP_POOL_SIGNAL_FAILED] =
    g_signal_new ("failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);

  /**
   * MpPool::ended:
   * @self: the pool
   *
   * Emitted when no worker is left and none will be started: after a stop, after a failure, and
   * when the last worker has ended that is not replaced.
   *
   * Since: 1.0
   */
  mp_pool_signals[MP_POOL_SIGNAL_ENDED] =
    g_signal_new ("ended", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 0);
}

static void
mp_pool_class_init (MpPoolClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = mp_pool_dispose;
  object_class->finalize = mp_pool_finalize;
  object_class->get_property = mp_pool_get_property;
  object_class->set_property = mp_pool_set_property;
  install_properties (object_class);
  install_signals (klass);
}

static void
mp_pool_init (MpPool *self)
{
  self->watch = (MpPoolWatch) MP_POOL_WATCH_INIT;
  self->fork_count = mp_fork_count;
  self->ahead = 1;
  self->dead_letters_at = MP_DEADLINE_NEVER;
  self->given = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->submissions = g_hash_table_new (g_int64_hash, g_int64_equal);
  self->slots = g_ptr_array_new_with_free_func (slot_free);
  self->stops = g_ptr_array_new_with_free_func (mp_pool_stop_free);
}

/**
 * mp_pool_new:
 * @argv: (array zero-terminated=1) (element-type filename): the program of the workers and its
 *   arguments
 * @n_workers: how many workers; 0 for one for each processor
 *
 * Creates a pool. No worker is started yet.
 *
 * Returns: (transfer full): a new pool
 *
 * Since: 1.0
 */
MpPool *
mp_pool_new (const char *const *argv,
             guint              n_workers)
{
  g_return_val_if_fail (argv != NULL && argv[0] != NULL, NULL);

  return g_object_new (MP_TYPE_POOL, "argv", argv, "n-workers", n_workers, NULL);
}

/**
 * mp_pool_give:
 * @self: a pool that is not started yet
 * @name: the name under which the workers get it
 * @shareable: the object to pass
 *
 * Passes a queue or another shareable object to each worker, see [method@Process.give].
 *
 * Since: 1.0
 */
void
mp_pool_give (MpPool      *self,
              const char  *name,
              MpShareable *shareable)
{
  g_return_if_fail (MP_IS_POOL (self));
  g_return_if_fail (self->phase == MP_POOL_NEW);
  g_return_if_fail (name != NULL);
  g_return_if_fail (MP_IS_SHAREABLE (shareable));

  g_hash_table_replace (self->given, g_strdup (name), g_object_ref (shareable));
}

/**
 * mp_pool_start:
 * @self: a pool
 * @error: return location for an error
 *
 * Starts the workers.
 *
 * From now on the pool works in the current thread-default main context. Fails as
 * [method@Process.start] does, with `G_IO_ERROR_EXISTS` if it was started before, and if no queues
 * can be created. If a worker cannot be started, those before it are terminated.
 *
 * Returns: whether the workers are running
 *
 * Since: 1.0
 */
gboolean
mp_pool_start (MpPool  *self,
               GError **error)
{
  g_return_val_if_fail (MP_IS_POOL (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (self->phase != MP_POOL_NEW)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                           _ ("The pool has been started already"));
      return FALSE;
    }

  g_clear_pointer (&self->context, g_main_context_unref);
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  if (!mp_pool_open (self, error))
    return FALSE;

  self->source = mp_pool_source_new (self);
  g_source_attach (self->source, self->context);
  return TRUE;
}

/**
 * mp_pool_set_argv: (set-property argv)
 * @self: a pool that is not started yet
 * @argv: (nullable) (array zero-terminated=1) (element-type filename): the program and its
 *   arguments
 *
 * Sets the program of the workers and its arguments. See [property@Pool:argv].
 *
 * Since: 1.0
 */
void
mp_pool_set_argv (MpPool            *self,
                  const char *const *argv)
{
  char **old;

  g_return_if_fail (MP_IS_POOL (self));
  g_return_if_fail (self->phase == MP_POOL_NEW);

  old = self->argv;
  self->argv = g_strdupv ((char **) argv);
  g_strfreev (old);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ARGV]);
}

/**
 * mp_pool_get_argv: (get-property argv)
 * @self: a pool
 *
 * Gets the program of the workers and its arguments.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1) (element-type filename): the
 *   arguments
 *
 * Since: 1.0
 */
const char *const *
mp_pool_get_argv (MpPool *self)
{
  g_return_val_if_fail (MP_IS_POOL (self), NULL);

  return (const char *const *) self->argv;
}

/**
 * mp_pool_set_n_workers: (set-property n-workers)
 * @self: a pool
 * @n_workers: how many workers; 0 for one for each processor
 *
 * Sets how many workers there are. See [property@Pool:n-workers].
 *
 * Since: 1.0
 */
void
mp_pool_set_n_workers (MpPool *self,
                       guint   n_workers)
{
  g_return_if_fail (MP_IS_POOL (self));

  n_workers = n_workers > 0 ? n_workers : g_get_num_processors ();
  if (n_workers == self->n_workers)
    return;

  self->n_workers = n_workers;
  if (self->phase == MP_POOL_RUNNING && mp_pool_is_own (self))
    {
      mp_pool_resize (self);
      mp_pool_step (self);
    }
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_WORKERS]);
}

/**
 * mp_pool_get_n_workers: (get-property n-workers)
 * @self: a pool
 *
 * Gets how many workers there are to be.
 *
 * Returns: the number of workers
 *
 * Since: 1.0
 */
guint
mp_pool_get_n_workers (MpPool *self)
{
  g_return_val_if_fail (MP_IS_POOL (self), 0);

  return self->n_workers;
}

/**
 * mp_pool_get_n_alive: (get-property n-alive)
 * @self: a pool
 *
 * Gets how many workers are running.
 *
 * Returns: the number of workers
 *
 * Since: 1.0
 */
guint
mp_pool_get_n_alive (MpPool *self)
{
  g_return_val_if_fail (MP_IS_POOL (self), 0);

  return mp_pool_count_alive (self);
}

/**
 * mp_pool_get_n_pending: (get-property n-pending)
 * @self: a pool
 *
 * Gets how many tasks were submitted and have no result.
 *
 * Returns: the number of tasks
 *
 * Since: 1.0
 */
guint
mp_pool_get_n_pending (MpPool *self)
{
  g_return_val_if_fail (MP_IS_POOL (self), 0);

  return mp_pool_count_pending (self);
}

/**
 * mp_pool_get_n_restarts: (get-property n-restarts)
 * @self: a pool
 *
 * Gets how many workers have been replaced.
 *
 * Returns: the number of workers
 *
 * Since: 1.0
 */
guint
mp_pool_get_n_restarts (MpPool *self)
{
  g_return_val_if_fail (MP_IS_POOL (self), 0);

  return self->n_restarts;
}

/**
 * mp_pool_list_workers:
 * @self: a pool
 *
 * Lists the workers that are running.
 *
 * Returns: (transfer container) (element-type MpProcess): the processes
 *
 * Since: 1.0
 */
GPtrArray *
mp_pool_list_workers (MpPool *self)
{
  GPtrArray *workers;

  g_return_val_if_fail (MP_IS_POOL (self), NULL);

  workers = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < self->slots->len; i++)
    {
      MpPoolSlot *slot = g_ptr_array_index (self->slots, i);

      if (slot->process != NULL)
        g_ptr_array_add (workers, g_object_ref (slot->process));
    }
  return workers;
}
