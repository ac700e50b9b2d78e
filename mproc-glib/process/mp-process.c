/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process.h"

#include <string.h>
#include <unistd.h>

#include "mp-process-private.h"

/**
 * MpProcess:
 *
 * A child process, to which queues and connections can be passed.
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
 * The child gets them with [func@inherit], by name:
 *
 * ```python
 * tasks = Mp.inherit('tasks')
 * ```
 *
 * The child gets the descriptors of these objects and no others. Its standard input is empty, its
 * standard output and error are the parent's, unless [property@Process:flags] or one of the paths
 * specify otherwise; [method@Process.take_fd] passes it further descriptors.
 *
 * A process is an [iface@Waitable], which is ready when it has ended. No signal
 * handler, thread or main loop is needed to notice that.
 *
 * Dropping the last reference does not end the child. A child that was dropped and then
 * ends remains a zombie until another process is started or dropped; call
 * [method@Process.join] where that matters.
 *
 * The functions of this class may be called from any thread. In a forked copy of the parent the
 * process is not a child, so only whether it is alive can be determined.
 *
 * Since: 1.0
 */

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
  PROP_ENVIRONMENT,
  PROP_FLAGS,
  PROP_STDIN_FILE_PATH,
  PROP_STDOUT_FILE_PATH,
  PROP_STDERR_FILE_PATH,
  PROP_STDIN_PIPE,
  PROP_STDOUT_PIPE,
  PROP_STDERR_PIPE,
  PROP_PID,
  PROP_EXIT_CODE,
  PROP_ALIVE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

GHashTable *
mp_process_new_bequest (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
}

/* Closes all descriptors in @fds, and empties the array. */
void
mp_process_clear_fds (GArray *fds)
{
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, MpProcessFd, i).source);

  g_array_set_size (fds, 0);
}

static void
mp_process_finalize (GObject *object)
{
  MpProcessPrivate *priv = mp_process_get_private (MP_PROCESS (object));

  mp_fork_hook_remove (&priv->fork_hook);
  if (priv->end_source != NULL)
    g_source_destroy (priv->end_source);
  g_clear_pointer (&priv->end_source, g_source_unref);
  mp_child_drop (&priv->child);

  for (guint i = 0; i < MP_N_STDIO; i++)
    {
      g_clear_object (&priv->streams[i]);
      g_free (priv->paths[i]);
    }

  mp_process_clear_fds (priv->fds);
  g_array_unref (priv->fds);
  g_strfreev (priv->argv);
  g_strfreev (priv->environment);
  g_hash_table_unref (priv->environment_changes);
  g_free (priv->cwd);
  g_hash_table_unref (priv->bequest);
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
      g_value_take_boxed (value, mp_process_get_argv (self));
      break;
    case PROP_CWD:
      g_value_take_string (value, mp_process_get_cwd (self));
      break;
    case PROP_DIE_WITH_PARENT:
      g_value_set_boolean (value, mp_process_get_die_with_parent (self));
      break;
    case PROP_ENVIRONMENT:
      g_value_take_boxed (value, mp_process_get_environment (self));
      break;
    case PROP_FLAGS:
      g_value_set_flags (value, mp_process_get_flags (self));
      break;
    case PROP_STDIN_FILE_PATH:
      g_value_take_string (value, mp_process_get_stdin_file_path (self));
      break;
    case PROP_STDOUT_FILE_PATH:
      g_value_take_string (value, mp_process_get_stdout_file_path (self));
      break;
    case PROP_STDERR_FILE_PATH:
      g_value_take_string (value, mp_process_get_stderr_file_path (self));
      break;
    case PROP_STDIN_PIPE:
      g_value_set_object (value, mp_process_get_stdin_pipe (self));
      break;
    case PROP_STDOUT_PIPE:
      g_value_set_object (value, mp_process_get_stdout_pipe (self));
      break;
    case PROP_STDERR_PIPE:
      g_value_set_object (value, mp_process_get_stderr_pipe (self));
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
      mp_process_set_argv (self, g_value_get_boxed (value));
      break;
    case PROP_CWD:
      mp_process_set_cwd (self, g_value_get_string (value));
      break;
    case PROP_DIE_WITH_PARENT:
      mp_process_set_die_with_parent (self, g_value_get_boolean (value));
      break;
    case PROP_ENVIRONMENT:
      mp_process_set_environment (self, g_value_get_boxed (value));
      break;
    case PROP_FLAGS:
      mp_process_set_flags (self, g_value_get_flags (value));
      break;
    case PROP_STDIN_FILE_PATH:
      mp_process_set_stdin_file_path (self, g_value_get_string (value));
      break;
    case PROP_STDOUT_FILE_PATH:
      mp_process_set_stdout_file_path (self, g_value_get_string (value));
      break;
    case PROP_STDERR_FILE_PATH:
      mp_process_set_stderr_file_path (self, g_value_get_string (value));
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
   * MpProcess:argv: (getter get_argv) (setter set_argv)
   *
   * The program and its arguments. A program without a slash is searched for in `PATH`.
   *
   * Since: 1.0
   */
  properties[PROP_ARGV] =
    g_param_spec_boxed ("argv", NULL, NULL, G_TYPE_STRV, settable);

  /**
   * MpProcess:cwd: (getter get_cwd) (setter set_cwd)
   *
   * The directory in which the child starts; %NULL for that of the parent.
   *
   * Since: 1.0
   */
  properties[PROP_CWD] = g_param_spec_string ("cwd", NULL, NULL, NULL, settable);

  /**
   * MpProcess:die-with-parent: (getter get_die_with_parent) (setter set_die_with_parent)
   *
   * Whether the child is terminated when the parent ends, for whatever reason.
   *
   * The kernel then sends it `SIGTERM`, as [method@Process.terminate] does. What counts is the end
   * of the parent process, not of one of its threads, and not of forked copies of it.
   *
   * Since: 1.0
   */
  properties[PROP_DIE_WITH_PARENT] =
    g_param_spec_boolean ("die-with-parent", NULL, NULL, FALSE, settable);

  /**
   * MpProcess:environment: (getter get_environment) (setter set_environment)
   *
   * The environment variables of the child, each as `NAME=value`; %NULL for those of the parent at
   * the start. [method@Process.set_env] changes single variables of either.
   *
   * Since: 1.0
   */
  properties[PROP_ENVIRONMENT] =
    g_param_spec_boxed ("environment", NULL, NULL, G_TYPE_STRV, settable);

  /**
   * MpProcess:flags: (getter get_flags) (setter set_flags)
   *
   * The standard streams of the child, as for [class@Gio.Subprocess].
   *
   * Without flags its standard input is empty, and its standard output and error are the
   * parent's. With `G_SUBPROCESS_FLAGS_INHERIT_FDS` the child has all descriptors of the parent
   * that are not closed on exec.
   *
   * Since: 1.0
   */
  properties[PROP_FLAGS] =
    g_param_spec_flags ("flags", NULL, NULL, G_TYPE_SUBPROCESS_FLAGS, 0, settable);

  /**
   * MpProcess:stdin-file-path: (getter get_stdin_file_path) (setter set_stdin_file_path)
   *
   * The file that is read as the standard input of the child, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_STDIN_FILE_PATH] =
    g_param_spec_string ("stdin-file-path", NULL, NULL, NULL, settable);

  /**
   * MpProcess:stdout-file-path: (getter get_stdout_file_path) (setter set_stdout_file_path)
   *
   * The file to which the standard output of the child is written, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_STDOUT_FILE_PATH] =
    g_param_spec_string ("stdout-file-path", NULL, NULL, NULL, settable);

  /**
   * MpProcess:stderr-file-path: (getter get_stderr_file_path) (setter set_stderr_file_path)
   *
   * The file to which the standard error of the child is written, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_STDERR_FILE_PATH] =
    g_param_spec_string ("stderr-file-path", NULL, NULL, NULL, settable);

  /**
   * MpProcess:stdin-pipe: (getter get_stdin_pipe)
   *
   * The stream of the standard input of the child, if [property@Process:flags] requests one.
   *
   * Since: 1.0
   */
  properties[PROP_STDIN_PIPE] =
    g_param_spec_object ("stdin-pipe", NULL, NULL, G_TYPE_OUTPUT_STREAM, readable);

  /**
   * MpProcess:stdout-pipe: (getter get_stdout_pipe)
   *
   * The stream of the standard output of the child, if [property@Process:flags] requests one.
   *
   * Since: 1.0
   */
  properties[PROP_STDOUT_PIPE] =
    g_param_spec_object ("stdout-pipe", NULL, NULL, G_TYPE_INPUT_STREAM, readable);

  /**
   * MpProcess:stderr-pipe: (getter get_stderr_pipe)
   *
   * The stream of the standard error of the child, if [property@Process:flags] requests one.
   *
   * Since: 1.0
   */
  properties[PROP_STDERR_PIPE] =
    g_param_spec_object ("stderr-pipe", NULL, NULL, G_TYPE_INPUT_STREAM, readable);

  /**
   * MpProcess:pid: (getter get_pid)
   *
   * The pid of the child; 0 before the start.
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
   * Its end is notified in the main context that was the thread-default one when it was started.
   * Without a main loop, wait for the process instead.
   *
   * Since: 1.0
   */
  properties[PROP_EXIT_CODE] =
    g_param_spec_int ("exit-code", NULL, NULL, G_MININT, G_MAXINT, MP_PROCESS_STILL_ALIVE,
                      readable | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpProcess:alive: (getter get_alive)
   *
   * Whether the child is running. Notified like [property@Process:exit-code].
   *
   * Since: 1.0
   */
  properties[PROP_ALIVE] =
    g_param_spec_boolean ("alive", NULL, NULL, FALSE, readable | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/* The state that the lock guards is consistent whenever another thread can fork. */
static void
in_child (MpForkHook *hook)
{
  MpProcessPrivate *priv = MP_FORK_HOOK_OWNER (hook, MpProcessPrivate);

  mp_fork_reset_mutex (&priv->lock);
  priv->starting = FALSE;
}

static void
mp_process_init (MpProcess *self)
{
  MpProcessPrivate *priv = mp_process_get_private (self);

  g_mutex_init (&priv->lock);
  mp_fork_hook_add (&priv->fork_hook, in_child);
  priv->fds = g_array_new (FALSE, FALSE, sizeof (MpProcessFd));
  priv->environment_changes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  priv->bequest = mp_process_new_bequest ();
  priv->child = (MpChild) MP_CHILD_INIT;
  priv->exit_code = MP_PROCESS_STILL_ALIVE;
}

/**
 * mp_process_new:
 * @argv: (array zero-terminated=1) (element-type filename): the program and its arguments
 *
 * Creates a process object. The process is not started yet.
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
 * @name: the name under which the child gets it
 * @shareable: the object to pass
 *
 * Passes a queue, a connection or another shareable object to the child at its start.
 *
 * If it cannot be passed, [method@Process.start] fails; until then the process object holds a
 * reference. A connection that only the child is to use is closed in the parent after the start.
 *
 * Since: 1.0
 */
void
mp_process_give (MpProcess   *self,
                 const char  *name,
                 MpShareable *shareable)
{
  MpProcessPrivate *priv;
  gpointer          old_name = NULL;
  gpointer          old = NULL;

  g_return_if_fail (MP_IS_PROCESS (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (MP_IS_SHAREABLE (shareable));

  g_object_ref (shareable);
  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  mp_fork_block ();
  g_hash_table_steal_extended (priv->bequest, name, &old_name, &old);
  g_hash_table_insert (priv->bequest, g_strdup (name), shareable);
  mp_fork_unblock ();
  g_mutex_unlock (&priv->lock);

  g_free (old_name);
  g_clear_object (&old);
}

/**
 * mp_process_set_env:
 * @self: a process that is not started yet
 * @variable: (type filename): the name of a variable
 * @value: (type filename) (nullable): its value, or %NULL to remove it
 *
 * Changes a variable in the environment of the child, whose other variables are not affected.
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

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  mp_fork_block ();
  g_hash_table_replace (priv->environment_changes, g_strdup (variable), g_strdup (value));
  mp_fork_unblock ();
  g_mutex_unlock (&priv->lock);
}

static void
set_strings (MpProcess         *self,
             char            ***place,
             const char *const *strings,
             GParamSpec        *pspec)
{
  MpProcessPrivate *priv = mp_process_get_private (self);
  g_auto (GStrv) old = NULL;

  g_mutex_lock (&priv->lock);
  old = *place;
  *place = g_strdupv ((char **) strings);
  g_mutex_unlock (&priv->lock);

  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

static char **
dup_strings (MpProcess *self,
             char    ***place)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED =
    g_mutex_locker_new (&mp_process_get_private (self)->lock);

  return g_strdupv (*place);
}

/**
 * mp_process_set_environment: (set-property environment)
 * @self: a process that is not started yet
 * @environment: (nullable) (array zero-terminated=1) (element-type filename): variables, each as
 *   `NAME=value`, or %NULL for those of the parent
 *
 * Sets the environment of the child. See [property@Process:environment].
 *
 * Since: 1.0
 */
void
mp_process_set_environment (MpProcess         *self,
                            const char *const *environment)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  set_strings (self, &mp_process_get_private (self)->environment, environment,
               properties[PROP_ENVIRONMENT]);
}

/**
 * mp_process_get_environment: (get-property environment)
 * @self: a process
 *
 * Gets the environment of the child, without the changes of [method@Process.set_env].
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1) (element-type filename): variables,
 *   each as `NAME=value`, or %NULL for those of the parent
 *
 * Since: 1.0
 */
char **
mp_process_get_environment (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return dup_strings (self, &mp_process_get_private (self)->environment);
}

/**
 * mp_process_set_argv: (set-property argv)
 * @self: a process that is not started yet
 * @argv: (nullable) (array zero-terminated=1) (element-type filename): the program and its
 *   arguments
 *
 * Sets the program and its arguments. See [property@Process:argv].
 *
 * Since: 1.0
 */
void
mp_process_set_argv (MpProcess         *self,
                     const char *const *argv)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  set_strings (self, &mp_process_get_private (self)->argv, argv, properties[PROP_ARGV]);
}

/**
 * mp_process_get_argv: (get-property argv)
 * @self: a process
 *
 * Gets the program and its arguments.
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1) (element-type filename): the
 *   program and its arguments, or %NULL if they are not set
 *
 * Since: 1.0
 */
char **
mp_process_get_argv (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return dup_strings (self, &mp_process_get_private (self)->argv);
}

/**
 * mp_process_set_cwd: (set-property cwd)
 * @self: a process that is not started yet
 * @cwd: (type filename) (nullable): a directory, or %NULL for that of the parent
 *
 * Sets the directory in which the child starts.
 *
 * Since: 1.0
 */
void
mp_process_set_cwd (MpProcess  *self,
                    const char *cwd)
{
  MpProcessPrivate *priv;
  g_autofree char  *old = NULL;
  gboolean          changed;

  g_return_if_fail (MP_IS_PROCESS (self));

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  old = priv->cwd;
  priv->cwd = g_strdup (cwd);
  changed = g_strcmp0 (old, cwd) != 0;
  g_mutex_unlock (&priv->lock);

  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CWD]);
}

/**
 * mp_process_get_cwd: (get-property cwd)
 * @self: a process
 *
 * Gets the directory in which the child starts.
 *
 * Returns: (transfer full) (type filename) (nullable): a directory, or %NULL for that of the parent
 *
 * Since: 1.0
 */
char *
mp_process_get_cwd (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  locker = g_mutex_locker_new (&mp_process_get_private (self)->lock);
  return g_strdup (mp_process_get_private (self)->cwd);
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

  priv = mp_process_get_private (self);
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
 * Gets whether the child is terminated when the parent ends.
 *
 * Returns: whether it is
 *
 * Since: 1.0
 */
gboolean
mp_process_get_die_with_parent (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);

  locker = g_mutex_locker_new (&mp_process_get_private (self)->lock);
  return mp_process_get_private (self)->die_with_parent;
}
