/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "Checksum a tree": puts one task for each file of a directory into a joinable queue, starts
 * workers in four languages, collects their results from another queue, and compares them with the
 * output of sha256sum.
 *
 *   checksum-coordinator [--workers c,python,js,vala] [--n N] [--queue URI] [DIRECTORY]
 *
 * With --queue, the tasks are in the queue at URI and the results in one whose name ends with
 * "-results", so that workers that are started elsewhere, with the same URI, can take part.
 */

#include <glib-unix.h>
#include <locale.h>
#include <mproc-glib/mproc-glib.h>
#include <string.h>

#include "checksum-report.h"
#include "checksum-tree.h"

#define DEFAULT_DIRECTORY "/usr/share"
#define MAX_RESTARTS      5
#define MAX_LINES         10
#define GRACE_US          (5 * G_USEC_PER_SEC)

typedef struct
{
  ChecksumTree    *tree;
  ChecksumReport  *report;
  MpJoinableQueue *tasks;
  MpQueue         *results;
  GPtrArray       *workers;
  GMainLoop       *loop;

  /* Whether workers are expected to end now. */
  guint stopping : 1;
  guint interrupted : 1;
  guint failed : 1;
} Coordinator;

/* A worker.  If its process is killed, it is replaced. */
typedef struct
{
  Coordinator *coordinator;
  char        *kind;
  char        *name;
  MpProcess   *process;
  guint        n_restarts;
} Worker;

static char *workers_option = "c,python,js,vala";
static int   n_option = 1;
static char *queue_option;

static const GOptionEntry options[] = {
  { "workers", 0, 0, G_OPTION_ARG_STRING, &workers_option,
    "Languages of the workers (default: c,python,js,vala)", "LIST" },
  { "n", 0, 0, G_OPTION_ARG_INT, &n_option, "Workers of each language (default: 1)", "N" },
  { "queue", 0, 0, G_OPTION_ARG_STRING, &queue_option,
    "Queue for tasks, ending with its name, for workers that are started elsewhere", "URI" },
  G_OPTION_ENTRY_NULL
};

static void
worker_free (gpointer data)
{
  Worker *worker = data;

  g_clear_object (&worker->process);
  g_free (worker->kind);
  g_free (worker->name);
  g_free (worker);
}

/* Creates the process of a worker in the given language. */
static MpProcess *
new_process (const char *kind,
             const char *name)
{
  const char      *source = g_getenv ("MP_EXAMPLES_SOURCE");
  const char      *build = g_getenv ("MP_EXAMPLES_BUILD");
  g_autofree char *program = NULL;

  if (g_str_equal (kind, "python"))
    {
      program = g_build_filename (source, "python", "checksum-worker.py", NULL);
      return mp_process_new ((const char *[]){ "/usr/bin/python3", program, name, NULL });
    }

  if (g_str_equal (kind, "js"))
    {
      program = g_build_filename (source, "js", "checksum-worker.js", NULL);
      return mp_process_new ((const char *[]){ "gjs", "-m", program, name, NULL });
    }

  program = g_build_filename (build, kind, "checksum-worker", NULL);

  return mp_process_new ((const char *[]){ program, name, NULL });
}

static gboolean
any_worker_left (Coordinator *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    {
      Worker *worker = g_ptr_array_index (self->workers, i);

      if (worker->process != NULL)
        return TRUE;
    }

  return FALSE;
}

static void start_worker (Worker *worker);

static void
worker_ended_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  Worker      *worker = user_data;
  Coordinator *self = worker->coordinator;
  int          exit_code = mp_process_get_exit_code (MP_PROCESS (object));

  /* Ctrl-C on a terminal reaches the workers too, perhaps before the coordinator. */
  if (self->stopping || exit_code == -SIGINT)
    return;

  checksum_report_say (self->report, "%s ended with %d: what it had in hand goes to the others",
                       worker->name, exit_code);
  g_clear_object (&worker->process);
  if (worker->n_restarts++ < MAX_RESTARTS)
    start_worker (worker);

  if (worker->process == NULL)
    {
      checksum_report_say (self->report, "%s is given up", worker->name);
      self->failed = TRUE;
    }

  if (!any_worker_left (self))
    g_main_loop_quit (self->loop);
}

/* The process of @worker stays unset if it cannot be started. */
static void
start_worker (Worker *worker)
{
  Coordinator *self = worker->coordinator;
  g_autoptr (MpProcess) process = new_process (worker->kind, worker->name);
  g_autoptr (GError) error = NULL;

  mp_process_set_die_with_parent (process, TRUE);
  mp_process_give (process, "tasks", MP_SHAREABLE (self->tasks));
  mp_process_give (process, "results", MP_SHAREABLE (self->results));
  if (!mp_process_start (process, &error))
    {
      checksum_report_say (self->report, "%s: %s", worker->name, error->message);
      return;
    }

  checksum_report_say (self->report, "%s is process %d", worker->name,
                       mp_process_get_pid (process));
  mp_process_join_async (process, G_PRIORITY_DEFAULT, NULL, worker_ended_cb, worker);
  worker->process = g_steal_pointer (&process);
}

static void
start_workers (Coordinator *self)
{
  g_auto (GStrv) kinds = g_strsplit (workers_option, ",", -1);

  for (guint i = 0; kinds[i] != NULL; i++)
    {
      for (int j = 1; j <= n_option; j++)
        {
          Worker *worker = g_new0 (Worker, 1);

          worker->coordinator = self;
          worker->kind = g_strdup (kinds[i]);
          worker->name = g_strdup_printf ("%s-%d", kinds[i], j);
          g_ptr_array_add (self->workers, worker);
          start_worker (worker);
          self->failed |= worker->process == NULL;
        }
    }
}

/* One task for each file: its path. */
static gboolean
put_tasks (Coordinator *self,
           GError     **error)
{
  for (guint i = 0; i < self->tree->files->len; i++)
    {
      ChecksumFile *file = g_ptr_array_index (self->tree->files, i);

      if (!mp_queue_put (MP_QUEUE (self->tasks),
                         g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, file->path,
                                                    strlen (file->path), 1),
                         -1, NULL, error))
        return FALSE;
    }

  return TRUE;
}

static void
account (Coordinator *self,
         GVariant    *result)
{
  g_autoptr (GVariant) path = g_variant_lookup_value (result, "path", G_VARIANT_TYPE_BYTESTRING);
  ChecksumFile *file = path != NULL ? checksum_tree_lookup (self->tree, path) : NULL;
  const char   *worker = "?";
  double        seconds = 0;
  gint64        size = 0;

  /* If a worker was killed between putting its result and marking the task as done, another worker
   * repeats the task. */
  if (file == NULL || file->digest != NULL || file->error != NULL)
    return;

  g_variant_lookup (result, "digest", "s", &file->digest);
  if (file->digest == NULL && !g_variant_lookup (result, "error", "s", &file->error))
    return;

  g_variant_lookup (result, "worker", "&s", &worker);
  g_variant_lookup (result, "seconds", "d", &seconds);
  g_variant_lookup (result, "size", "x", &size);
  checksum_report_count (self->report, worker, size, seconds);
}

static void
result_cb (Coordinator *self,
           MpMessage   *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = mp_message_get_variant (message, &error);

  if (result == NULL)
    checksum_report_say (self->report, "a result cannot be read: %s", error->message);
  else
    account (self, result);
}

/* Every task is done, or became a dead letter since it crashed its workers, so all results are in
 * the queue. */
static void
tasks_joined_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  Coordinator *self = user_data;

  if (!mp_joinable_queue_join_finish (self->tasks, result, NULL))
    return;

  mp_queue_stop (self->results);
  mp_queue_shutdown (self->results, FALSE, NULL);
  while (TRUE)
    {
      g_autoptr (MpMessage) message = mp_queue_get_message (self->results, -1, NULL, NULL);

      if (message == NULL)
        break;
      result_cb (self, message);
    }

  g_main_loop_quit (self->loop);
}

static gboolean
interrupted_cb (gpointer user_data)
{
  Coordinator *self = user_data;

  checksum_report_say (self->report, "Interrupted.");
  self->stopping = TRUE;
  self->interrupted = TRUE;
  g_main_loop_quit (self->loop);

  return G_SOURCE_CONTINUE;
}

/* Workers end when there are no more tasks; those that do not are terminated. */
static void
stop_workers (Coordinator *self)
{
  gint64 deadline = g_get_monotonic_time () + GRACE_US;

  self->stopping = TRUE;
  mp_queue_stop (self->results);
  for (guint i = 0; self->interrupted && i < self->workers->len; i++)
    {
      Worker *worker = g_ptr_array_index (self->workers, i);

      if (worker->process != NULL)
        mp_process_terminate (worker->process);
    }

  mp_queue_shutdown (MP_QUEUE (self->tasks), TRUE, NULL);
  for (guint i = 0; i < self->workers->len; i++)
    {
      Worker *worker = g_ptr_array_index (self->workers, i);
      gint64  now = g_get_monotonic_time ();
      gint64  left = MAX (deadline - now, 0);

      if (worker->process == NULL || mp_process_join (worker->process, left, NULL, NULL))
        continue;

      mp_process_kill (worker->process);
      mp_process_join (worker->process, -1, NULL, NULL);
    }
}

static void
add_line (GPtrArray          *lines,
          const ChecksumFile *file,
          const char         *what)
{
  g_autofree char *path = checksum_printable (file->path);

  g_ptr_array_add (lines, g_strdup_printf ("%s: %s", path, what));
}

static void
add_lines (GPtrArray  *lines,
           GPtrArray  *files,
           const char *what)
{
  for (guint i = 0; i < files->len; i++)
    add_line (lines, g_ptr_array_index (files, i), what);
}

/* Prints problems with individual files, the most important first, and no more than MAX_LINES. */
static void
print_details (ChecksumTree    *tree,
               ChecksumVerdict *verdict)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  add_lines (lines, verdict->different, "differs from sha256sum");
  add_lines (lines, verdict->changed, "changed meanwhile");
  for (guint i = 0; i < tree->odd->len; i++)
    g_ptr_array_add (lines, g_strconcat (g_ptr_array_index (tree->odd, i), ": left out", NULL));
  for (guint i = 0; i < tree->files->len; i++)
    {
      ChecksumFile *file = g_ptr_array_index (tree->files, i);

      if (file->error != NULL)
        add_line (lines, file, file->error);
    }

  for (guint i = 0; i < MIN (lines->len, MAX_LINES); i++)
    g_print ("%s\n", (char *) g_ptr_array_index (lines, i));
  if (lines->len > MAX_LINES)
    g_print ("and %u more\n", lines->len - MAX_LINES);
}

/* Returns whether the digests agree with those of sha256sum, and none is missing. */
static gboolean
conclude (Coordinator *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ChecksumVerdict) verdict = NULL;

  checksum_report_table (self->report);
  verdict = checksum_tree_verify (self->tree, &error);
  if (verdict == NULL)
    {
      g_printerr ("sha256sum: %s\n", error->message);
      return FALSE;
    }

  print_details (self->tree, verdict);
  g_print ("%u equal, %u unreadable, %u changed, %u different, %u missing: ",
           verdict->n_equal, verdict->n_unreadable, verdict->changed->len,
           verdict->different->len, verdict->n_missing);
  if (verdict->different->len > 0 || verdict->n_missing > 0)
    {
      g_print ("the digests do not agree\n");
      return FALSE;
    }

  g_print ("all digests agree\n");

  return !self->failed;
}

static gboolean
run (Coordinator *self,
     GError     **error)
{
  guint watch_int = g_unix_signal_add (SIGINT, interrupted_cb, self);
  guint watch_term = g_unix_signal_add (SIGTERM, interrupted_cb, self);

  g_signal_connect_swapped (self->results, "message", G_CALLBACK (result_cb), self);
  mp_queue_start (self->results, G_PRIORITY_DEFAULT_IDLE);
  start_workers (self);
  if (!put_tasks (self, error))
    return FALSE;

  mp_joinable_queue_join_async (self->tasks, G_PRIORITY_DEFAULT, NULL, tasks_joined_cb, self);
  if (any_worker_left (self) || (queue_option != NULL && n_option == 0))
    g_main_loop_run (self->loop);

  stop_workers (self);
  g_source_remove (watch_int);
  g_source_remove (watch_term);

  return TRUE;
}

/* Of a queue that has a URI.  Free with g_free (). */
static char *
results_uri (void)
{
  return g_strconcat (queue_option, "-results", NULL);
}

/* The names of queues without a URI are for people who look on with `mproc top`. */
static gboolean
make_queues (MpJoinableQueue **tasks,
             MpQueue         **results,
             GError          **error)
{
  g_autofree char *uri = NULL;

  if (queue_option == NULL)
    {
      *tasks = g_object_new (MP_TYPE_JOINABLE_QUEUE, "name", "tasks", NULL);
      *results = g_object_new (MP_TYPE_QUEUE, "name", "results", NULL);
      return TRUE;
    }

  uri = results_uri ();
  *tasks = mp_joinable_queue_open (queue_option, NULL, error);
  *results = *tasks != NULL ? mp_queue_open (uri, NULL, error) : NULL;

  return *results != NULL;
}

/* Queues that have a URI would otherwise stay, shut down.  The tasks go last, so that no worker
 * that starts now opens new tasks and old results. */
static void
remove_queues (void)
{
  g_autofree char *uri = NULL;

  if (queue_option == NULL)
    return;

  uri = results_uri ();
  mp_queue_remove (uri, NULL, NULL);
  mp_queue_remove (queue_option, NULL, NULL);
}

static int
checksum_tree (const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ChecksumTree) tree = checksum_tree_new (directory);
  g_autoptr (ChecksumReport) report = checksum_report_new (tree->files->len, tree->n_bytes);
  g_autoptr (MpJoinableQueue) tasks = NULL;
  g_autoptr (MpQueue) results = NULL;
  g_autoptr (GPtrArray) workers = g_ptr_array_new_with_free_func (worker_free);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Coordinator self = {
    .tree = tree,
    .report = report,
    .workers = workers,
    .loop = loop,
  };

  g_print ("%u files in %s\n", tree->files->len, directory);
  if (!make_queues (&tasks, &results, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  self.tasks = tasks;
  self.results = results;
  if (!run (&self, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  remove_queues ();

  if (self.interrupted)
    return 130;

  return conclude (&self) ? 0 : 1;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("[DIRECTORY]");
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  return checksum_tree (argc > 1 ? argv[1] : DEFAULT_DIRECTORY);
}
