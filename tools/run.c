/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

static int    n_workers = 0;
static char **queues;
static char  *restart_name;
static double grace = 10;
static int    max_restarts = 5;
static int    max_tasks = 0;

static const GOptionEntry options[] = {
  { "workers", 'n', 0, G_OPTION_ARG_INT, &n_workers, "So many workers; one for each processor",
    "N" },
  { "queue", 0, 0, G_OPTION_ARG_STRING_ARRAY, &queues,
    "What workers inherit as NAME: new, new:joinable or a queue", "NAME=SPEC" },
  { "restart", 0, 0, G_OPTION_ARG_STRING, &restart_name,
    "Which workers are replaced: always (the default), on-failure or no", "WHEN" },
  { "max-restarts", 0, 0, G_OPTION_ARG_INT, &max_restarts,
    "Gives up when so many in a row end at once (5)", "N" },
  { "max-tasks", 0, 0, G_OPTION_ARG_INT, &max_tasks,
    "Replaces workers that have taken so many tasks from a queue that they were given", "N" },
  { "grace", 0, 0, G_OPTION_ARG_DOUBLE, &grace,
    "Kills workers that have not ended after so long (10)", "SECONDS" },
  { NULL },
};

typedef struct
{
  MpPool    *pool;
  GMainLoop *loop;
  gboolean   is_stopping;
  int        status;
} Run;

/* --- Queues ----------------------------------------------------------------------------------- */

static MpQueue *
make_queue (const char *name,
            const char *spec,
            GError    **error)
{
  if (strcmp (spec, "new") == 0)
    return g_object_new (MP_TYPE_QUEUE, "name", name, NULL);
  if (strcmp (spec, "new:joinable") == 0)
    return g_object_new (MP_TYPE_JOINABLE_QUEUE, "name", name, NULL);
  return mp_queues_open (spec, error);
}

static gboolean
give_queues (MpPool  *pool,
             GError **error)
{
  for (guint i = 0; queues != NULL && queues[i] != NULL; i++)
    {
      const char      *equals = strchr (queues[i], '=');
      g_autofree char *name = g_strndup (queues[i], (gsize) (equals - queues[i]));
      g_autoptr (MpQueue) queue = make_queue (name, equals + 1, error);

      if (queue == NULL)
        {
          g_prefix_error (error, "%s: ", name);
          return FALSE;
        }
      mp_pool_give (pool, name, MP_SHAREABLE (queue));
    }
  return TRUE;
}

/* --- Workers ---------------------------------------------------------------------------------- */

static void
worker_ended (MpPool    *pool,
              MpProcess *process,
              int        exit_code,
              gpointer   user_data)
{
  const char *command = mp_pool_get_argv (pool)[0];

  if (mp_output.quiet || exit_code == 0 || ((Run *) user_data)->is_stopping)
    return;
  if (exit_code < 0)
    mp_command_refuse (command, MP_EXIT_FAILED, "process %d was ended by signal %d",
                       mp_process_get_pid (process), -exit_code);
  else
    mp_command_refuse (command, MP_EXIT_FAILED, "process %d has exited with status %d",
                       mp_process_get_pid (process), exit_code);
}

static void
pool_failed (MpPool       *pool,
             const GError *error,
             gpointer      user_data)
{
  ((Run *) user_data)->status = mp_command_fail (mp_pool_get_argv (pool)[0], error);
}

static void
pool_ended (MpPool  *pool,
            gpointer user_data)
{
  g_main_loop_quit (((Run *) user_data)->loop);
}

static void
pool_stopped (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  mp_pool_stop_finish (MP_POOL (source), result, NULL);
  g_main_loop_quit (((Run *) user_data)->loop);
}

static gboolean
asked_to_end (gpointer user_data)
{
  Run *run = user_data;

  if (!run->is_stopping)
    mp_pool_stop_async (run->pool, FALSE, G_PRIORITY_DEFAULT, NULL, pool_stopped, run);
  run->is_stopping = TRUE;
  return G_SOURCE_CONTINUE;
}

/* --- The program ------------------------------------------------------------------------------ */

static const struct
{
  const char   *name;
  MpPoolRestart restart;
} restarts[] = {
  { "always", MP_POOL_RESTART_ALWAYS },
  { "on-failure", MP_POOL_RESTART_ON_FAILURE },
  { "no", MP_POOL_RESTART_NEVER },
};

static gboolean
check_options (MpPoolRestart *restart)
{
  gboolean is_known = restart_name == NULL, are_queues = TRUE;

  *restart = MP_POOL_RESTART_ALWAYS;
  for (guint i = 0; i < G_N_ELEMENTS (restarts); i++)
    if (g_strcmp0 (restarts[i].name, restart_name) == 0)
      {
        *restart = restarts[i].restart;
        is_known = TRUE;
      }
  for (guint i = 0; queues != NULL && queues[i] != NULL; i++)
    are_queues = are_queues && strchr (queues[i], '=') != NULL && queues[i][0] != '=';

  if (is_known && are_queues && n_workers >= 0 && max_restarts > 0 && max_tasks >= 0 &&
      grace >= 0)
    return TRUE;
  mp_command_refuse ("run", MP_EXIT_USAGE,
                     "--restart is always, on-failure or no, --queue is NAME=SPEC, and numbers are"
                     " not negative");
  return FALSE;
}

static int
supervise (char        **command,
           MpPoolRestart restart)
{
  g_autoptr (GError) error = NULL;
  Run run = { 0 };

  run.pool = g_object_new (MP_TYPE_POOL, "argv", command, "n-workers", (guint) n_workers, "restart",
                           restart, "max-restarts", (guint) max_restarts, "max-tasks",
                           (guint) max_tasks, "grace", mp_command_timeout (grace), NULL);
  run.loop = g_main_loop_new (NULL, FALSE);
  g_signal_connect (run.pool, "worker-ended", G_CALLBACK (worker_ended), &run);
  g_signal_connect (run.pool, "failed", G_CALLBACK (pool_failed), &run);
  g_signal_connect (run.pool, "ended", G_CALLBACK (pool_ended), &run);
  g_unix_signal_add (SIGINT, asked_to_end, &run);
  g_unix_signal_add (SIGTERM, asked_to_end, &run);

  if (give_queues (run.pool, &error) && mp_pool_start (run.pool, &error))
    g_main_loop_run (run.loop);
  else
    run.status = mp_command_fail ("run", error);
  g_object_unref (run.pool);
  g_main_loop_unref (run.loop);
  return run.status;
}

static int
run (int    argc,
     char **argv)
{
  char        **command = mp_command_split (&argc, argv);
  MpPoolRestart restart;
  int           status;

  if (!mp_command_parse (&mp_command_run, &argc, &argv, 0, 0, &status))
    return status;
  if (command == NULL)
    {
      g_printerr ("mproc: usage: mproc run %s\n", mp_command_run.arguments);
      return MP_EXIT_USAGE;
    }
  return check_options (&restart) ? supervise (command, restart) : MP_EXIT_USAGE;
}

const MpCommand mp_command_run = {
  .name = "run",
  .arguments = "-- COMMAND [ARGUMENT…]",
  .summary = "Starts workers, and replaces those that end",
  .options = options,
  .run = run,
};
