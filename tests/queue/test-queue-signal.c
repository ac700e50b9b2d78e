/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The signals of a queue. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "memory/shared-queue.h"
#include "numbers.h"
#include "each-backend.h"
#include "plain-backend.h"
#include "queue/queue-backends.h"
#include "test-fork.h"

static void
message_cb (MpQueue   *queue,
            MpMessage *message,
            gpointer   user_data)
{
  guint *n = user_data;
  g_autoptr (GVariant) value = mp_message_get_variant (message, NULL);

  g_assert_cmpint (g_variant_get_int64 (value), ==, *n);
  (*n)++;
}

static void
test_signal (void)
{
  MpQueue *queue = make (0);
  guint    n = 0;
  pid_t    child;

  g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n);
  mp_queue_start (queue, G_PRIORITY_DEFAULT_IDLE);
  child = test_fork (put_numbers, queue);
  test_iterate_until (n == 10000);
  mp_queue_stop (queue);
  test_wait_child (child, 0);

  put_int (queue, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n, ==, 10000);
  g_assert_finalize_object (queue);
}

static void
test_signal_alone (void)
{
  MpQueue *queue = make (0);
  guint    n = 0;

  g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n);
  mp_queue_start (queue, G_PRIORITY_DEFAULT_IDLE);
  for (guint i = 0; i < 100; i++)
    {
      put_int (queue, i);
      if (i % 10 == 0)
        test_iterate_until (n == i + 1);
    }
  test_iterate_until (n == 100);
  mp_queue_stop (queue);

  g_assert_finalize_object (queue);
}

static void
closed_cb (MpQueue *queue,
           GError  *reason,
           gpointer user_data)
{
  GError **out = user_data;

  g_assert_true (mp_queue_get_closed (queue));
  g_assert_null (*out);
  *out = reason != NULL ? g_error_copy (reason)
                        : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "a call");
}

static void
test_signal_closed (void)
{
  for (guint i = 0; i < 2; i++)
    {
      MpQueue *queue = make (0);
      guint    n = 0;
      g_autoptr (GError) reason = NULL;

      put_int (queue, 0);
      g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n);
      g_signal_connect (queue, "closed", G_CALLBACK (closed_cb), &reason);
      mp_queue_start (queue, G_PRIORITY_DEFAULT_IDLE);
      test_iterate_until (n == 1);
      if (i == 0)
        mp_queue_shutdown (queue, FALSE, NULL);
      else
        mp_queue_close (queue);
      test_iterate_until (reason != NULL);
      if (i == 0)
        g_assert_error (reason, MP_ERROR, MP_ERROR_CLOSED);
      else
        g_assert_error (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      mp_queue_close (queue);

      mp_queue_stop (queue);
      test_drain_context ();
      g_assert_finalize_object (queue);
    }
}

static void
stop_after_cb (MpQueue   *queue,
               MpMessage *message,
               gpointer   user_data)
{
  guint *n = user_data;

  message_cb (queue, message, n);
  if (*n % 40 == 3)
    mp_queue_stop (queue);
}

/* Where answers come later, one get of many is under way. */
static void
test_signal_ahead (void)
{
  MpQueue *queue;
  guint    n = 0;

  mp_queue_default_backend = &plain_backend;
  queue = make (0);
  for (guint i = 0; i < 100; i++)
    put_int (queue, i);
  plain_count_gets ();
  g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  test_iterate_until (n == 100);
  test_drain_context ();
  g_assert_cmpint (plain_count_gets (), ==, 100 / 16 + 2);

  /* That which is under way takes nothing any more. */
  mp_queue_stop (queue);
  put_int (queue, 100);
  test_drain_context ();
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);

  g_assert_finalize_object (queue);
  mp_queue_default_backend = &mp_shared_queue_backend;
}

/* What was got ahead and not handed out is what comes next, in its order. */
static void
test_signal_stopped (void)
{
  MpQueue *queue = make (0);
  guint    n = 0;

  for (guint i = 0; i < 100; i++)
    put_int (queue, i);
  g_signal_connect (queue, "message", G_CALLBACK (stop_after_cb), &n);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  test_iterate_until (n == 3);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 97);
  g_assert_cmpint (get_int (queue), ==, 3);
  n++;

  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  test_iterate_until (n == 43);
  for (; n < 100; n++)
    g_assert_cmpint (get_int (queue), ==, n);

  test_drain_context ();
  g_assert_finalize_object (queue);
}

static void
append_cb (MpQueue   *queue,
           MpMessage *message,
           gpointer   user_data)
{
  g_ptr_array_add (user_data, mp_message_ref (message));
}

/* The first has to be read before it is taken. */
static void
put_three (MpQueue *queue)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("first", 5);
  g_autoptr (MpMessage) opaque = mp_message_new_opaque (bytes, "dill");
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_queue_put_message (queue, opaque, 0, NULL, &error));
  g_assert_no_error (error);
  put_int (queue, 1);
  put_int (queue, 2);
}

static void
assert_three (GPtrArray *messages)
{
  g_assert_cmpuint (messages->len, ==, 3);
  g_assert_cmpint (mp_message_get_format (messages->pdata[0]), ==, MP_FORMAT_OPAQUE);
  for (guint i = 1; i < 3; i++)
    {
      g_autoptr (GVariant) value = mp_message_get_variant (messages->pdata[i], NULL);

      g_assert_cmpint (g_variant_get_int64 (value), ==, i);
    }
}

/* Stopped after however many turns of the main context, nothing is lost, and nothing overtakes. */
static void
test_signal_stopped_anywhere (void)
{
  for (guint n_turns = 0; n_turns < 12; n_turns++)
    {
      MpQueue *queue = make (0);
      g_autoptr (GPtrArray) messages = g_ptr_array_new_with_free_func (
        (GDestroyNotify) mp_message_unref);
      MpMessage *message;

      put_three (queue);
      g_signal_connect (queue, "message", G_CALLBACK (append_cb), messages);
      mp_queue_start (queue, G_PRIORITY_DEFAULT);
      for (guint i = 0; i < n_turns; i++)
        g_main_context_iteration (NULL, FALSE);
      mp_queue_stop (queue);

      while ((message = mp_queue_try_get_message (queue, NULL)) != NULL)
        g_ptr_array_add (messages, message);
      assert_three (messages);

      test_drain_context ();
      g_assert_finalize_object (queue);
    }
}

/* Without a handler no message is taken. */
static void
test_signal_without_handler (void)
{
  MpQueue *queue = make (0);
  guint    n = 0;

  put_int (queue, 0);
  mp_queue_start (queue, G_PRIORITY_DEFAULT_IDLE);
  test_drain_context ();
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);
  g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n);
  test_iterate_until (n == 1);
  mp_queue_stop (queue);

  g_assert_finalize_object (queue);
}

static void
slow_message_cb (MpQueue   *queue,
                 MpMessage *message,
                 gpointer   user_data)
{
  const gint64 end = g_get_monotonic_time () + 5000;

  (*(guint *) user_data)++;
  while (g_get_monotonic_time () < end)
    ;
}

/* Slow handlers do not delay other sources for many messages. */
static void
test_signal_turns (void)
{
  MpQueue *queue = make (0);
  guint    n = 0;

  for (guint i = 0; i < 20; i++)
    put_int (queue, i);
  g_signal_connect (queue, "message", G_CALLBACK (slow_message_cb), &n);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  while (n < 20)
    {
      const guint before = n;

      g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (n, <=, before + 1);
    }
  mp_queue_stop (queue);

  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  each_backend_add ("queue", "signal/closed", test_signal_closed);
  each_backend_add ("queue", "signal/no-handler", test_signal_without_handler);
  each_backend_add ("queue", "signal/turns", test_signal_turns);
  each_backend_add ("queue", "signal/alone", test_signal_alone);
  each_backend_add_shared ("queue", "signal", test_signal);
  g_test_add_func ("/queue/plain/signal/ahead", test_signal_ahead);
  each_backend_add ("queue", "signal/stopped", test_signal_stopped);
  each_backend_add_here ("queue", "signal/stopped-anywhere", test_signal_stopped_anywhere);

  return g_test_run ();
}
