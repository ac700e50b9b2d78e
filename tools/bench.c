/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "measure.h"
#include "output.h"

static int      n_producers = 1, n_consumers = 1;
static char    *size_text;
static double   n_seconds = 2;
static gboolean is_joinable, is_round_trip;
static char    *role;

static const GOptionEntry options[] = {
  { "producers", 'p', 0, G_OPTION_ARG_INT, &n_producers, "Processes that put (1)", "N" },
  { "consumers", 'c', 0, G_OPTION_ARG_INT, &n_consumers, "Processes that get (1)", "N" },
  { "size", 's', 0, G_OPTION_ARG_STRING, &size_text, "The size of a message (64)", "SIZE" },
  { "delay", 'd', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Measures so long (2)", "SECONDS" },
  { "joinable", 0, 0, G_OPTION_ARG_NONE, &is_joinable, "With tasks", NULL },
  { "round-trip", 0, 0, G_OPTION_ARG_NONE, &is_round_trip,
    "One message there and back, again and again", NULL },
  { "role", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &role, NULL, NULL },
  { NULL },
};

static MpQueue *
new_queue (gboolean joinable,
           GError **error)
{
  return joinable ? MP_QUEUE (mp_joinable_queue_new (0, error)) : mp_queue_new (1024, error);
}

/* --- The processes ---------------------------------------------------------------------------- */

typedef struct
{
  MpQueue   *there, *back, *results;
  GPtrArray *processes;
  guint64    size;
} Bench;

static gboolean
start (Bench      *bench,
       const char *own_role,
       int         n,
       GError    **error)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, bench->size);
  char             seconds[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_dtostr (seconds, sizeof seconds, n_seconds);
  for (int i = 0; i < n; i++)
    {
      const char *const argv[] = { "/proc/self/exe", "bench", "--role", own_role, "-s", size,
                                   "-d", seconds, NULL };
      g_autoptr (MpProcess) process = mp_process_new (argv);

      mp_process_set_die_with_parent (process, TRUE);
      mp_process_give (process, "there", MP_SHAREABLE (bench->there));
      mp_process_give (process, "back", MP_SHAREABLE (bench->back));
      mp_process_give (process, "results", MP_SHAREABLE (bench->results));
      if (!mp_process_start (process, error))
        return FALSE;
      g_ptr_array_add (bench->processes, g_steal_pointer (&process));
    }
  return TRUE;
}

static gboolean
collect (Bench     *bench,
         int        n,
         MpMeasure *sum,
         GError   **error)
{
  for (int i = 0; i < n; i++)
    {
      g_autoptr (GVariant) result = mp_queue_get (bench->results, -1, NULL, error);

      if (result == NULL || !mp_measure_add (sum, result, error))
        return FALSE;
    }
  return TRUE;
}

/* The queue is shut down when all producers have ended, which makes the consumers end. */
static gboolean
measure (Bench     *bench,
         MpMeasure *put,
         MpMeasure *got,
         GError   **error)
{
  if (is_round_trip)
    return start (bench, "echo", 1, error) && start (bench, "ask", 1, error) &&
           collect (bench, 1, got, error);
  return start (bench, "get", n_consumers, error) && start (bench, "put", n_producers, error) &&
         collect (bench, n_producers, put, error) &&
         mp_queue_shutdown (bench->there, FALSE, error) &&
         collect (bench, n_consumers, got, error);
}

static gboolean
open_queues (Bench   *bench,
             GError **error)
{
  bench->there = new_queue (is_joinable, error);
  bench->back = bench->there != NULL ? new_queue (is_joinable, error) : NULL;
  bench->results = bench->back != NULL ? mp_queue_new (0, error) : NULL;
  bench->processes = g_ptr_array_new_with_free_func (g_object_unref);
  return bench->results != NULL;
}

static void
close_queues (Bench *bench)
{
  if (bench->there != NULL)
    mp_queue_shutdown (bench->there, TRUE, NULL);
  for (guint i = 0; i < bench->processes->len; i++)
    mp_process_join (g_ptr_array_index (bench->processes, i), -1, NULL, NULL);
  g_ptr_array_unref (bench->processes);
  g_clear_object (&bench->there);
  g_clear_object (&bench->back);
  g_clear_object (&bench->results);
}

static int
run_bench (guint64 size)
{
  g_autoptr (GError) error = NULL;
  Bench     bench = { .size = size };
  MpMeasure put = { 0 }, got = { 0 };
  int       status = MP_EXIT_DONE;

  if (!open_queues (&bench, &error) || !measure (&bench, &put, &got, &error))
    status = mp_command_fail ("bench", error);
  close_queues (&bench);
  if (status == MP_EXIT_DONE && !is_round_trip &&
      (put.n != got.n || put.checksum != got.checksum))
    status = mp_command_refuse ("bench", MP_EXIT_FAILED,
                                "%" G_GUINT64_FORMAT " messages were put and %" G_GUINT64_FORMAT
                                " taken, or others",
                                put.n, got.n);
  if (status == MP_EXIT_DONE)
    mp_measure_print (&got, size, is_round_trip);
  mp_measure_clear (&put);
  mp_measure_clear (&got);
  return status;
}

static int
run (int    argc,
     char **argv)
{
  guint64 size = 64;
  int     status;

  if (!mp_command_parse (&mp_command_bench, &argc, &argv, 0, 0, &status))
    return status;
  if (n_producers < 1 || n_consumers < 1 || n_seconds <= 0 ||
      (size_text != NULL && (!mp_command_parse_size (size_text, &size) || size > G_MAXINT)))
    return mp_command_refuse ("bench", MP_EXIT_USAGE,
                              "-p and -c are at least 1, -d above 0, and -s a size");
  size = MAX (size, MP_MEASURE_LEAST_SIZE);
  return role != NULL ? mp_measure_run (role, (gsize) size, mp_command_timeout (n_seconds))
                      : run_bench (size);
}

const MpCommand mp_command_bench = {
  .name = "bench",
  .arguments = "",
  .summary = "Measures queues on this machine",
  .options = options,
  .run = run,
};
