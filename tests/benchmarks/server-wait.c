/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Consumers that wait for a queue on a Redis server: MODE SOCKET N.
 *
 *   wake  puts N messages, one by one, while a process sleeps in a get: prints the median and the
 *         99th percentile of the time from just before the put until the other one has it, in µs
 *   raw   the same by LPUSH and BRPOP
 *   idle  N consumers wait in a main loop: prints how many functions a second they call, for ten
 *         seconds, and then how many for each of 100 messages */

#include "bench.h"

#include <hiredis/hiredis.h>
#include <mproc-glib/mproc-glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTLE_SECONDS 5
#define IDLE_SECONDS   10
#define N_PUTS         100
#define PAUSE_US       2000

static const char *path;

static gpointer
open_queue (void)
{
  g_autofree char *uri = g_strdup_printf ("redis+unix://%s?name=wait&mode=joinable", path);
  g_autoptr (GError) error = NULL;
  gpointer queue = mp_queue_open (uri, NULL, &error);

  if (queue == NULL)
    bench_fail (error->message);
  return queue;
}

static redisReply *
command (redisContext *context,
         const char   *text)
{
  redisReply *reply = redisCommand (context, text);

  if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
    bench_fail ("the server");
  return reply;
}

/* --- From a put to a sleeping consumer ----------------------------------------------------- */

static int
compare (gconstpointer one,
         gconstpointer other)
{
  const gint64 a = *(const gint64 *) one, b = *(const gint64 *) other;

  return a < b ? -1 : a > b;
}

static void
print_times (gint64 *times,
             guint   n)
{
  qsort (times, n, sizeof *times, compare);
  g_print ("%.1f %.1f\n", (double) times[n / 2] / 1000, (double) times[n * 99 / 100] / 1000);
}

static gint64
receive_task (MpJoinableQueue *queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, -1, NULL, &error);
  const gint64 now = bench_now_ns ();
  g_autoptr (GVariant) value = NULL;

  if (task == NULL)
    bench_fail (error->message);
  value = mp_message_get_variant (mp_task_get_message (task), NULL);
  if (!mp_task_done (task, &error))
    bench_fail (error->message);
  return now - g_variant_get_int64 (value);
}

static gint64
receive_raw (redisContext *context)
{
  redisReply  *reply = command (context, "BRPOP list 0");
  const gint64 taken = bench_now_ns () - g_ascii_strtoll (reply->element[1]->str, NULL, 10);

  freeReplyObject (reply);
  return taken;
}

static void
receive_all (gboolean is_raw,
             guint    n)
{
  g_autofree gint64 *times = g_new (gint64, n);
  gpointer           peer = is_raw ? (gpointer) redisConnectUnix (path) : open_queue ();

  for (guint i = 0; i < n; i++)
    times[i] = is_raw ? receive_raw (peer) : receive_task (peer);
  print_times (times, n);
}

static void
send_all (gboolean is_raw,
          guint    n)
{
  redisContext *context = redisConnectUnix (path);
  MpQueue      *queue = is_raw ? NULL : open_queue ();

  for (guint i = 0; i < n; i++)
    {
      g_usleep (PAUSE_US);
      if (is_raw)
        freeReplyObject (redisCommand (context, "LPUSH list %lld", (long long) bench_now_ns ()));
      else if (!mp_queue_put (queue, g_variant_new_int64 (bench_now_ns ()), -1, NULL, NULL))
        bench_fail ("put");
    }
  g_clear_object (&queue);
  redisFree (context);
}

static void
measure_wake (gboolean is_raw,
              guint    n)
{
  pid_t child = fork ();

  if (child == 0)
    {
      receive_all (is_raw, n);
      exit (0);
    }
  g_usleep (200 * 1000);
  send_all (is_raw, n);
  waitpid (child, NULL, 0);
}

/* --- Idle consumers ------------------------------------------------------------------------ */

static gint64
count_calls (redisContext *context)
{
  redisReply *reply = command (context, "INFO commandstats");
  const char *found = strstr (reply->str, "cmdstat_fcall:calls=");
  gint64      calls = found != NULL ? g_ascii_strtoll (strchr (found, '=') + 1, NULL, 10) : 0;

  freeReplyObject (reply);
  return calls;
}

static guint n_taken;

static void
taken_cb (GObject      *object,
          GAsyncResult *result,
          gpointer      user_data)
{
  MpJoinableQueue *queue = MP_JOINABLE_QUEUE (object);
  g_autoptr (MpTask) task = mp_joinable_queue_get_task_finish (queue, result, NULL);

  if (task == NULL || !mp_task_done (task, NULL))
    bench_fail ("get");
  n_taken++;
  mp_joinable_queue_get_task_async (queue, 0, NULL, taken_cb, NULL);
}

static gboolean
wake_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
run_for (gint64 us)
{
  const gint64 until = g_get_monotonic_time () + us;
  guint        timer = g_timeout_add (20, wake_cb, NULL);

  while (g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
}

static void
measure_idle (guint n)
{
  const struct rlimit limit = { 16384, 16384 };
  redisContext       *context = redisConnectUnix (path);
  g_autoptr (GPtrArray) consumers = g_ptr_array_new ();
  gpointer producer;
  gint64   before, idle;

  setrlimit (RLIMIT_NOFILE, &limit);
  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (consumers, open_queue ());
      mp_joinable_queue_get_task_async (g_ptr_array_index (consumers, i), 0, NULL, taken_cb, NULL);
    }
  run_for (SETTLE_SECONDS * G_USEC_PER_SEC);
  before = count_calls (context);
  run_for (IDLE_SECONDS * G_USEC_PER_SEC);
  idle = count_calls (context) - before;

  producer = open_queue ();
  before = count_calls (context);
  for (guint i = 0; i < N_PUTS; i++)
    {
      if (!mp_queue_put (producer, g_variant_new_int64 (i), -1, NULL, NULL))
        bench_fail ("put");
      while (n_taken <= i)
        g_main_context_iteration (NULL, TRUE);
    }
  g_print ("%.1f %.2f\n", (double) idle / IDLE_SECONDS,
           (double) (count_calls (context) - before) / N_PUTS);
  _exit (0); /* instead of a goodbye for each */
}

int
main (int    argc,
      char **argv)
{
  guint n;

  if (argc != 4)
    bench_fail ("MODE SOCKET N");
  path = argv[2];
  n = (guint) atoi (argv[3]);
  if (g_str_equal (argv[1], "idle"))
    measure_idle (n);
  else
    measure_wake (g_str_equal (argv[1], "raw"), n);
  return 0;
}
