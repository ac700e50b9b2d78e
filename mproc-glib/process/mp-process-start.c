/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-private.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib/gi18n-lib.h>

#include "bequest.h"
#include "mp-mark.h"

/* Copies of the settings of a process that is being started.  That is done without the lock, since
 * it calls the program's own classes to describe their objects, and the system may be slow. */
typedef struct
{
  GHashTable  *bequest;
  char       **argv;
  char       **environment;
  char        *cwd;
  char        *paths[MP_N_STDIO];
  int          stdio_fds[MP_N_STDIO];
  GArray      *sources;
  GArray      *targets;
  int          free_target;
  MpChildSetup setup;
} Launch;

static void
launch_clear (Launch *self)
{
  g_hash_table_unref (self->bequest);
  g_strfreev (self->argv);
  g_strfreev (self->environment);
  g_free (self->cwd);
  for (int i = 0; i < MP_N_STDIO; i++)
    g_free (self->paths[i]);
  g_array_unref (self->sources);
  g_array_unref (self->targets);
  mp_child_stdio_clear (&self->setup.stdio);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Launch, launch_clear)

/* Returns the environment of the child, without its bequest; the bequest of this process itself is
 * not passed on.  The caller holds the lock. */
static char **
make_environment (MpProcessPrivate *priv)
{
  char         **environment = priv->environment != NULL ? g_strdupv (priv->environment)
                                                         : g_get_environ ();
  GHashTableIter iter;
  gpointer       variable, value;

  g_hash_table_iter_init (&iter, priv->environment_changes);
  while (g_hash_table_iter_next (&iter, &variable, &value))
    {
      if (value != NULL)
        environment = g_environ_setenv (environment, variable, value, TRUE);
      else
        environment = g_environ_unsetenv (environment, variable);
    }

  return g_environ_unsetenv (environment, MP_BEQUEST_VARIABLE);
}

static GHashTable *
copy_bequest (GHashTable *bequest)
{
  GHashTable    *copy = mp_process_new_bequest ();
  GHashTableIter iter;
  gpointer       name, shareable;

  g_hash_table_iter_init (&iter, bequest);
  while (g_hash_table_iter_next (&iter, &name, &shareable))
    g_hash_table_insert (copy, g_strdup (name), g_object_ref (shareable));

  return copy;
}

static void
add_fd (Launch *self,
        int     source,
        int     target)
{
  if (target < MP_CHILD_FIRST_FD)
    {
      self->stdio_fds[target] = source;
      return;
    }

  g_array_append_val (self->sources, source);
  g_array_append_val (self->targets, target);
  self->free_target = MAX (self->free_target, target + 1);
}

/* The caller holds the lock. */
static void
launch_init (Launch           *self,
             MpProcessPrivate *priv)
{
  self->bequest = copy_bequest (priv->bequest);
  self->argv = g_strdupv (priv->argv);
  self->environment = make_environment (priv);
  self->cwd = g_strdup (priv->cwd);
  self->sources = g_array_new (FALSE, FALSE, sizeof (int));
  self->targets = g_array_new (FALSE, FALSE, sizeof (int));
  self->free_target = MP_CHILD_FIRST_FD;

  for (int i = 0; i < MP_N_STDIO; i++)
    {
      self->paths[i] = g_strdup (priv->paths[i]);
      self->stdio_fds[i] = -1;
    }

  for (guint i = 0; i < priv->fds->len; i++)
    {
      MpProcessFd *fd = &g_array_index (priv->fds, MpProcessFd, i);

      add_fd (self, fd->source, fd->target);
    }

  self->setup = (MpChildSetup){
    .argv = (const char *const *) self->argv,
    .die_with_parent = priv->die_with_parent,
    .flags = priv->flags,
    .stdio = MP_CHILD_STDIO_INIT,
  };
}

static gboolean
has_target (Launch     *self,
            const char *number)
{
  for (guint i = 0; i < self->targets->len; i++)
    if (atoi (number) == g_array_index (self->targets, int, i))
      return TRUE;

  return FALSE;
}

/* Lets the child pass its marks to Sysprof, which has started only this process.  Variables that
 * name a descriptor which the child does not get are removed: Sysprof's library would write to
 * whatever has that number there, such as a queue.  What the program itself passes on stays. */
static void
add_profiler (Launch *self)
{
  static const char *const variables[] = { MP_MARK_VARIABLE, "SYSPROF_TRACE_FD" };

  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      const char      *value = g_environ_getenv (self->environment, variables[i]);
      g_autofree char *number = NULL;

      if (value == NULL || has_target (self, value))
        continue;
      if (i > 0 || mp_mark_fd < 0)
        {
          self->environment = g_environ_unsetenv (self->environment, variables[i]);
          continue;
        }

      number = g_strdup_printf ("%d", self->free_target);
      add_fd (self, mp_mark_fd, self->free_target);
      self->environment = g_environ_setenv (self->environment, variables[i], number, TRUE);
    }
}

static gboolean
add_bequest (Launch    *self,
             MpBequest *bequest,
             GError   **error)
{
  if (g_hash_table_size (self->bequest) == 0)
    return TRUE;
  if (!mp_bequest_init (bequest, self->bequest, self->free_target, error))
    return FALSE;

  for (guint i = 0; i < bequest->fds->len; i++)
    add_fd (self, g_array_index (bequest->fds, int, i), self->free_target);

  self->environment = g_environ_setenv (self->environment, MP_BEQUEST_VARIABLE,
                                        bequest->variable, TRUE);
  return TRUE;
}

static gboolean
launch (Launch  *self,
        MpChild *child,
        GError **error)
{
  g_auto (MpBequest) bequest = { 0 };
  MpChildSetup *setup = &self->setup;

  add_profiler (self);
  if (!mp_child_stdio_open (&setup->stdio, setup->flags, (const char *const *) self->paths,
                            self->stdio_fds, error) ||
      !add_bequest (self, &bequest, error))
    return FALSE;

  setup->environment = (const char *const *) self->environment;
  setup->cwd = self->cwd;
  setup->fds = (const int *) self->sources->data;
  setup->targets = (const int *) self->targets->data;
  setup->n_fds = self->sources->len;
  return mp_child_spawn (child, setup, error);
}

/* Checks that the process can be started, and marks it as being started.  The caller holds the
 * lock. */
static gboolean
begin (MpProcessPrivate *priv,
       GError          **error)
{
  gboolean may_start = FALSE;

  if (priv->child.pid_fd >= 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 _ ("The process has been started already"));
  else if (priv->starting)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, _ ("The process is being started"));
  else if (priv->argv == NULL || priv->argv[0] == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 _ ("The process has no program to start"));
  else
    may_start = priv->starting = TRUE;

  return may_start;
}

static GObject *
take_stream (MpChildStdio *stdio,
             int           number)
{
  int fd = stdio->parent[number];

  stdio->parent[number] = -1;
  if (fd < 0)
    return NULL;

  return number == 0 ? G_OBJECT (g_unix_output_stream_new (fd, TRUE))
                     : G_OBJECT (g_unix_input_stream_new (fd, TRUE));
}

/* Drops the descriptors and objects that the child now has: if the parent kept them open, the end
 * of the child could not be detected through them.  Returns objects for the caller to drop without
 * the lock. */
static GHashTable *
keep_child (MpProcess *self,
            MpChild   *child,
            Launch    *launched)
{
  MpProcessPrivate *priv = mp_process_get_private (self);
  GHashTable       *given = priv->bequest;

  priv->child = *child;
  priv->bequest = mp_process_new_bequest ();
  mp_process_clear_fds (priv->fds);
  for (int i = 0; i < MP_N_STDIO; i++)
    priv->streams[i] = take_stream (&launched->setup.stdio, i);

  mp_process_watch_end (self);
  return given;
}

/**
 * mp_process_start:
 * @self: a process
 * @error: return location for an error
 *
 * Starts the program, and returns when it is running.
 *
 * The end of the child is notified by [property@Process:alive] and [property@Process:exit-code], in
 * the current thread-default main context.
 *
 * Fails with `G_IO_ERROR_EXISTS` if it was started before, with `G_IO_ERROR_PENDING` if it is being
 * started, with `G_IO_ERROR_INVALID_ARGUMENT` if there is no program or more than one choice for a
 * standard stream, with `G_IO_ERROR_NOT_FOUND` or `G_IO_ERROR_PERMISSION_DENIED` if the program,
 * the directory or a file cannot be used, and as [method@Shareable.describe] does. After a failure,
 * it can be tried again.
 *
 * Returns: whether the child is running
 *
 * Since: 1.0
 */
gboolean
mp_process_start (MpProcess *self,
                  GError   **error)
{
  g_autoptr (GHashTable) given = NULL;
  g_auto (Launch) launched = { 0 };
  MpProcessPrivate *priv;
  MpChild           child = MP_CHILD_INIT;
  gboolean          started;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  started = begin (priv, error);
  launch_init (&launched, priv);
  g_mutex_unlock (&priv->lock);

  if (!started)
    return FALSE;

  started = launch (&launched, &child, error);

  g_mutex_lock (&priv->lock);
  priv->starting = FALSE;
  if (started)
    given = keep_child (self, &child, &launched);
  g_mutex_unlock (&priv->lock);

  if (started)
    {
      g_object_notify (G_OBJECT (self), "pid");
      g_object_notify (G_OBJECT (self), "alive");
    }

  return started;
}
