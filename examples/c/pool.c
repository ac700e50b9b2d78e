/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pool whose workers count prime numbers.  One task kills each worker that is given it; the
 * others are done all the same. */

#include <mproc-glib/mproc-glib.h>
#include <signal.h>

#define STEP    1000
#define N_TASKS 10

/* --- The workers --------------------------------------------------------------------------- */

static gboolean
is_prime (gint64 n)
{
  for (gint64 divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return FALSE;
  return n > 1;
}

static GVariant *
do_task (const char *function,
         GVariant   *argument,
         gpointer    user_data,
         GError    **error)
{
  gint64 start, count = 0;

  if (g_str_equal (function, "crash"))
    raise (SIGKILL);

  start = g_variant_get_int64 (argument);
  for (gint64 n = start; n < start + STEP; n++)
    count += is_prime (n);
  return g_variant_new_int64 (count);
}

/* --- The coordinator ----------------------------------------------------------------------- */

typedef struct
{
  GMainLoop *loop;
  gint64     sum;
  guint      n_left;
} Count;

static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  mp_pool_stop_finish (MP_POOL (source), result, NULL);
  g_main_loop_quit (user_data);
}

static void
counted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  MpPool *pool = MP_POOL (source);
  Count  *count = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_pool_submit_finish (pool, result, &error);

  if (value != NULL)
    count->sum += g_variant_get_int64 (value);
  else
    g_print ("One task failed: %s\n", error->message);
  if (--count->n_left > 0)
    return;

  g_print ("%" G_GINT64_FORMAT " primes below %d\n", count->sum, N_TASKS * STEP);
  mp_pool_stop_async (pool, TRUE, G_PRIORITY_DEFAULT, NULL, stopped_cb, count->loop);
}

int
main (int   argc,
      char *argv[])
{
  const char *worker_argv[] = { argv[0], "work", NULL };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (MpPool) pool = NULL;
  g_autoptr (GError) error = NULL;
  Count count = { loop, 0, N_TASKS + 1 };

  if (argc > 1)
    return mp_pool_work (do_task, NULL);

  pool = mp_pool_new (worker_argv, 3);
  if (!mp_pool_start (pool, &error))
    {
      g_printerr ("%s: %s\n", argv[0], error->message);
      return 1;
    }
  mp_pool_submit_async (pool, "crash", g_variant_new_boolean (TRUE), G_PRIORITY_DEFAULT, NULL,
                        counted_cb, &count);
  for (gint64 n = 0; n < N_TASKS; n++)
    mp_pool_submit_async (pool, "count-primes", g_variant_new_int64 (n * STEP), G_PRIORITY_DEFAULT,
                          NULL, counted_cb, &count);
  g_main_loop_run (loop);
  return 0;
}
