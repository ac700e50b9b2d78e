/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads of one process that use one queue or one connection in all ways at once: every message
 * arrives exactly once.  The thread sanitizer can check threads, but not processes. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#define N_PUTTERS 3
#define N_GETTERS 4
#define MAX_SIZE  40
#define SHORT_US  200
#define LARGEST   5000

/* Shared by all threads of a test. */
typedef struct
{
  MpQueue      *queue;
  MpConnection *ends[2];
  guint         n_each;
  guint         n_got;
  guint         stop;
  guint8       *got; /* how often each number was received */
} Shared;

typedef struct
{
  Shared *shared;
  guint   index;
} Part;

static guint
choose_n_each (void)
{
  return g_getenv ("MP_TEST_LONG") != NULL ? 200000 : 2000;
}

static void
shared_init (Shared *shared,
             guint   n_putters)
{
  *shared = (Shared){ .n_each = choose_n_each () };
  shared->got = g_malloc0 (n_putters * shared->n_each);
}

static void
shared_clear (Shared *shared,
              guint   n_putters)
{
  for (guint i = 0; i < n_putters * shared->n_each; i++)
    g_assert_cmpuint (shared->got[i], ==, 1);
  g_free (shared->got);
}

static void
start (GThread   **threads,
       Part       *parts,
       guint       n,
       GThreadFunc func,
       Shared     *shared)
{
  for (guint i = 0; i < n; i++)
    {
      parts[i] = (Part){ shared, i };
      threads[i] = g_thread_new ("part", func, &parts[i]);
    }
}

static void
join (GThread **threads,
      guint     n)
{
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
}

static gboolean
is_over (Shared *shared)
{
  return __atomic_load_n (&shared->stop, __ATOMIC_ACQUIRE) != 0;
}

/* --- Messages: a number, and as much filling as it says ------------------------------------ */

static gsize
size_of (guint32 number)
{
  static const gsize sizes[] = { 4, 5, 60, 400, 2044, 3000, LARGEST };

  return sizes[number % G_N_ELEMENTS (sizes)];
}

static gsize
compose (guint8 *buffer,
         guint32 number)
{
  memset (buffer, (int) number, size_of (number));
  memcpy (buffer, &number, sizeof number);
  return size_of (number);
}

static void
account (Shared       *shared,
         const guint8 *data,
         gsize         size)
{
  guint32 number;

  g_assert_cmpuint (size, >=, sizeof number);
  memcpy (&number, data, sizeof number);
  g_assert_cmpuint (size, ==, size_of (number));
  for (gsize i = sizeof number; i < size; i++)
    g_assert_cmpuint (data[i], ==, (guint8) number);
  __atomic_fetch_add (&shared->got[number], 1, __ATOMIC_RELAXED);
  __atomic_fetch_add (&shared->n_got, 1, __ATOMIC_RELEASE);
}

static void
account_bytes (Shared *shared,
               GBytes *bytes)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  account (shared, data, size);
}

/* --- A queue --------------------------------------------------------------------------------- */

static gboolean
put_in_one_way (MpQueue      *queue,
                guint         way,
                const guint8 *data,
                gsize         size,
                GError      **error)
{
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (GBytes) bytes = NULL;

  switch (way)
    {
    case 0:
      return mp_queue_put_data (queue, data, size, -1, NULL, error);
    case 1:
      bytes = g_bytes_new (data, size);
      return mp_queue_put_bytes (queue, bytes, -1, NULL, error);
    default:
      bytes = g_bytes_new (data, size);
      messages = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
      g_ptr_array_add (messages, mp_message_new_bytes (bytes));
      return mp_queue_put_many (queue, messages, -1, NULL, NULL, error);
    }
}

static gpointer
put_all (gpointer data)
{
  Part   *part = data;
  guint32 first = part->index * part->shared->n_each;
  guint8  buffer[LARGEST];

  for (guint32 i = 0; i < part->shared->n_each; i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = compose (buffer, first + i);

      put_in_one_way (part->shared->queue, part->index, buffer, size, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

static gboolean
get_into (Shared  *shared,
          GError **error)
{
  guint8 buffer[LARGEST];
  gssize size = mp_queue_get_into (shared->queue, buffer, sizeof buffer, -1, NULL, error);

  if (size >= 0)
    account (shared, buffer, (gsize) size);
  return size >= 0;
}

static gboolean
get_bytes (Shared  *shared,
           GError **error)
{
  g_autoptr (GBytes) bytes = mp_queue_get_bytes (shared->queue, -1, NULL, error);

  if (bytes != NULL)
    account_bytes (shared, bytes);
  return bytes != NULL;
}

static gboolean
get_many (Shared  *shared,
          GError **error)
{
  g_autoptr (GPtrArray) messages = mp_queue_get_many (shared->queue, 7, -1, NULL, error);

  for (guint i = 0; messages != NULL && i < messages->len; i++)
    {
      g_autoptr (GBytes) bytes = mp_message_get_bytes (messages->pdata[i], error);

      account_bytes (shared, bytes);
    }
  return messages != NULL;
}

static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  GAsyncResult **out = user_data;

  *out = g_object_ref (result);
}

/* Gets asynchronously, in the main context of the thread. */
static gboolean
get_async (Shared  *shared,
           GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (MpMessage) message = NULL;
  g_autoptr (GBytes) bytes = NULL;

  mp_queue_get_message_async (shared->queue, G_PRIORITY_DEFAULT, NULL, got_cb, &result);
  while (result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  message = mp_queue_get_message_finish (shared->queue, result, error);
  if (message == NULL)
    return FALSE;
  bytes = mp_message_get_bytes (message, error);
  account_bytes (shared, bytes);
  return TRUE;
}

static gpointer
get_until_closed (gpointer data)
{
  static gboolean (*const ways[N_GETTERS]) (Shared * shared, GError * *error) = {
    get_into,
    get_bytes,
    get_many,
    get_async,
  };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) error = NULL;
  Part *part = data;

  g_main_context_push_thread_default (context);
  while (ways[part->index](part->shared, &error))
    ;
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);
  return NULL;
}

static gpointer
cancel_soon (gpointer data)
{
  g_thread_yield ();
  g_cancellable_cancel (data);
  return NULL;
}

/* Waits repeatedly, is cancelled, and takes no message. */
static gpointer
stand_by (gpointer data)
{
  Part    *part = data;
  MpQueue *queue = part->shared->queue;

  while (!is_over (part->shared))
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);

      mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_READABLE, MP_WAIT_FLAGS_INTERRUPTIBLE,
                        SHORT_US, NULL, NULL);
      mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_WRITABLE, MP_WAIT_FLAGS_INTERRUPTIBLE,
                        100 * G_USEC_PER_SEC, cancellable, NULL);
      g_assert_cmpuint (mp_queue_get_size (queue), <=, MAX_SIZE);
      mp_queue_get_n_bytes (queue);
      g_thread_join (thread);
    }
  return NULL;
}

static void
test_queue (void)
{
  Part     putting[N_PUTTERS], getting[N_GETTERS], standing;
  GThread *putters[N_PUTTERS], *getters[N_GETTERS], *bystander;
  g_autoptr (GError) error = NULL;
  Shared shared;

  shared_init (&shared, N_PUTTERS);
  shared.queue = mp_queue_new (MAX_SIZE, &error);
  g_assert_no_error (error);

  start (&bystander, &standing, 1, stand_by, &shared);
  start (getters, getting, N_GETTERS, get_until_closed, &shared);
  start (putters, putting, N_PUTTERS, put_all, &shared);
  join (putters, N_PUTTERS);
  g_assert_true (mp_queue_shutdown (shared.queue, FALSE, &error));
  join (getters, N_GETTERS);
  __atomic_store_n (&shared.stop, 1, __ATOMIC_RELEASE);
  join (&bystander, 1);

  shared_clear (&shared, N_PUTTERS);
  g_assert_finalize_object (shared.queue);
}

/* --- A joinable queue ------------------------------------------------------------------------- */

/* Finishes most tasks; every seventh that is delivered for the first time is returned or dropped.
 */
static gboolean
work (Shared  *shared,
      guint    n,
      GError **error)
{
  g_autoptr (MpTask) task =
    mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (shared->queue), -1, NULL, error);
  g_autoptr (GBytes) bytes = NULL;

  if (task == NULL)
    return FALSE;

  g_assert_true (mp_task_set_progress (task, 0.5, "half", NULL));
  if (n % 7 == 0 && mp_task_get_delivery_count (task) == 1)
    return n % 14 == 0 || mp_task_retry (task, error);

  bytes = mp_message_get_bytes (mp_task_get_message (task), error);
  account_bytes (shared, bytes);
  return mp_task_done (task, error);
}

static gboolean
work_simply (Shared  *shared,
             GError **error)
{
  return get_bytes (shared, error) &&
         mp_joinable_queue_task_done (MP_JOINABLE_QUEUE (shared->queue), error);
}

static gpointer
work_until_closed (gpointer data)
{
  Part *part = data;
  g_autoptr (GError) error = NULL;

  for (guint n = 0; error == NULL; n++)
    if (part->index == 0)
      work_simply (part->shared, &error);
    else
      work (part->shared, n, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  return NULL;
}

static gpointer
watch_work (gpointer data)
{
  Part            *part = data;
  MpJoinableQueue *queue = MP_JOINABLE_QUEUE (part->shared->queue);

  while (!is_over (part->shared))
    {
      g_autoptr (GVariant) list = mp_joinable_queue_list_progress (queue);

      g_assert_cmpuint (g_variant_n_children (list), <=, N_GETTERS);
      g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), <=, 1);
      mp_joinable_queue_join (queue, SHORT_US, NULL, NULL);
    }
  return NULL;
}

static void
test_joinable_queue (void)
{
  Part     putting[N_PUTTERS], working[N_GETTERS], watching;
  GThread *putters[N_PUTTERS], *workers[N_GETTERS], *watcher;
  g_autoptr (GError) error = NULL;
  Shared shared;

  shared_init (&shared, N_PUTTERS);
  shared.queue = MP_QUEUE (mp_joinable_queue_new (MAX_SIZE, &error));
  g_assert_no_error (error);

  start (&watcher, &watching, 1, watch_work, &shared);
  start (workers, working, N_GETTERS, work_until_closed, &shared);
  start (putters, putting, N_PUTTERS, put_all, &shared);
  join (putters, N_PUTTERS);
  g_assert_true (mp_joinable_queue_join (MP_JOINABLE_QUEUE (shared.queue), -1, NULL, &error));
  g_assert_cmpuint (shared.n_got, ==, N_PUTTERS * shared.n_each);

  g_assert_true (mp_queue_shutdown (shared.queue, FALSE, &error));
  join (workers, N_GETTERS);
  __atomic_store_n (&shared.stop, 1, __ATOMIC_RELEASE);
  join (&watcher, 1);

  shared_clear (&shared, N_PUTTERS);
  g_assert_finalize_object (shared.queue);
}

/* --- Both ends of a connection ---------------------------------------------------------------- */

#define N_SENDERS 4

static gpointer
send_all (gpointer data)
{
  Part         *part = data;
  MpConnection *connection = part->shared->ends[part->index % 2];
  guint32       first = part->index * part->shared->n_each;
  guint8        buffer[LARGEST];

  for (guint32 i = 0; i < part->shared->n_each; i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = compose (buffer, first + i);

      mp_connection_send_data (connection, buffer, size, -1, NULL, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

/* Receives in one of two ways; a message that comes too late is received by the next call. */
static void
receive_one (Shared       *shared,
             MpConnection *connection,
             gboolean      into,
             GError      **error)
{
  g_autoptr (GBytes) bytes = NULL;
  guint8 buffer[LARGEST];
  gssize size;

  if (into)
    {
      size = mp_connection_recv_into (connection, buffer, sizeof buffer, 0, SHORT_US, NULL, error);
      if (size >= 0)
        account (shared, buffer, (gsize) size);
      return;
    }

  mp_connection_poll (connection, SHORT_US, NULL, NULL);
  bytes = mp_connection_recv_bytes (connection, -1, SHORT_US, NULL, error);
  if (bytes != NULL)
    account_bytes (shared, bytes);
}

static gpointer
receive_all (gpointer data)
{
  Part   *part = data;
  Shared *shared = part->shared;

  while (__atomic_load_n (&shared->n_got, __ATOMIC_ACQUIRE) < N_SENDERS * shared->n_each)
    {
      g_autoptr (GError) error = NULL;

      receive_one (shared, shared->ends[part->index % 2], part->index < 2, &error);
      g_assert_true (error == NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
    }
  return NULL;
}

static void
test_connection (void)
{
  Part     sending[N_SENDERS], receiving[N_SENDERS];
  GThread *senders[N_SENDERS], *receivers[N_SENDERS];
  g_autoptr (GError) error = NULL;
  Shared shared;

  shared_init (&shared, N_SENDERS);
  mp_pipe (TRUE, &shared.ends[0], &shared.ends[1], &error);
  g_assert_no_error (error);

  start (receivers, receiving, N_SENDERS, receive_all, &shared);
  start (senders, sending, N_SENDERS, send_all, &shared);
  join (senders, N_SENDERS);
  join (receivers, N_SENDERS);

  shared_clear (&shared, N_SENDERS);
  g_assert_finalize_object (shared.ends[0]);
  g_assert_finalize_object (shared.ends[1]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* The thread sanitizer does not see how GLib publishes a class to other threads. */
  g_type_class_ref (MP_TYPE_TASK);

  g_test_add_func ("/threads/queue", test_queue);
  g_test_add_func ("/threads/joinable-queue", test_joinable_queue);
  g_test_add_func ("/threads/connection", test_connection);

  return g_test_run ();
}
