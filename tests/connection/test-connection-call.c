/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <mproc-glib/mproc-glib.h>

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 200

typedef struct
{
  MpConnection *client;
  MpConnection *server;
  GPtrArray    *invocations;
  GString      *log;
} Fixture;

static const MpFormat formats[] = { MP_FORMAT_GVARIANT, MP_FORMAT_JSON, MP_FORMAT_PICKLE };

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  MpFormat format = (MpFormat) GPOINTER_TO_INT (data);

  mp_pipe (TRUE, &fixture->client, &fixture->server, &error);
  g_assert_no_error (error);
  mp_connection_set_format (fixture->client, format);
  mp_connection_set_format (fixture->server, format);
  fixture->invocations = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->log = g_string_new (NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_ptr_array_unref (fixture->invocations);
  mp_connection_close (fixture->client, NULL);
  mp_connection_close (fixture->server, NULL);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_finalize_object (fixture->client);
  g_assert_finalize_object (fixture->server);
  g_string_free (fixture->log, TRUE);
}

static void
result_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

#define iterate_until(condition)             \
  G_STMT_START                               \
  {                                          \
    while (!(condition))                     \
      g_main_context_iteration (NULL, TRUE); \
  }                                          \
  G_STMT_END

static gint64
get_int (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64 (value)
                                                            : g_variant_get_int32 (value);
}

static void
keep_cb (MpConnection *connection,
         MpInvocation *invocation,
         gpointer      user_data)
{
  g_assert_true (mp_invocation_get_connection (invocation) == connection);
  g_ptr_array_add (((Fixture *) user_data)->invocations, g_object_ref (invocation));
}

static void
double_cb (MpConnection *connection,
           MpInvocation *invocation,
           gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_invocation_get_value (invocation, &error);

  g_assert_no_error (error);
  mp_invocation_return_value (invocation, g_variant_new_int64 (2 * get_int (value)));
}

static void
refuse_cb (MpConnection *connection,
           MpInvocation *invocation,
           gpointer      user_data)
{
  if (user_data != NULL)
    {
      mp_invocation_return_error (invocation, user_data);
      return;
    }

  mp_invocation_return_error_literal (invocation, "another.Domain", 7, "no");
}

static void
serve (Fixture  *fixture,
       GCallback callback,
       gpointer  data)
{
  g_signal_connect (fixture->server, "called", callback, data);
  mp_connection_start (fixture->server, G_PRIORITY_DEFAULT_IDLE);
}

static void
test_answer (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (double_cb), NULL);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (21), -1, 0, NULL, result_cb,
                            &result);
  iterate_until (result != NULL);
  value = mp_connection_call_finish (fixture->client, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (get_int (value), ==, 42);
}

/* Several concurrent calls, answered in reverse order. */
static int
count_bytes (MpConnection *connection)
{
  int n = 0;

  g_assert_no_errno (ioctl (mp_connection_get_fd (connection), FIONREAD, &n));
  return n;
}

/* A call that is alone leaves at once, and needs no source for that; several leave together. */
static void
test_leaves_at_once (Fixture      *fixture,
                     gconstpointer data)
{
  GAsyncResult *results[3] = {
    NULL,
  };
  int n_bytes[G_N_ELEMENTS (results)];

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      mp_connection_call_async (fixture->client, g_variant_new_int32 (1), -1, G_PRIORITY_DEFAULT,
                                NULL, result_cb, &results[i]);
      n_bytes[i] = count_bytes (fixture->server);
    }
  g_assert_cmpint (n_bytes[0], >, 0);
  g_assert_cmpint (n_bytes[1], ==, n_bytes[0]);
  g_assert_cmpint (n_bytes[2], ==, n_bytes[0]);
  iterate_until (count_bytes (fixture->server) > n_bytes[0]);

  serve (fixture, G_CALLBACK (double_cb), NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;

      iterate_until (results[i] != NULL);
      value = mp_connection_call_finish (fixture->client, results[i], &error);
      g_assert_no_error (error);
      g_assert_cmpint (get_int (value), ==, 2);
      g_object_unref (results[i]);
    }
}

static void
test_out_of_order (Fixture      *fixture,
                   gconstpointer data)
{
  GAsyncResult *results[MANY] = {
    NULL,
  };

  serve (fixture, G_CALLBACK (keep_cb), fixture);
  for (guint i = 0; i < MANY; i++)
    mp_connection_call_async (fixture->client, g_variant_new_int64 (i), -1, 0, NULL, result_cb,
                              &results[i]);
  iterate_until (fixture->invocations->len == MANY);
  for (guint i = MANY; i > 0; i--)
    double_cb (fixture->server, fixture->invocations->pdata[i - 1], NULL);
  for (guint i = 0; i < MANY; i++)
    {
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GError) error = NULL;

      iterate_until (results[i] != NULL);
      value = mp_connection_call_finish (fixture->client, results[i], &error);
      g_assert_no_error (error);
      g_assert_cmpint (get_int (value), ==, 2 * i);
      g_object_unref (results[i]);
    }
}

static void
test_errors (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GError) known = g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "it is “lost”");

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      g_signal_handlers_disconnect_matched (fixture->server, G_SIGNAL_MATCH_FUNC, 0, 0, NULL,
                                            refuse_cb, NULL);
      serve (fixture, G_CALLBACK (refuse_cb), i == 0 ? known : NULL);
      mp_connection_call_async (fixture->client, g_variant_new_int64 (21), -1, 0, NULL, result_cb,
                                &result);
      iterate_until (result != NULL);
      g_assert_null (mp_connection_call_finish (fixture->client, result, &error));
      if (i == 0)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
          g_assert_cmpstr (error->message, ==, "it is “lost”");
        }
      else
        {
          /* Both ends are in this process, so the domain is known. */
          g_assert_cmpstr (g_quark_to_string (error->domain), ==, "another.Domain");
          g_assert_cmpint (error->code, ==, 7);
        }
    }
}

/* Messages that arrive between calls and answers are left for receivers. */
static void
test_beside_messages (Fixture      *fixture,
                      gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (double_cb), NULL);
  mp_connection_send (fixture->client, g_variant_new_int64 (1), -1, NULL, &error);
  mp_connection_send (fixture->server, g_variant_new_int64 (2), -1, NULL, &error);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (21), -1, 0, NULL, result_cb,
                            &result);
  mp_connection_send (fixture->client, g_variant_new_int64 (3), -1, NULL, &error);
  iterate_until (result != NULL);
  answer = mp_connection_call_finish (fixture->client, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (get_int (answer), ==, 42);

  for (guint i = 1; i <= 3; i++)
    {
      MpConnection *receiver = i == 2 ? fixture->client : fixture->server;
      g_autoptr (GVariant) value = mp_connection_recv (receiver, G_USEC_PER_SEC, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (get_int (value), ==, i);
    }
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  g_string_append (user_data, "cancelled ");
}

/* Also logs when the caller gives up, which may come together with the call. */
static void
keep_and_log_cb (MpConnection *connection,
                 MpInvocation *invocation,
                 gpointer      user_data)
{
  keep_cb (connection, invocation, user_data);
  g_signal_connect (mp_invocation_get_cancellable (invocation), "cancelled",
                    G_CALLBACK (cancelled_cb), ((Fixture *) user_data)->log);
}

static void
test_given_up (Fixture      *fixture,
               gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *results[2] = {
    NULL,
  };
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (keep_and_log_cb), fixture);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (1), -1, 0, cancellable,
                            result_cb, &results[0]);
  iterate_until (fixture->invocations->len == 1);
  /* Leaves at once, however soon its time is over. */
  mp_connection_call_async (fixture->client, g_variant_new_int64 (2), G_USEC_PER_SEC / 10, 0, NULL,
                            result_cb, &results[1]);
  iterate_until (fixture->invocations->len == 2);
  g_cancellable_cancel (cancellable);
  iterate_until (results[0] != NULL && results[1] != NULL);
  g_assert_null (mp_connection_call_finish (fixture->client, results[0], &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (mp_connection_call_finish (fixture->client, results[1], &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  iterate_until (g_str_equal (fixture->log->str, "cancelled cancelled "));

  /* No call waits for these answers. */
  for (guint i = 0; i < 2; i++)
    {
      mp_invocation_return_value (fixture->invocations->pdata[i], g_variant_new_int64 (3));
      g_object_unref (results[i]);
    }
}

static void
test_dropped (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (keep_cb), fixture);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (1), -1, 0, NULL, result_cb,
                            &result);
  iterate_until (fixture->invocations->len == 1);
  g_ptr_array_set_size (fixture->invocations, 0);
  iterate_until (result != NULL);
  g_assert_null (mp_connection_call_finish (fixture->client, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
}

static void
test_peer_gone (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (keep_cb), fixture);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (1), -1, 0, NULL, result_cb,
                            &result);
  iterate_until (fixture->invocations->len == 1);
  g_signal_connect (mp_invocation_get_cancellable (fixture->invocations->pdata[0]), "cancelled",
                    G_CALLBACK (cancelled_cb), fixture->log);
  mp_connection_close (fixture->server, NULL);
  iterate_until (result != NULL && fixture->log->len > 0);
  g_assert_null (mp_connection_call_finish (fixture->client, result, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);
}

/* Two ends that call each other, one of which never answers. */
static void
test_nobody_answers (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) other = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, G_CALLBACK (keep_cb), fixture);
  mp_connection_call_async (fixture->client, g_variant_new_int64 (1), -1, 0, NULL, result_cb,
                            &result);
  mp_connection_call_async (fixture->server, g_variant_new_int64 (1), -1, 0, NULL, result_cb,
                            &other);
  iterate_until (other != NULL);
  g_assert_null (mp_connection_call_finish (fixture->server, other, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  iterate_until (fixture->invocations->len == 1);
  mp_invocation_return_value (fixture->invocations->pdata[0], g_variant_new_int64 (1));
  iterate_until (result != NULL);
}

static gpointer
call_thread (gpointer data)
{
  Fixture *fixture = data;

  for (guint i = 0; i < MANY; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value =
        mp_connection_call (fixture->client, g_variant_new_int64 (i), 20 * G_USEC_PER_SEC, NULL,
                            &error);

      g_assert_no_error (error);
      g_assert_cmpint (get_int (value), ==, 2 * i);
    }
  return NULL;
}

static gpointer
join_thread (gpointer data)
{
  gint *n_running = ((gpointer *) data)[1];

  call_thread (((gpointer *) data)[0]);
  g_atomic_int_add (n_running, -1);
  g_main_context_wakeup (NULL);
  return NULL;
}

/* Each thread reads the answers of the others too. */
static void
test_threads (Fixture      *fixture,
              gconstpointer data)
{
  gint     n_running = 4;
  gpointer arguments[] = { fixture, &n_running };
  GThread *threads[4];

  serve (fixture, G_CALLBACK (double_cb), NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("caller", join_thread, arguments);
  iterate_until (g_atomic_int_get (&n_running) == 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
test_timeout_blocking (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (
    mp_connection_call (fixture->client, g_variant_new_int64 (1), 10000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* A plain program that sends invalid messages; the connection is closed, or the call fails. */
static void
test_hostile (gconstpointer data)
{
  const char *text = data;
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  guint8 header[4] = { 0, 0, 0, (guint8) strlen (text) };
  int    fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  connection = mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error);
  mp_connection_set_format (connection, MP_FORMAT_JSON);
  mp_connection_call_async (connection, g_variant_new_int64 (1), -1, 0, NULL, result_cb, &result);
  g_assert_cmpint (write (fds[1], header, 4), ==, 4);
  g_assert_cmpint (write (fds[1], text, header[3]), ==, header[3]);
  iterate_until (result != NULL);
  value = mp_connection_call_finish (connection, result, &error);
  g_assert_null (value);
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  close (fds[1]);
}

static void
test_hostile_calls (void)
{
  static const char text[] = "[\"mp:call\",7,1]";
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  Fixture fixture = {
    0,
  };
  guint8 header[4] = { 0, 0, 0, sizeof text - 1 };
  int    fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  connection = mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error);
  mp_connection_set_format (connection, MP_FORMAT_JSON);
  fixture.invocations = g_ptr_array_new_with_free_func (g_object_unref);
  g_signal_connect (connection, "called", G_CALLBACK (keep_cb), &fixture);
  mp_connection_start (connection, G_PRIORITY_DEFAULT_IDLE);

  /* The same id twice. */
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (write (fds[1], header, 4), ==, 4);
      g_assert_cmpint (write (fds[1], text, header[3]), ==, header[3]);
    }
  iterate_until (mp_connection_get_closed (connection));
  g_assert_cmpuint (fixture.invocations->len, ==, 1);
  g_ptr_array_unref (fixture.invocations);
  close (fds[1]);
}

static void
test_no_format (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  mp_connection_set_format (first, MP_FORMAT_BYTES);
  g_assert_null (mp_connection_call (first, g_variant_new_int64 (1), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

int
main (int   argc,
      char *argv[])
{
  static const struct
  {
    const char *path;
    void (*function) (Fixture *, gconstpointer);
  } tests[] = {
    { "answer", test_answer },
    { "out-of-order", test_out_of_order },
    { "at-once", test_leaves_at_once },
    { "errors", test_errors },
    { "beside-messages", test_beside_messages },
    { "given-up", test_given_up },
    { "dropped", test_dropped },
    { "peer-gone", test_peer_gone },
    { "nobody-answers", test_nobody_answers },
    { "threads", test_threads },
    { "timeout", test_timeout_blocking },
  };
  static const char *const hostile[] = {
    "[\"mp:return\"]",
    "[\"mp:return\",1]",
    "[\"mp:return\",1,",
    "[\"mp:return\",1,2,3]",
    "[\"mp:error\",1,\"a\",2]",
    "[\"mp:error\",1,2,2,2]",
    "[\"mp:call\",-1,2]",
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    for (guint t = 0; t < G_N_ELEMENTS (tests); t++)
      {
        g_autofree char *path =
          g_strdup_printf ("/connection/call/%s/%u", tests[t].path, (guint) formats[i]);

        g_test_add (path, Fixture, GINT_TO_POINTER (formats[i]), set_up, tests[t].function,
                    tear_down);
      }
  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autofree char *path = g_strdup_printf ("/connection/call/hostile/%u", i);

      g_test_add_data_func (path, hostile[i], test_hostile);
    }
  g_test_add_func ("/connection/call/hostile/same-number", test_hostile_calls);
  g_test_add_func ("/connection/call/no-format", test_no_format);
  return g_test_run ();
}
