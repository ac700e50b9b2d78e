/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

/* Many messages in one step. */

#define N_TOGETHER 5
#define N_ROUNDS   3000

typedef struct
{
  MpQueue *queue;
  gint     n_rounds; /* that the consumer has seen the end of */
  guint    n_split;
} Waiting;

static MpQueue *
make (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new_full (0, 0, &error);

  g_assert_no_error (error);
  return queue;
}

static void
check_number (MpMessage *message,
              guint      number)
{
  gsize         size;
  const guint8 *data = mp_message_get_data (message, &size);
  guint32       got;

  g_assert_cmpuint (size, ==, sizeof got);
  memcpy (&got, data, sizeof got);
  g_assert_cmpuint (got, ==, number);
}

static gpointer
consume_together (gpointer user_data)
{
  Waiting *waiting = user_data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      for (guint n_got = 0; n_got < N_TOGETHER;)
        {
          g_autoptr (GError) error = NULL;
          g_autoptr (GPtrArray) got =
            mp_queue_get_many (waiting->queue, N_TOGETHER, -1, NULL, &error);

          g_assert_no_error (error);
          for (guint j = 0; j < got->len; j++)
            check_number (got->pdata[j], i * N_TOGETHER + n_got + j);
          n_got += got->len;
          waiting->n_split += got->len < N_TOGETHER;
        }
      g_atomic_int_set (&waiting->n_rounds, i + 1);
    }
  return NULL;
}

/* What was put in one step comes in one step, also to who was waiting for it. */
static void
test_waiting (void)
{
  Waiting  waiting = { make () };
  GThread *consumer = g_thread_new ("consumer", consume_together, &waiting);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GPtrArray) messages =
        g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
      g_autoptr (GError) error = NULL;

      for (guint32 j = i * N_TOGETHER; j < (i + 1) * N_TOGETHER; j++)
        g_ptr_array_add (messages, mp_message_new_data ((const guint8 *) &j, sizeof j));
      while ((guint) g_atomic_int_get (&waiting.n_rounds) < i)
        g_thread_yield ();
      mp_queue_put_many (waiting.queue, messages, -1, NULL, NULL, &error);
      g_assert_no_error (error);
    }
  g_thread_join (consumer);
  g_assert_cmpuint (waiting.n_split, ==, 0);

  g_assert_finalize_object (waiting.queue);
}

/* What has to be looked at before it is taken comes with the others. */
static void
test_opaque (void)
{
  MpQueue *queue = make ();
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
  g_autoptr (GPtrArray) got = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < N_TOGETHER; i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (&i, sizeof i);

      g_ptr_array_add (messages, i == 2 ? mp_message_new_data ((const guint8 *) &i, sizeof i)
                                        : mp_message_new_opaque (bytes, "codec"));
    }
  mp_queue_put_many (queue, messages, 0, NULL, NULL, &error);
  g_assert_no_error (error);

  got = mp_queue_get_many (queue, N_TOGETHER, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (got->len, ==, N_TOGETHER);
  for (guint i = 0; i < got->len; i++)
    check_number (got->pdata[i], i);

  g_assert_finalize_object (queue);
}

/* More than the buffer of a batch holds, small and large ones in turn. */
static void
test_sizes (void)
{
  static const gsize sizes[] = { 0, 1, 7, 300, 2049, 4096, 5000, 70000 };
  MpQueue           *queue = make ();
  g_autofree guint8 *data = g_malloc (70000);
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
  g_autoptr (GError) error = NULL;
  guint n_got = 0;

  for (guint i = 0; i < 64; i++)
    {
      memset (data, i, 70000);
      g_ptr_array_add (messages, mp_message_new_data (data, sizes[i % G_N_ELEMENTS (sizes)]));
    }
  mp_queue_put_many (queue, messages, 0, NULL, NULL, &error);
  g_assert_no_error (error);

  while (n_got < 64)
    {
      g_autoptr (GPtrArray) got = mp_queue_get_many (queue, 64, 0, NULL, &error);

      g_assert_no_error (error);
      for (guint i = 0; i < got->len; i++, n_got++)
        {
          gsize         size;
          const guint8 *bytes = mp_message_get_data (got->pdata[i], &size);

          memset (data, n_got, 70000);
          g_assert_cmpmem (bytes, size, data, sizes[n_got % G_N_ELEMENTS (sizes)]);
        }
    }
  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue/many/waiting", test_waiting);
  g_test_add_func ("/queue/many/opaque", test_opaque);
  g_test_add_func ("/queue/many/sizes", test_sizes);

  return g_test_run ();
}
