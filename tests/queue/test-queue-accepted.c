/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A get that cannot read the next message does not take it: no delivery is counted, and no message
 * is lost or moved. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* {1, 2}, which neither GVariant nor JSON can represent. */
static const guint8 set_pickle[] = { 0x80, 4, 0x8f, '(', 'K', 1, 'K', 2, 0x90, '.' };

typedef enum
{
  WRONG_TAG,     /* bytes, requested as JSON */
  WRONG_CONTENT, /* a set, requested as JSON */
  WRONG_CODEC,   /* an opaque message, requested as GVariant */
  WRONG_LARGE,   /* a large set */
  N_WRONGS,
} Wrong;

/* A set of @size numbers. */
static GByteArray *
make_large_set (guint size)
{
  GByteArray *pickle = g_byte_array_new ();

  g_byte_array_append (pickle, (const guint8 *) "\x80\x04\x8f(", 4);
  for (guint i = 0; i < size; i++)
    {
      const guint8 item[] = { 'J', (guint8) i, (guint8) (i >> 8), (guint8) (i >> 16), 0 };

      g_byte_array_append (pickle, item, sizeof item);
    }
  g_byte_array_append (pickle, (const guint8 *) "\x90.", 2);
  return pickle;
}

static MpMessage *
make_message (Wrong wrong)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  g_autoptr (GByteArray) large = NULL;

  switch (wrong)
    {
    case WRONG_CONTENT:
      return mp_message_new_pickle (set_pickle, sizeof set_pickle);
    case WRONG_CODEC:
      return mp_message_new_opaque (bytes, "dill");
    case WRONG_LARGE:
      large = make_large_set (10000);
      return mp_message_new_pickle (large->data, large->len);
    case WRONG_TAG:
    case N_WRONGS:
    default:
      return mp_message_new_bytes (bytes);
    }
}

static void
put_wrong (MpQueue *queue,
           Wrong    wrong)
{
  g_autoptr (MpMessage) message = make_message (wrong);
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_queue_put_message (queue, message, 0, NULL, &error));
  g_assert_no_error (error);
}

static gboolean
is_refused (MpQueue *queue,
            Wrong    wrong)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autofree char *json = NULL;

  if (wrong == WRONG_CODEC)
    value = mp_queue_get (queue, 0, NULL, &error);
  else
    json = mp_queue_get_json (queue, 0, NULL, &error);
  return value == NULL && json == NULL &&
         g_error_matches (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

/* --- Nothing is counted ------------------------------------------------------------------ */

static void
test_uncounted (gconstpointer data)
{
  const Wrong wrong = (Wrong) GPOINTER_TO_INT (data);

  for (guint max_deliveries = 1; max_deliveries <= 3; max_deliveries++)
    {
      MpJoinableQueue *queue = mp_joinable_queue_new_full (0, 0, max_deliveries, NULL);
      g_autoptr (GError) error = NULL;
      MpTask *task;

      put_wrong (MP_QUEUE (queue), wrong);
      for (guint i = 0; i < 12; i++)
        g_assert_true (is_refused (MP_QUEUE (queue), wrong));
      g_assert_cmpuint (mp_queue_get_size (MP_QUEUE (queue)), ==, 1);
      g_assert_null (mp_joinable_queue_get_dead (queue, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1);

      task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 1);
      g_assert_true (mp_task_done (task, &error));
      g_assert_finalize_object (task);
      g_assert_finalize_object (queue);
    }
}

/* Nor if the message was returned before. */
static void
test_given_back (gconstpointer data)
{
  const Wrong      wrong = (Wrong) GPOINTER_TO_INT (data);
  MpJoinableQueue *queue = mp_joinable_queue_new_full (0, 0, 2, NULL);
  g_autoptr (GError) error = NULL;
  MpTask *task;

  put_wrong (MP_QUEUE (queue), wrong);
  task = mp_joinable_queue_get_task (queue, 0, NULL, &error);
  g_assert_true (mp_task_retry (task, &error));
  g_object_unref (task);

  for (guint i = 0; i < 5; i++)
    g_assert_true (is_refused (MP_QUEUE (queue), wrong));
  task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, &error));

  g_object_unref (task);
  g_assert_finalize_object (queue);
}

/* --- Nothing is moved -------------------------------------------------------------------- */

#define N_PAIRS 10000

typedef struct
{
  MpQueue *queue;
  Wrong    wrong;
} Asker;

/* Requests the wrong format until the queue is drained. */
static int
ask_in_wrong_form (gpointer data)
{
  Asker *self = data;

  for (;;)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *json = mp_queue_get_json (self->queue, -1, NULL, &error);

      if (json != NULL)
        return 1;
      if (g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED))
        return 0;
      if (!g_error_matches (error, MP_ERROR, MP_ERROR_UNSUPPORTED))
        return 2;
    }
}

/* The number @i as bytes, or in a set. */
static MpMessage *
make_number (Wrong  wrong,
             guint8 i)
{
  const guint8 pickle[] = { 0x80, 4, 0x8f, '(', 'K', i, 0x90, '.' };
  g_autoptr (GBytes) bytes = g_bytes_new (&i, 1);

  return wrong == WRONG_TAG ? mp_message_new_bytes (bytes)
                            : mp_message_new_pickle (pickle, sizeof pickle);
}

static int
put_numbers (gpointer data)
{
  Asker *self = data;

  for (guint i = 0; i < 2 * N_PAIRS; i++)
    {
      g_autoptr (MpMessage) message = make_number (self->wrong, (guint8) i);

      if (!mp_queue_put_message (self->queue, message, -1, NULL, NULL))
        return 1;
    }
  return 0;
}

static guint8
number_of (Wrong      wrong,
           MpMessage *message)
{
  gsize              size;
  g_autofree guint8 *pickle = NULL;

  if (wrong == WRONG_TAG)
    {
      g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);

      return *(const guint8 *) g_bytes_get_data (bytes, NULL);
    }
  pickle = mp_message_get_pickle (message, &size, NULL);
  g_assert_cmpuint (size, >, 5);
  return pickle[5];
}

/* A consumer gets messages in the order of puts, whatever other consumers request. */
static void
test_order (gconstpointer data)
{
  MpQueue *queue = mp_queue_new (100, NULL);
  Asker    asker = { queue, (Wrong) GPOINTER_TO_INT (data) };
  pid_t    wrong = test_fork (ask_in_wrong_form, &asker);
  pid_t    producer = test_fork (put_numbers, &asker);
  guint    n_reversed = 0;

  for (guint i = 0; i < 2 * N_PAIRS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpMessage) message = mp_queue_get_message (queue, TEST_TIMEOUT_US, NULL, &error);

      g_assert_no_error (error);
      n_reversed += number_of (asker.wrong, message) != (guint8) i;
    }
  g_assert_cmpuint (n_reversed, ==, 0);

  test_wait_child (producer, 0);
  g_assert_true (mp_queue_shutdown (queue, FALSE, NULL));
  test_wait_child (wrong, 0);
  g_assert_finalize_object (queue);
}

/* --- Nothing is lost --------------------------------------------------------------------- */

/* There is no memory while a message is being returned. */
static int
refuse_without_memory (gpointer data)
{
  MpQueue            *queue = data;
  const struct rlimit limit = { 1, 1 };
  g_autofree guint8  *large = g_malloc0 (1 << 20);
  guint               size;

  signal (SIGXFSZ, SIG_IGN);
  if (setrlimit (RLIMIT_FSIZE, &limit) != 0)
    return 1;
  for (gsize length = 1 << 20; length > 2048; length /= 2)
    while (mp_queue_put_data (queue, large, length, 0, NULL, NULL))
      ;
  size = mp_queue_get_size (queue);
  for (guint i = 0; i < 3; i++)
    if (!is_refused (queue, WRONG_CONTENT) || mp_queue_get_size (queue) != size)
      return 2;
  return 0;
}

static void
test_no_memory (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (MpMessage) message = NULL;

  put_wrong (queue, WRONG_CONTENT);
  test_wait_child (test_fork (refuse_without_memory, queue), 0);
  message = mp_queue_get_message (queue, 0, NULL, NULL);
  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_PICKLE);

  g_assert_finalize_object (queue);
}

static void
add (const char   *name,
     guint         n,
     GTestDataFunc func)
{
  static const char *const names[N_WRONGS] = { "tag", "content", "codec", "large" };

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("/queue/accepted/%s/%s", name, names[i]);

      g_test_add_data_func (path, GINT_TO_POINTER (i), func);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("uncounted", N_WRONGS, test_uncounted);
  add ("given-back", N_WRONGS, test_given_back);
  add ("order", WRONG_CONTENT + 1, test_order);
  g_test_add_func ("/queue/accepted/no-memory", test_no_memory);

  return g_test_run ();
}
