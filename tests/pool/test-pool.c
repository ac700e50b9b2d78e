/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-child.h"

/* --- The workers --------------------------------------------------------------------------- */

static GVariant *
square (GVariant *argument)
{
  gint64 number = g_variant_get_int64 (argument);

  return g_variant_new_int64 (number * number);
}

static char *volatile kept;

/* Dies unless another worker has done so before, which a file says. */
static GVariant *
die_once (GVariant *argument)
{
  const char *path = g_variant_get_string (argument, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_file_set_contents (path, "", 0, NULL);
      raise (SIGKILL);
    }
  return g_variant_new_string ("alive");
}

static GVariant *
use_memory (GVariant *argument)
{
  gsize size = (gsize) g_variant_get_int64 (argument);

  g_free (kept);
  kept = g_malloc (size);
  memset (kept, 1, size);
  return g_variant_new_int64 (getpid ());
}

static GVariant *
do_task (const char *function,
         GVariant   *argument,
         gpointer    user_data,
         GError    **error)
{
  if (g_str_equal (function, "square"))
    return square (argument);
  if (g_str_equal (function, "echo"))
    return g_variant_ref (argument);
  if (g_str_equal (function, "pid"))
    return g_variant_new_int64 (getpid ());
  if (g_str_equal (function, "memory"))
    return use_memory (argument);
  if (g_str_equal (function, "die-once"))
    return die_once (argument);
  if (g_str_equal (function, "die"))
    raise (SIGKILL);
  if (g_str_equal (function, "exit"))
    _exit (3);
  if (g_str_equal (function, "stop"))
    raise (SIGSTOP);
  if (g_str_equal (function, "hang"))
    for (;;)
      pause ();
  if (g_str_equal (function, "stubborn"))
    {
      signal (SIGTERM, SIG_IGN);
      for (;;)
        pause ();
    }
  if (g_str_equal (function, "nothing"))
    return NULL;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no function %s", function);
  return NULL;
}

static int
child_work (const char *argument)
{
  return mp_pool_work (do_task, NULL);
}

/* Puts what is no report and no task into the queues of the pool before it works. */
static int
child_hostile (const char *argument)
{
  static const char *const values[] = {
    "'text'",
    "(byte 3, uint32 1, uint64 1, <'no error'>)",
    "(byte 2, uint32 77, uint64 77, <1>)",
    "(byte 99, uint32 1, uint64 1, <1>)",
    "(byte 1, uint32 1, uint64 999, <true>)",
    "(byte 0, uint32 99, uint64 0, <true>)",
    "(uint64 1, 'square')",
  };
  g_autoptr (MpShareable) tasks = mp_inherit ("mproc-glib.pool.tasks", NULL);
  g_autoptr (MpShareable) reports = mp_inherit ("mproc-glib.pool.reports", NULL);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\xff\0 bytes", 8);

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      mp_queue_put (MP_QUEUE (reports), g_variant_new_parsed (values[i]), -1, NULL, NULL);
      mp_queue_put (MP_QUEUE (tasks), g_variant_new_parsed (values[i]), -1, NULL, NULL);
    }
  mp_queue_put_bytes (MP_QUEUE (reports), bytes, -1, NULL, NULL);
  mp_queue_put_bytes (MP_QUEUE (tasks), bytes, -1, NULL, NULL);
  mp_queue_put_json (MP_QUEUE (reports), "[1, 2, {}]", -1, NULL, NULL);
  return mp_pool_work (do_task, NULL);
}

static int
child_fail (const char *argument)
{
  return 7;
}

static int
child_succeed (const char *argument)
{
  return 0;
}

static const TestChild children[] = {
  { "work", child_work },
  { "hostile", child_hostile },
  { "fail", child_fail },
  { "succeed", child_succeed },
  { "sleep", child_sleep },
  { NULL },
};

/* --- Helpers ------------------------------------------------------------------------------- */

static const char *const *
argv_of (const char *role)
{
  static const char *argv[] = { NULL, "--child", NULL, "", NULL };

  argv[0] = get_program ();
  argv[2] = role;
  return argv;
}

/* A pool of ready-made settings, which is not started. */
static MpPool *
make_pool (const char *role,
           guint       n_workers)
{
  return g_object_new (MP_TYPE_POOL,
                       "argv", argv_of (role),
                       "n-workers", n_workers,
                       "restart-delay", G_GINT64_CONSTANT (1000),
                       NULL);
}

static MpPool *
start_pool (MpPool *pool)
{
  g_autoptr (GError) error = NULL;

  mp_pool_start (pool, &error);
  g_assert_no_error (error);
  return pool;
}

static GVariant *
submit (MpPool     *pool,
        const char *function,
        GVariant   *argument,
        GError    **error)
{
  return mp_pool_submit (pool, function, argument, DEADLINE_US, NULL, error);
}

static gint64
submit_number (MpPool     *pool,
               const char *function,
               gint64      number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = submit (pool, function, g_variant_new_int64 (number), &error);

  g_assert_no_error (error);
  return g_variant_get_int64 (value);
}

static void
assert_fails (MpPool     *pool,
              const char *function,
              GQuark      domain,
              int         code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (submit (pool, function, g_variant_new_int64 (0), &error));
  g_assert_error (error, domain, code);
}

static void
stop_pool (MpPool *pool)
{
  g_autoptr (GError) error = NULL;

  mp_pool_stop (pool, TRUE, DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_pool_get_n_alive (pool), ==, 0);
  g_assert_finalize_object (pool);
}

/* What has become of tasks that were submitted asynchronously. */
typedef struct
{
  guint   n_submitted;
  guint   n_answered;
  guint   n_failed;
  gint64  sum;
  GError *last_error;
} Tally;

static void
answered_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  Tally  *tally = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) value = mp_pool_submit_finish (MP_POOL (source), result, &error);

  if (value == NULL)
    {
      tally->n_failed++;
      g_clear_error (&tally->last_error);
      tally->last_error = error;
      return;
    }
  tally->n_answered++;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    tally->sum += g_variant_get_int64 (value);
}

static void
submit_many (MpPool     *pool,
             const char *function,
             gint64      n,
             Tally      *tally)
{
  for (gint64 i = 1; i <= n; i++)
    mp_pool_submit_async (pool, function, g_variant_new_int64 (i), G_PRIORITY_DEFAULT, NULL,
                          answered_cb, tally);
  tally->n_submitted += (guint) n;
}

static gboolean
late_cb (gpointer user_data)
{
  g_error ("This did not happen in time");
  return G_SOURCE_REMOVE;
}

/* Iterates the main context until @condition holds. */
#define iterate_until(condition)                                                       \
  G_STMT_START                                                                         \
  {                                                                                    \
    guint _late = g_timeout_add_seconds (DEADLINE_US / G_USEC_PER_SEC, late_cb, NULL); \
    while (!(condition))                                                               \
      g_main_context_iteration (NULL, TRUE);                                           \
    g_source_remove (_late);                                                           \
  }                                                                                    \
  G_STMT_END

static gboolean
is_over (Tally *tally)
{
  return tally->n_answered + tally->n_failed == tally->n_submitted;
}

static MpProcess *
first_worker (MpPool *pool)
{
  g_autoptr (GPtrArray) workers = mp_pool_list_workers (pool);

  return workers->len > 0 ? g_object_ref (g_ptr_array_index (workers, 0)) : NULL;
}

/* --- Tasks --------------------------------------------------------------------------------- */

static void
test_submit (void)
{
  MpPool *pool = start_pool (make_pool ("work", 2));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) echo = NULL;

  g_assert_cmpuint (mp_pool_get_n_alive (pool), ==, 2);
  g_assert_cmpint (submit_number (pool, "square", 12), ==, 144);
  echo = submit (pool, "echo", g_variant_new_parsed ("{'a': <[1, 2]>, 'b': <b'xyz'>}"), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (echo), ==, "a{sv}");

  assert_fails (pool, "unknown", G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_fails (pool, "nothing", G_IO_ERROR, G_IO_ERROR_FAILED);
  stop_pool (pool);
}

static void
test_submit_many (void)
{
  MpPool *pool = start_pool (make_pool ("work", 2));
  Tally   tally = { 0 };

  submit_many (pool, "square", 1000, &tally);
  g_assert_cmpuint (mp_pool_get_n_pending (pool), ==, 1000);
  iterate_until (is_over (&tally));
  g_assert_cmpuint (tally.n_answered, ==, 1000);
  g_assert_cmpint (tally.sum, ==, G_GINT64_CONSTANT (1000) * 1001 * 2001 / 6);
  g_assert_cmpuint (mp_pool_get_n_pending (pool), ==, 0);
  g_assert_cmpuint (mp_pool_get_n_restarts (pool), ==, 0);
  stop_pool (pool);
}

/* Results of other tasks are not handed out during a call that waits for its own. */
static void
test_submit_among_others (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  Tally   tally = { 0 };

  submit_many (pool, "square", 10, &tally);
  g_assert_cmpint (submit_number (pool, "square", 3), ==, 9);
  g_assert_cmpuint (tally.n_answered, ==, 0);
  iterate_until (is_over (&tally));
  g_assert_cmpuint (tally.n_answered, ==, 10);
  stop_pool (pool);
}

static void
test_submit_states (void)
{
  MpPool *pool = make_pool ("work", 1);
  Tally   tally = { 0 };
  g_autoptr (GError) error = NULL;

  assert_fails (pool, "square", G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  submit_many (pool, "square", 1, &tally);
  iterate_until (is_over (&tally));
  g_assert_error (tally.last_error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);

  start_pool (pool);
  g_assert_false (mp_pool_start (pool, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_null (mp_pool_submit (pool, "hang", g_variant_new_int64 (0), 20000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_cmpuint (mp_pool_get_n_pending (pool), ==, 0);

  g_assert_true (mp_pool_stop (pool, FALSE, DEADLINE_US, NULL, &error));
  g_assert_no_error (error);
  assert_fails (pool, "square", MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&tally.last_error);
  g_assert_finalize_object (pool);
}

static void
test_cancel (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Tally hanging = { 0 }, cancelled = { 0 };

  submit_many (pool, "hang", 10, &hanging);
  mp_pool_submit_async (pool, "square", g_variant_new_int64 (2), G_PRIORITY_DEFAULT, cancellable,
                        answered_cb, &cancelled);
  cancelled.n_submitted = 1;
  g_cancellable_cancel (cancellable);
  iterate_until (is_over (&cancelled));
  g_assert_error (cancelled.last_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (mp_pool_get_n_pending (pool), ==, 10);

  g_assert_null (mp_pool_submit (pool, "square", g_variant_new_int64 (1), -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_clear_error (&error);
  mp_pool_stop (pool, FALSE, DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  iterate_until (is_over (&hanging));
  g_assert_error (hanging.last_error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&hanging.last_error);
  g_clear_error (&cancelled.last_error);
  g_assert_finalize_object (pool);
}

static gpointer
cancel_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel_by_thread (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Tally tally = { 0 };

  for (guint i = 0; i < 10; i++)
    mp_pool_submit_async (pool, "hang", g_variant_new_int64 (2), G_PRIORITY_DEFAULT, cancellable,
                          answered_cb, &tally);
  tally.n_submitted = 10;
  g_thread_join (g_thread_new ("cancel", cancel_thread, cancellable));
  iterate_until (is_over (&tally));
  g_assert_error (tally.last_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (tally.n_failed, ==, 10);
  g_assert_cmpuint (mp_pool_get_n_pending (pool), ==, 0);
  g_clear_error (&tally.last_error);

  /* One that is cancelled already. */
  mp_pool_submit_async (pool, "hang", g_variant_new_int64 (2), G_PRIORITY_DEFAULT, cancellable,
                        answered_cb, &tally);
  tally.n_submitted++;
  iterate_until (is_over (&tally));
  g_assert_error (tally.last_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&tally.last_error);
  mp_pool_stop (pool, FALSE, DEADLINE_US, NULL, NULL);
  g_assert_finalize_object (pool);
}

static void
append_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GVariant) value = mp_pool_submit_finish (MP_POOL (source), result, NULL);

  g_array_append_vals (user_data, &(gint64){ g_variant_get_int64 (value) }, 1);
}

/* Two are in the queue before the others are submitted. */
static void
test_priority (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (gint64));
  const int    priorities[] = { 0, 0, 200, 0, -100, 0 };
  const gint64 expected[] = { 0, 1, 4, 3, 5, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    mp_pool_submit_async (pool, "echo", g_variant_new_int64 (i), priorities[i], NULL, append_cb,
                          order);
  iterate_until (order->len == G_N_ELEMENTS (expected));
  g_assert_cmpmem (order->data, sizeof expected, expected, sizeof expected);
  stop_pool (pool);
}

/* --- Deaths -------------------------------------------------------------------------------- */

static void
test_die_once (void)
{
  MpPool          *pool = start_pool (make_pool ("work", 1));
  g_autofree char *folder = g_dir_make_tmp ("mproc-glib-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "died", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = submit (pool, "die-once", g_variant_new_string (path), &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "alive");
  g_assert_cmpuint (mp_pool_get_n_restarts (pool), ==, 1);
  unlink (path);
  rmdir (folder);
  stop_pool (pool);
}

/* A task of which all workers die fails with the reason, and the pool goes on. */
static void
test_die (gconstpointer data)
{
  const char *function = data;
  MpPool     *pool = start_pool (make_pool ("work", 2));
  g_autoptr (GError) error = NULL;

  g_assert_null (submit (pool, function, g_variant_new_int64 (0), &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_nonnull (strstr (error->message, g_str_equal (function, "die") ? "signal 9"
                                                                          : "exit code 3"));
  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  stop_pool (pool);
}

/* Many such tasks among others, whose deaths do not make the pool fail. */
static void
test_die_among_others (void)
{
  MpPool *pool = start_pool (make_pool ("work", 3));
  Tally   dying = { 0 }, others = { 0 };

  for (guint i = 0; i < 6; i++)
    {
      submit_many (pool, "die", 1, &dying);
      submit_many (pool, "square", 20, &others);
    }
  iterate_until (is_over (&dying) && is_over (&others));
  g_assert_cmpuint (dying.n_failed, ==, 6);
  g_assert_error (dying.last_error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_cmpuint (others.n_answered, ==, 120);
  g_clear_error (&dying.last_error);
  stop_pool (pool);
}

/* More workers than may die before they are ready are found dead at once, together with their
 * reports that they were ready. */
static void
test_die_unseen (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("work"),
                               "n-workers", 6,
                               "max-deliveries", 1,
                               "max-restarts", 5,
                               "restart-delay", G_GINT64_CONSTANT (1000),
                               NULL);
  Tally   tally = { 0 };
  g_autoptr (GPtrArray) workers = NULL;

  start_pool (pool);
  workers = mp_pool_list_workers (pool);
  submit_many (pool, "die", 6, &tally);
  for (guint i = 0; i < workers->len; i++)
    g_assert_true (mp_process_join (g_ptr_array_index (workers, i), DEADLINE_US, NULL, NULL));
  iterate_until (is_over (&tally));
  g_assert_nonnull (strstr (tally.last_error->message, "given up after 1 deliveries"));
  g_clear_error (&tally.last_error);
  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  stop_pool (pool);
}

/* Kills a worker among each hundred tasks. */
static void
test_killed_at_random (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("work"),
                               "n-workers", 3,
                               "max-deliveries", 0,
                               "restart-delay", G_GINT64_CONSTANT (1000),
                               NULL);
  Tally   tally = { 0 };

  start_pool (pool);
  for (guint i = 0; i < 20; i++)
    {
      guint n_restarts = mp_pool_get_n_restarts (pool);
      g_autoptr (MpProcess) worker = NULL;

      iterate_until ((worker = first_worker (pool)) != NULL);
      submit_many (pool, "square", 100, &tally);
      g_main_context_iteration (NULL, FALSE);
      mp_process_kill (worker);
      iterate_until (is_over (&tally) && mp_pool_get_n_restarts (pool) > n_restarts);
    }
  g_assert_cmpuint (tally.n_answered, ==, 2000);
  g_assert_cmpint (tally.sum, ==, 20 * G_GINT64_CONSTANT (100) * 101 * 201 / 6);
  stop_pool (pool);
}

static void
failed_cb (MpPool       *pool,
           const GError *error,
           gpointer      user_data)
{
  g_assert_error (error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_nonnull (strstr (error->message, "exit code 7"));
  ++*(guint *) user_data;
}

static void
count_cb (MpPool  *pool,
          gpointer user_data)
{
  ++*(guint *) user_data;
}

static void
test_fails (void)
{
  MpPool *pool = make_pool ("fail", 2);
  Tally   tally = { 0 };
  guint   n_failed = 0, n_ended = 0;

  g_signal_connect (pool, "failed", G_CALLBACK (failed_cb), &n_failed);
  g_signal_connect (pool, "ended", G_CALLBACK (count_cb), &n_ended);
  start_pool (pool);
  submit_many (pool, "square", 3, &tally);
  iterate_until (is_over (&tally) && n_ended > 0);
  g_assert_cmpuint (tally.n_failed, ==, 3);
  g_assert_error (tally.last_error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_cmpuint (n_failed, ==, 1);
  g_assert_cmpuint (n_ended, ==, 1);
  assert_fails (pool, "square", MP_ERROR, MP_ERROR_WORKER_DIED);
  g_clear_error (&tally.last_error);
  stop_pool (pool);
}

static void
test_start_fails (void)
{
  const char *argv[] = { "/nowhere/no-such-program", NULL };
  MpPool     *pool = mp_pool_new (argv, 2);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_pool_start (pool, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpuint (mp_pool_get_n_alive (pool), ==, 0);
  assert_fails (pool, "square", G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  stop_pool (pool);
}

/* What other programs put into the queues of a pool is ignored. */
static void
test_hostile (void)
{
  MpPool *pool = start_pool (make_pool ("hostile", 2));
  Tally   tally = { 0 };

  submit_many (pool, "square", 50, &tally);
  iterate_until (is_over (&tally));
  /* One of the reports is an error of the first task. */
  g_assert_cmpuint (tally.n_answered, >=, 49);
  if (tally.n_failed > 0)
    g_assert_error (tally.last_error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_clear_error (&tally.last_error);
  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  stop_pool (pool);
}

/* --- Limits -------------------------------------------------------------------------------- */

static void
test_max_tasks (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("work"),
                               "n-workers", 1,
                               "max-tasks", 2,
                               NULL);
  gint64  pids[6];

  start_pool (pool);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    pids[i] = submit_number (pool, "pid", 0);
  g_assert_cmpint (pids[0], ==, pids[1]);
  g_assert_cmpint (pids[1], !=, pids[2]);
  g_assert_cmpint (pids[2], ==, pids[3]);
  g_assert_cmpint (pids[3], !=, pids[4]);
  stop_pool (pool);
}

static void
test_max_memory (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("work"),
                               "n-workers", 1,
                               "max-memory", G_GUINT64_CONSTANT (300) << 20,
                               NULL);
  gint64  first, second;

  start_pool (pool);
  first = submit_number (pool, "memory", 1 << 20);
  g_assert_cmpint (submit_number (pool, "memory", 310 << 20), ==, first);
  second = submit_number (pool, "pid", 0);
  g_assert_cmpint (second, !=, first);
  stop_pool (pool);
}

static MpPool *
make_impatient (guint n_workers)
{
  return g_object_new (MP_TYPE_POOL,
                       "argv", argv_of ("work"),
                       "n-workers", n_workers,
                       "max-deliveries", 2,
                       "task-timeout", G_GINT64_CONSTANT (300000),
                       "grace", G_GINT64_CONSTANT (50000),
                       "restart-delay", G_GINT64_CONSTANT (1000),
                       NULL);
}

/* One that hangs, one that ignores SIGTERM, and one that is stopped. */
static void
test_task_timeout (gconstpointer data)
{
  MpPool *pool = start_pool (make_impatient (1));
  g_autoptr (GError) error = NULL;

  g_assert_null (submit (pool, data, g_variant_new_int64 (0), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "0.3 s"));
  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  stop_pool (pool);
}

/* --- Number of workers --------------------------------------------------------------------- */

static void
test_n_workers (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  Tally   tally = { 0 };

  submit_many (pool, "square", 10, &tally);
  iterate_until (is_over (&tally));
  mp_pool_set_n_workers (pool, 4);
  g_assert_cmpuint (mp_pool_get_n_alive (pool), ==, 4);
  submit_many (pool, "square", 100, &tally);
  mp_pool_set_n_workers (pool, 2);
  iterate_until (is_over (&tally) && mp_pool_get_n_alive (pool) == 2);
  g_assert_cmpuint (tally.n_answered, ==, 110);
  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  g_assert_cmpuint (mp_pool_get_n_restarts (pool), ==, 0);
  stop_pool (pool);
}

static void
test_n_workers_of_others (void)
{
  MpPool *pool = start_pool (make_pool ("sleep", 3));

  mp_pool_set_n_workers (pool, 1);
  iterate_until (mp_pool_get_n_alive (pool) == 1);
  mp_pool_stop (pool, FALSE, DEADLINE_US, NULL, NULL);
  g_assert_finalize_object (pool);
}

/* --- Ends ---------------------------------------------------------------------------------- */

static void
stopped_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  mp_pool_stop_finish (MP_POOL (source), result, &error);
  g_assert_no_error (error);
  ++*(guint *) user_data;
}

static void
test_stop_async (gconstpointer data)
{
  gboolean finish = GPOINTER_TO_INT (data);
  MpPool  *pool = start_pool (make_pool ("work", 2));
  Tally    tally = { 0 };
  guint    n_stopped = 0;

  submit_many (pool, finish ? "square" : "hang", 100, &tally);
  mp_pool_stop_async (pool, finish, G_PRIORITY_DEFAULT, NULL, stopped_cb, &n_stopped);
  mp_pool_stop_async (pool, finish, G_PRIORITY_DEFAULT, NULL, stopped_cb, &n_stopped);
  assert_fails (pool, "square", MP_ERROR, MP_ERROR_CLOSED);
  iterate_until (n_stopped == 2);
  g_assert_true (is_over (&tally));
  g_assert_cmpuint (finish ? tally.n_answered : tally.n_failed, ==, 100);
  g_clear_error (&tally.last_error);
  stop_pool (pool);
}

/* Workers that do not use the pool's queue are terminated after the grace time. */
static void
test_stop_others (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("sleep"),
                               "n-workers", 2,
                               "grace", G_GINT64_CONSTANT (20000),
                               NULL);

  stop_pool (start_pool (pool));
}

static void
ended_cb (MpPool    *pool,
          MpProcess *process,
          int        exit_code,
          gpointer   user_data)
{
  g_assert_cmpint (exit_code, ==, 0);
  ++*(guint *) user_data;
}

static void
started_cb (MpPool    *pool,
            MpProcess *process,
            gpointer   user_data)
{
  g_assert_cmpint (mp_process_get_pid (process), >, 0);
  ++*(guint *) user_data;
}

static void
test_never_restarted (void)
{
  MpPool *pool = g_object_new (MP_TYPE_POOL,
                               "argv", argv_of ("succeed"),
                               "n-workers", 3,
                               "restart", MP_POOL_RESTART_ON_FAILURE,
                               NULL);
  Tally   tally = { 0 };
  guint   n_started = 0, n_gone = 0, n_ended = 0;

  g_signal_connect (pool, "worker-started", G_CALLBACK (started_cb), &n_started);
  g_signal_connect (pool, "worker-ended", G_CALLBACK (ended_cb), &n_gone);
  g_signal_connect (pool, "ended", G_CALLBACK (count_cb), &n_ended);
  start_pool (pool);
  submit_many (pool, "square", 2, &tally);
  iterate_until (n_ended > 0 && is_over (&tally));
  g_assert_error (tally.last_error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_cmpuint (n_started, ==, 3);
  g_assert_cmpuint (n_gone, ==, 3);
  g_assert_cmpuint (n_ended, ==, 1);
  g_clear_error (&tally.last_error);
  stop_pool (pool);
}

static void
test_dropped (void)
{
  MpPool *pool = start_pool (make_pool ("work", 2));
  g_autoptr (GPtrArray) workers = mp_pool_list_workers (pool);

  g_assert_finalize_object (pool);
  for (guint i = 0; i < workers->len; i++)
    g_assert_true (mp_process_join (g_ptr_array_index (workers, i), DEADLINE_US, NULL, NULL));
}

static void
drop_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GVariant) value = mp_pool_submit_finish (MP_POOL (source), result, NULL);

  g_assert_nonnull (value);
  g_object_unref (source);
}

/* The last reference is that of a task. */
static void
test_dropped_in_callback (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  g_autoptr (GPtrArray) workers = mp_pool_list_workers (pool);

  g_object_add_weak_pointer (G_OBJECT (pool), (gpointer *) &pool);
  mp_pool_submit_async (pool, "pid", g_variant_new_int64 (1), G_PRIORITY_DEFAULT, NULL, drop_cb,
                        NULL);
  iterate_until (pool == NULL);
  g_assert_true (mp_process_join (g_ptr_array_index (workers, 0), DEADLINE_US, NULL, NULL));
}

static void
stop_cb (MpPool       *pool,
         const GError *error,
         gpointer      user_data)
{
  mp_pool_stop_async (pool, FALSE, G_PRIORITY_DEFAULT, NULL, stopped_cb, user_data);
}

static void
test_stop_in_failed (void)
{
  MpPool *pool = make_pool ("fail", 1);
  guint   n_stopped = 0;

  g_signal_connect (pool, "failed", G_CALLBACK (stop_cb), &n_stopped);
  start_pool (pool);
  iterate_until (n_stopped == 1);
  stop_pool (pool);
}

static void
cancelled_stop_cb (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  GError **error = user_data;

  mp_pool_stop_finish (MP_POOL (source), result, error);
}

/* A cancelled stop goes on. */
static void
test_stop_cancelled (void)
{
  MpPool *pool = start_pool (make_pool ("work", 1));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Tally tally = { 0 };

  submit_many (pool, "hang", 1, &tally);
  mp_pool_stop_async (pool, TRUE, G_PRIORITY_DEFAULT, cancellable, cancelled_stop_cb, &error);
  g_cancellable_cancel (cancellable);
  iterate_until (error != NULL);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (mp_pool_stop (pool, TRUE, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_false (mp_pool_stop (pool, TRUE, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  mp_pool_stop (pool, FALSE, DEADLINE_US, NULL, NULL);
  iterate_until (is_over (&tally));
  g_clear_error (&tally.last_error);
  g_assert_finalize_object (pool);
}

/* A forked child neither ends the workers nor takes results, whatever it does with its copy. */
static void
test_fork (void)
{
  MpPool *pool = start_pool (make_pool ("work", 2));
  Tally   tally = { 0 };
  int     status, pid;

  g_assert_cmpint (submit_number (pool, "square", 5), ==, 25);
  submit_many (pool, "square", 50, &tally);
  pid = fork ();
  if (pid == 0)
    {
      g_autoptr (GError) error = NULL;

      while (g_main_context_iteration (NULL, FALSE))
        continue;
      mp_pool_submit (pool, "square", g_variant_new_int64 (1), -1, NULL, &error);
      if (!g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED))
        _exit (1);
      mp_pool_stop (pool, FALSE, -1, NULL, NULL);
      g_object_run_dispose (G_OBJECT (pool));
      _exit (tally.n_answered == 0 ? 0 : 2);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  iterate_until (is_over (&tally));
  g_assert_cmpuint (tally.n_answered, ==, 50);
  g_assert_cmpuint (mp_pool_get_n_restarts (pool), ==, 0);
  stop_pool (pool);
}

/* --- Without a main loop ------------------------------------------------------------------- */

static void
test_iterate (void)
{
  MpPool     *pool = start_pool (make_pool ("work", 2));
  Tally       tally = { 0 };
  MpWaitable *waitable = MP_WAITABLE (pool);

  submit_many (pool, "square", 20, &tally);
  while (!is_over (&tally))
    {
      g_assert_true (mp_waitable_wait (waitable, MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE,
                                       DEADLINE_US, NULL, NULL));
      mp_pool_iterate (pool, 0);
      /* Only for the callbacks: the pool has done its work. */
      while (g_main_context_iteration (NULL, FALSE))
        continue;
    }
  g_assert_cmpuint (tally.n_answered, ==, 20);
  while (mp_waitable_is_ready (waitable, NULL))
    mp_pool_iterate (pool, 0);
  mp_pool_iterate (pool, 1000);
  stop_pool (pool);
}

static void
test_not_a_worker (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_pool_worker_new (&error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int   argc,
      char *argv[])
{
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pool/submit", test_submit);
  g_test_add_func ("/pool/submit-many", test_submit_many);
  g_test_add_func ("/pool/submit-among-others", test_submit_among_others);
  g_test_add_func ("/pool/submit-states", test_submit_states);
  g_test_add_func ("/pool/cancel", test_cancel);
  g_test_add_func ("/pool/cancel-by-thread", test_cancel_by_thread);
  g_test_add_func ("/pool/priority", test_priority);
  g_test_add_func ("/pool/die-once", test_die_once);
  g_test_add_data_func ("/pool/die/killed", "die", test_die);
  g_test_add_data_func ("/pool/die/exit", "exit", test_die);
  g_test_add_func ("/pool/die-among-others", test_die_among_others);
  g_test_add_func ("/pool/die-unseen", test_die_unseen);
  g_test_add_func ("/pool/killed-at-random", test_killed_at_random);
  g_test_add_func ("/pool/fails", test_fails);
  g_test_add_func ("/pool/start-fails", test_start_fails);
  g_test_add_func ("/pool/hostile", test_hostile);
  g_test_add_func ("/pool/max-tasks", test_max_tasks);
  g_test_add_func ("/pool/max-memory", test_max_memory);
  g_test_add_data_func ("/pool/task-timeout/hangs", "hang", test_task_timeout);
  g_test_add_data_func ("/pool/task-timeout/stubborn", "stubborn", test_task_timeout);
  g_test_add_data_func ("/pool/task-timeout/stopped", "stop", test_task_timeout);
  g_test_add_func ("/pool/n-workers", test_n_workers);
  g_test_add_func ("/pool/n-workers-of-others", test_n_workers_of_others);
  g_test_add_data_func ("/pool/stop/finish", GINT_TO_POINTER (TRUE), test_stop_async);
  g_test_add_data_func ("/pool/stop/at-once", GINT_TO_POINTER (FALSE), test_stop_async);
  g_test_add_func ("/pool/stop/others", test_stop_others);
  g_test_add_func ("/pool/never-restarted", test_never_restarted);
  g_test_add_func ("/pool/dropped", test_dropped);
  g_test_add_func ("/pool/dropped-in-callback", test_dropped_in_callback);
  g_test_add_func ("/pool/stop-in-failed", test_stop_in_failed);
  g_test_add_func ("/pool/stop-cancelled", test_stop_cancelled);
  g_test_add_func ("/pool/fork", test_fork);
  g_test_add_func ("/pool/iterate", test_iterate);
  g_test_add_func ("/pool/not-a-worker", test_not_a_worker);

  return g_test_run ();
}
