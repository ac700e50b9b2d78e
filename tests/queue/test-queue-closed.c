/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All that gets, puts, waits or drops through an object that was closed fails, and the messages
 * stay in the queue for others. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

typedef struct
{
  const char *name;
  void (*call) (MpQueue *queue,
                GError **error);
} Case;

static void
get_many (MpQueue *queue,
          GError **error)
{
  g_assert_null (mp_queue_get_many (queue, 10, 0, NULL, error));
}

static void
put_many (MpQueue *queue,
          GError **error)
{
  g_autoptr (MpMessage) message = mp_message_new_json ("1");
  g_autoptr (GPtrArray) messages = g_ptr_array_new ();
  guint n_put = 1;

  g_ptr_array_add (messages, message);
  g_assert_false (mp_queue_put_many (queue, messages, 0, NULL, &n_put, error));
  g_assert_cmpuint (n_put, ==, 0);
}

static void
get_value (MpQueue *queue,
           GError **error)
{
  g_assert_null (mp_queue_get (queue, 0, NULL, error));
}

static void
try_get (MpQueue *queue,
         GError **error)
{
  g_assert_null (mp_queue_try_get (queue, error));
}

static void
try_put (MpQueue *queue,
         GError **error)
{
  g_assert_false (mp_queue_try_put (queue, g_variant_new_int32 (1), error));
}

static void
clear (MpQueue *queue,
       GError **error)
{
  g_assert_cmpint (mp_queue_clear (queue, error), ==, -1);
}

static void
is_ready (MpQueue *queue,
          GError **error)
{
  g_assert_false (mp_waitable_is_ready (MP_WAITABLE (queue), error));
}

static void
wait_one (MpQueue *queue,
          GError **error)
{
  g_assert_false (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_READABLE,
                                    MP_WAIT_FLAGS_NONE, -1, NULL, error));
}

static void
wait_writable (MpQueue *queue,
               GError **error)
{
  g_assert_false (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_WRITABLE,
                                    MP_WAIT_FLAGS_NONE, -1, NULL, error));
}

static void
wait_many (MpQueue *queue,
           GError **error)
{
  MpWaitable *objects[] = { MP_WAITABLE (queue) };

  g_assert_null (mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, NULL, error));
}

static void
got_cb (GObject      *queue,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_assert_null (mp_queue_get_finish (MP_QUEUE (queue), result, user_data));
}

static void
get_async (MpQueue *queue,
           GError **error)
{
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, got_cb, error);
  while (*error == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
describe (MpQueue *queue,
          GError **error)
{
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();

  g_assert_null (mp_shareable_describe (MP_SHAREABLE (queue), descriptors, error));
}

static void
test_closed (gconstpointer data)
{
  const Case *one = data;
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (MpShareable) other = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (0, &error);

  g_assert_no_error (error);
  description = mp_shareable_describe (MP_SHAREABLE (queue), descriptors, &error);
  g_assert_no_error (error);
  other = mp_shareable_open (description, descriptors, &error);
  g_assert_no_error (error);
  g_assert_true (mp_queue_put (queue, g_variant_new_int32 (7), 0, NULL, NULL));

  mp_queue_close (queue);
  one->call (queue, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);

  value = mp_queue_get (MP_QUEUE (other), 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  static const Case cases[] = {
    { "/queue-closed/get", get_value },
    { "/queue-closed/get-async", get_async },
    { "/queue-closed/get-many", get_many },
    { "/queue-closed/try-get", try_get },
    { "/queue-closed/put-many", put_many },
    { "/queue-closed/try-put", try_put },
    { "/queue-closed/clear", clear },
    { "/queue-closed/is-ready", is_ready },
    { "/queue-closed/wait/readable", wait_one },
    { "/queue-closed/wait/writable", wait_writable },
    { "/queue-closed/wait/many", wait_many },
    { "/queue-closed/describe", describe },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].name, &cases[i], test_closed);

  return g_test_run ();
}
