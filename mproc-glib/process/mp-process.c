/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process.h"

#include <glib/gi18n-lib.h>
#include <signal.h>
#include <string.h>

#include "bequest.h"
#include "child.h"
#include "mp-waitable.h"

#include "base/mp-async.h"

/**
 * MpProcess:
 *
 * A program that runs as a child of this one, and is handed queues and connections.
 *
 * ```c
 * const char *argv[] = { "python3", "worker.py", NULL };
 * g_autoptr (MpProcess) worker = mp_process_new (argv);
 *
 * mp_process_give (worker, "tasks", MP_SHAREABLE (tasks));
 * if (!mp_process_start (worker, &error))
 *   return FALSE;
 * ```
 *
 * The child takes what it was given with [func@inherit], by name:
 *
 * ```python
 * tasks = Mp.inherit('tasks')
 * ```
 *
 * The child gets the descriptors of what was given and no other; its standard input is
 * empty, its standard output and error are the parent's.
 *
 * A process is an [iface@Waitable], which is ready when it has ended. No signal
 * handler, thread or main loop is needed to notice that.
 *
 * Dropping the last reference does not end the child. A child that was dropped and then
 * ends remains a zombie until another process is started or dropped; call
 * [method@Process.join] where that matters.
 *
 * The functions of this class may be called from any thread. In a forked copy of the parent
 * the child is not a child, and all that is seen of it is whether it is alive.
 *
 * Since: 1.0
 */

typedef struct
{
  GMutex lock;

  /* What start() needs. */
  char **argv;
  char  *cwd;

  /* Values of variables, NULL for one that is removed, and MpShareables, by their names. */
  GHashTable *environment;
  GHashTable *gifts;
  gboolean    die_with_parent;

  /* What it makes. */
  MpChild child;
  int     exit_code;
} MpProcessPrivate;

static void mp_process_waitable_init (MpWaitableInterface *iface);

G_DEFINE_TYPE_WITH_CODE (MpProcess,
                         mp_process,
                         G_TYPE_OBJECT,
                         G_ADD_PRIVATE (MpProcess)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, mp_process_waitable_init))

enum
{
  PROP_ARGV = 1,
  PROP_CWD,
  PROP_DIE_WITH_PARENT,
  PROP_PID,
  PROP_EXIT_CODE,
  PROP_ALIVE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static inline MpProcessPrivate *
get_priv (MpProcess *self)
{
  return mp_process_get_instance_private (self);
}

static GHashTable *
make_gifts (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
}

/* Looks whether the child has ended.  The lock must be held. */
static int
update_exit_code (MpProcessPrivate *priv)
{
  int exit_code;

  if (priv->exit_code == MP_PROCESS_STILL_ALIVE && priv->child.pid_fd >= 0 &&
      mp_child_reap (&priv->child, &exit_code))
    priv->exit_code = exit_code;

  return priv->exit_code;
}

static int
mp_process_get_fd (MpWaitable *waitable)
{
  MpProcessPrivate *priv = get_priv (MP_PROCESS (waitable));
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&priv->lock);

  return priv->child.pid_fd;
}

/* The descriptor tells all but that there is none yet. */
static gboolean
mp_process_has_pending (MpWaitable *waitable,
                        GError    **error)
{
  MpProcessPrivate *priv = get_priv (MP_PROCESS (waitable));
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&priv->lock);

  if (priv->child.pid_fd < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED,
                 _ ("The process has not been started"));

  return priv->exit_code != MP_PROCESS_STILL_ALIVE;
}

static void
mp_process_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_process_get_fd;
  iface->has_pending = mp_process_has_pending;
}

static void
mp_process_finalize (GObject *object)
{
  MpProcessPrivate *priv = get_priv (MP_PROCESS (object));

  mp_child_drop (&priv->child);
  g_strfreev (priv->argv);
  g_hash_table_unref (priv->environment);
  g_free (priv->cwd);
  g_hash_table_unref (priv->gifts);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (mp_process_parent_class)->finalize (object);
}

static void
mp_process_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  MpProcess *self = MP_PROCESS (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      g_value_set_boxed (value, mp_process_get_argv (self));
      break;
    case PROP_CWD:
      g_value_take_string (value, mp_process_get_cwd (self));
      break;
    case PROP_DIE_WITH_PARENT:
      g_value_set_boolean (value, mp_process_get_die_with_parent (self));
      break;
    case PROP_PID:
      g_value_set_int (value, mp_process_get_pid (self));
      break;
    case PROP_EXIT_CODE:
      g_value_set_int (value, mp_process_get_exit_code (self));
      break;
    case PROP_ALIVE:
      g_value_set_boolean (value, mp_process_get_alive (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_process_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  MpProcess *self = MP_PROCESS (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      get_priv (self)->argv = g_value_dup_boxed (value);
      break;
    case PROP_CWD:
      mp_process_set_cwd (self, g_value_get_string (value));
      break;
    case PROP_DIE_WITH_PARENT:
      mp_process_set_die_with_parent (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_process_class_init (MpProcessClass *klass)
{
  const GParamFlags settable = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass     *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = mp_process_finalize;
  object_class->get_property = mp_process_get_property;
  object_class->set_property = mp_process_set_property;

  /**
   * MpProcess:argv: (getter get_argv)
   *
   * The program and its arguments. A program without a slash is looked for in `PATH`.
   *
   * Since: 1.0
   */
  properties[PROP_ARGV] =
    g_param_spec_boxed ("argv", NULL, NULL, G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_CONSTRUCT_ONLY);

  /**
   * MpProcess:cwd: (getter get_cwd) (setter set_cwd)
   *
   * The folder that the child starts in; %NULL for that of the parent.
   *
   * Since: 1.0
   */
  properties[PROP_CWD] = g_param_spec_string ("cwd", NULL, NULL, NULL, settable);

  /**
   * MpProcess:die-with-parent: (getter get_die_with_parent) (setter set_die_with_parent)
   *
   * Whether the child is terminated when the parent ends, in whatever way.
   *
   * It is sent `SIGTERM` by the kernel, as [method@Process.terminate] does it. A forked copy
   * of the parent, which has its descriptors, counts as the parent.
   *
   * Since: 1.0
   */
  properties[PROP_DIE_WITH_PARENT] =
    g_param_spec_boolean ("die-with-parent", NULL, NULL, FALSE, settable);

  /**
   * MpProcess:pid: (getter get_pid)
   *
   * The number of the child; 0 before the start.
   *
   * Since: 1.0
   */
  properties[PROP_PID] =
    g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, readable | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpProcess:exit-code: (getter get_exit_code)
   *
   * How the child ended. See [method@Process.get_exit_code].
   *
   * There is no notification; wait for the process instead.
   *
   * Since: 1.0
   */
  properties[PROP_EXIT_CODE] =
    g_param_spec_int ("exit-code", NULL, NULL, G_MININT, G_MAXINT, MP_PROCESS_STILL_ALIVE,
                      readable);

  /**
   * MpProcess:alive: (getter get_alive)
   *
   * Whether the child runs.
   *
   * There is no notification; wait for the process instead.
   *
   * Since: 1.0
   */
  properties[PROP_ALIVE] = g_param_spec_boolean ("alive", NULL, NULL, FALSE, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
mp_process_init (MpProcess *self)
{
  MpProcessPrivate *priv = get_priv (self);

  g_mutex_init (&priv->lock);
  priv->environment = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  priv->gifts = make_gifts ();
  priv->child = (MpChild) MP_CHILD_INIT;
  priv->exit_code = MP_PROCESS_STILL_ALIVE;
}

/**
 * mp_process_new:
 * @argv: (array zero-terminated=1): the program and its arguments
 *
 * Makes a process that is not started yet.
 *
 * Returns: (transfer full): a new process
 *
 * Since: 1.0
 */
MpProcess *
mp_process_new (const char *const *argv)
{
  g_return_val_if_fail (argv != NULL && argv[0] != NULL, NULL);

  return g_object_new (MP_TYPE_PROCESS, "argv", argv, NULL);
}

/**
 * mp_process_give:
 * @self: a process that is not started yet
 * @name: the name under which the child finds it
 * @shareable: what to hand over
 *
 * Hands a queue, a connection or the like to the child at its start.
 *
 * Whether it can be handed over shows at [method@Process.start]; until then the process holds a
 * reference. A connection that the child is to have for itself is closed here after the start.
 *
 * Since: 1.0
 */
void
mp_process_give (MpProcess   *self,
                 const char  *name,
                 MpShareable *shareable)
{
  g_return_if_fail (MP_IS_PROCESS (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (MP_IS_SHAREABLE (shareable));

  g_mutex_lock (&get_priv (self)->lock);
  g_hash_table_replace (get_priv (self)->gifts, g_strdup (name), g_object_ref (shareable));
  g_mutex_unlock (&get_priv (self)->lock);
}

/**
 * mp_process_set_env:
 * @self: a process that is not started yet
 * @variable: (type filename): the name of a variable
 * @value: (type filename) (nullable): its value, or %NULL to remove it
 *
 * Changes a variable in the environment of the child, which is else that of the parent at
 * the start.
 *
 * Since: 1.0
 */
void
mp_process_set_env (MpProcess  *self,
                    const char *variable,
                    const char *value)
{
  MpProcessPrivate *priv;

  g_return_if_fail (MP_IS_PROCESS (self));
  g_return_if_fail (variable != NULL && *variable != '\0' && strchr (variable, '=') == NULL);

  priv = get_priv (self);
  g_mutex_lock (&priv->lock);
  g_hash_table_replace (priv->environment, g_strdup (variable), g_strdup (value));
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_process_get_argv: (get-property argv)
 * @self: a process
 *
 * Gives the program and its arguments.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1): the arguments
 *
 * Since: 1.0
 */
const char *const *
mp_process_get_argv (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return (const char *const *) get_priv (self)->argv;
}

/**
 * mp_process_set_cwd: (set-property cwd)
 * @self: a process that is not started yet
 * @cwd: (type filename) (nullable): a folder, or %NULL for that of the parent
 *
 * Sets the folder that the child starts in.
 *
 * Since: 1.0
 */
void
mp_process_set_cwd (MpProcess  *self,
                    const char *cwd)
{
  MpProcessPrivate *priv;
  gboolean          changed;

  g_return_if_fail (MP_IS_PROCESS (self));

  priv = get_priv (self);
  g_mutex_lock (&priv->lock);
  changed = g_strcmp0 (priv->cwd, cwd) != 0;
  if (changed)
    {
      g_free (priv->cwd);
      priv->cwd = g_strdup (cwd);
    }
  g_mutex_unlock (&priv->lock);

  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CWD]);
}

/**
 * mp_process_get_cwd: (get-property cwd)
 * @self: a process
 *
 * Gives the folder that the child starts in.
 *
 * Returns: (transfer full) (type filename) (nullable): a folder, or %NULL for that of the parent
 *
 * Since: 1.0
 */
char *
mp_process_get_cwd (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  locker = g_mutex_locker_new (&get_priv (self)->lock);
  return g_strdup (get_priv (self)->cwd);
}

/**
 * mp_process_set_die_with_parent: (set-property die-with-parent)
 * @self: a process that is not started yet
 * @die_with_parent: whether the child is terminated when the parent ends
 *
 * Sets whether the child outlives the parent. See [property@Process:die-with-parent].
 *
 * Since: 1.0
 */
void
mp_process_set_die_with_parent (MpProcess *self,
                                gboolean   die_with_parent)
{
  MpProcessPrivate *priv;
  gboolean          changed;

  g_return_if_fail (MP_IS_PROCESS (self));

  priv = get_priv (self);
  die_with_parent = !!die_with_parent;
  g_mutex_lock (&priv->lock);
  changed = priv->die_with_parent != die_with_parent;
  priv->die_with_parent = die_with_parent;
  g_mutex_unlock (&priv->lock);

  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DIE_WITH_PARENT]);
}

/**
 * mp_process_get_die_with_parent: (get-property die-with-parent)
 * @self: a process
 *
 * Says whether the child is terminated when the parent ends.
 *
 * Returns: whether it is
 *
 * Since: 1.0
 */
gboolean
mp_process_get_die_with_parent (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);

  locker = g_mutex_locker_new (&get_priv (self)->lock);
  return get_priv (self)->die_with_parent;
}

/* The environment of the child.  A list that this process has inherited itself is not passed on. */
static char **
make_environment (MpProcessPrivate *priv,
                  const char       *bequest)
{
  char         **environment = g_get_environ ();
  GHashTableIter iter;
  gpointer       variable, value;

  g_hash_table_iter_init (&iter, priv->environment);
  while (g_hash_table_iter_next (&iter, &variable, &value))
    {
      if (value != NULL)
        environment = g_environ_setenv (environment, variable, value, TRUE);
      else
        environment = g_environ_unsetenv (environment, variable);
    }

  if (bequest != NULL)
    return g_environ_setenv (environment, MP_BEQUEST_VARIABLE, bequest, TRUE);

  return g_environ_unsetenv (environment, MP_BEQUEST_VARIABLE);
}

/* The lock must be held. */
static gboolean
spawn_child (MpProcessPrivate *priv,
             GError          **error)
{
  g_auto (MpBequest) bequest = { 0 };
  g_auto (GStrv) environment = NULL;
  MpChildSetup setup = { 0 };

  if (g_hash_table_size (priv->gifts) > 0)
    {
      if (!mp_bequest_init (&bequest, priv->gifts, MP_CHILD_FIRST_FD, error))
        return FALSE;
      setup.fds = (const int *) bequest.fds->data;
      setup.n_fds = bequest.fds->len;
    }

  environment = make_environment (priv, bequest.variable);
  setup.argv = (const char *const *) priv->argv;
  setup.environment = (const char *const *) environment;
  setup.cwd = priv->cwd;
  setup.die_with_parent = priv->die_with_parent;
  return mp_child_spawn (&priv->child, &setup, error);
}

/**
 * mp_process_start:
 * @self: a process
 * @error: return location for an error
 *
 * Starts the program, and returns when it runs.
 *
 * Fails with `G_IO_ERROR_EXISTS` when it has been started before, with `G_IO_ERROR_NOT_FOUND` or
 * `G_IO_ERROR_PERMISSION_DENIED` when the program or the folder cannot be used, and as
 * [method@Shareable.describe] does. It can then be tried again.
 *
 * Returns: whether the child runs
 *
 * Since: 1.0
 */
gboolean
mp_process_start (MpProcess *self,
                  GError   **error)
{
  g_autoptr (GHashTable) given = NULL;
  MpProcessPrivate *priv;
  gboolean          started = FALSE;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = get_priv (self);
  g_mutex_lock (&priv->lock);
  if (priv->child.pid_fd >= 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 _ ("The process has been started already"));
  else if (priv->argv == NULL || priv->argv[0] == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 _ ("The process has no program to start"));
  else
    started = spawn_child (priv, error);

  /* What the child has is not held here any longer, else its end would not be noticed. */
  if (started)
    {
      given = priv->gifts;
      priv->gifts = make_gifts ();
    }
  g_mutex_unlock (&priv->lock);

  if (started)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PID]);
  return started;
}

/**
 * mp_process_join:
 * @self: a process that has been started
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until the child has ended.
 *
 * How it ended says [method@Process.get_exit_code]. Fails with `G_IO_ERROR_TIMED_OUT`,
 * `G_IO_ERROR_CANCELLED`, and `G_IO_ERROR_NOT_INITIALIZED` when the process has not been started.
 *
 * Returns: whether it has ended
 *
 * Since: 1.0
 */
gboolean
mp_process_join (MpProcess    *self,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autofree MpWaitable **ready = NULL;
  gsize                   n_ready;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  ready = mp_wait ((MpWaitable **) &self, 1, timeout_us, cancellable, &n_ready, error);
  if (ready == NULL)
    return FALSE;

  if (n_ready == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                   _ ("Process %d still runs after %" G_GINT64_FORMAT " µs"),
                   mp_process_get_pid (self), timeout_us);
      return FALSE;
    }

  mp_process_get_exit_code (self);
  return TRUE;
}

static void
joined_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree MpWaitable **ready = mp_wait_finish (result, NULL, &error);

  if (ready == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  mp_process_get_exit_code (g_task_get_source_object (task));
  g_task_return_boolean (task, TRUE);
}

/**
 * mp_process_join_async:
 * @self: a process that has been started
 * @io_priority: the priority of the wait in the main context
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the child has ended
 * @user_data: data for @callback
 *
 * Waits in the main context until the child has ended.
 *
 * Since: 1.0
 */
void
mp_process_join_async (MpProcess          *self,
                       int                 io_priority,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  GTask *task;

  g_return_if_fail (MP_IS_PROCESS (self));

  task = mp_async_new_task (self, mp_process_join_async, io_priority, cancellable, callback,
                            user_data);
  mp_wait_async ((MpWaitable **) &self, 1, -1, io_priority, cancellable, joined_cb, task);
}

/**
 * mp_process_join_finish:
 * @self: a process
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Ends what [method@Process.join_async] began.
 *
 * Returns: whether the child has ended
 *
 * Since: 1.0
 */
gboolean
mp_process_join_finish (MpProcess    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_process_join_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_process_terminate:
 * @self: a process
 *
 * Asks the child to end, with `SIGTERM`.
 *
 * Does not wait for it. Does nothing when the child does not run.
 *
 * Since: 1.0
 */
void
mp_process_terminate (MpProcess *self)
{
  mp_process_send_signal (self, SIGTERM);
}

/**
 * mp_process_kill:
 * @self: a process
 *
 * Ends the child, with `SIGKILL`.
 *
 * Does not wait for it. Does nothing when the child does not run.
 *
 * Since: 1.0
 */
void
mp_process_kill (MpProcess *self)
{
  mp_process_send_signal (self, SIGKILL);
}

/**
 * mp_process_send_signal:
 * @self: a process
 * @signal_number: the number of a signal
 *
 * Sends a signal to the child.
 *
 * Never reaches another process, also when the child has ended meanwhile. Does nothing when the
 * child does not run.
 *
 * Since: 1.0
 */
void
mp_process_send_signal (MpProcess *self,
                        int        signal_number)
{
  MpProcessPrivate *priv;

  g_return_if_fail (MP_IS_PROCESS (self));

  priv = get_priv (self);
  g_mutex_lock (&priv->lock);
  if (priv->child.pid_fd >= 0)
    mp_child_send_signal (&priv->child, signal_number);
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_process_get_pid: (get-property pid)
 * @self: a process
 *
 * Gives the number of the child, also after its end.
 *
 * Returns: the number, 0 before the start
 *
 * Since: 1.0
 */
int
mp_process_get_pid (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), 0);

  locker = g_mutex_locker_new (&get_priv (self)->lock);
  return MAX (0, get_priv (self)->child.pid);
}

/**
 * mp_process_get_exit_code: (get-property exit-code)
 * @self: a process
 *
 * Says how the child ended.
 *
 * Returns: what it returned, 0 to 255; the negative number of the signal that ended it;
 *   [const@PROCESS_STILL_ALIVE] as long as it runs and before it is started; 255 when another
 *   part of the program has waited for it and knows
 *
 * Since: 1.0
 */
int
mp_process_get_exit_code (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), MP_PROCESS_STILL_ALIVE);

  locker = g_mutex_locker_new (&get_priv (self)->lock);
  return update_exit_code (get_priv (self));
}

/**
 * mp_process_get_alive: (get-property alive)
 * @self: a process
 *
 * Says whether the child runs now.
 *
 * Returns: whether it runs; %FALSE before the start
 *
 * Since: 1.0
 */
gboolean
mp_process_get_alive (MpProcess *self)
{
  return mp_process_get_pid (self) > 0 &&
         mp_process_get_exit_code (self) == MP_PROCESS_STILL_ALIVE;
}
