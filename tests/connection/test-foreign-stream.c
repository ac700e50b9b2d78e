/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection over a stream of the program's own, whose functions use the connection, or wait for
 * a thread that does: no lock of the library is held meanwhile. */

#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <mproc-glib/mproc-glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-fork.h"

/* What the stream does in each call of its read or write function. */
typedef void (*Hook) (MpConnection *connection);

static MpConnection *hooked;
static Hook          on_read, on_write;
static gint          n_hooks;

/* --- The stream ------------------------------------------------------------------------------ */

typedef struct
{
  GInputStream parent_instance;
  int          fd;
} TestInput;

typedef GInputStreamClass TestInputClass;

typedef struct
{
  GOutputStream parent_instance;
  int           fd;
} TestOutput;

typedef GOutputStreamClass TestOutputClass;

typedef struct
{
  GIOStream   parent_instance;
  TestInput  *input;
  TestOutput *output;
} TestStream;

typedef GIOStreamClass TestStreamClass;

static void test_input_pollable_init (GPollableInputStreamInterface *iface);
static void test_output_pollable_init (GPollableOutputStreamInterface *iface);
GType       test_input_get_type (void);
GType       test_output_get_type (void);
GType       test_stream_get_type (void);

G_DEFINE_TYPE_WITH_CODE (TestInput,
                         test_input,
                         G_TYPE_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                test_input_pollable_init))
G_DEFINE_TYPE_WITH_CODE (TestOutput,
                         test_output,
                         G_TYPE_OUTPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                test_output_pollable_init))
G_DEFINE_TYPE (TestStream,
               test_stream,
               G_TYPE_IO_STREAM)

static void
run_hook (Hook *place)
{
  Hook hook = g_atomic_pointer_get (place);

  if (hook == NULL || hooked == NULL)
    return;

  /* Not again in the calls that it makes itself. */
  g_atomic_pointer_set (place, NULL);
  hook (hooked);
  g_atomic_int_inc (&n_hooks);
}

static gssize
finish (gssize   n,
        GError **error)
{
  if (n < 0)
    g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (errno), g_strerror (errno));
  return n;
}

static gssize
test_input_read (GPollableInputStream *stream,
                 void                 *buffer,
                 gsize                 count,
                 GError              **error)
{
  run_hook (&on_read);
  return finish (recv (((TestInput *) stream)->fd, buffer, count, MSG_DONTWAIT), error);
}

static gboolean
test_input_is_readable (GPollableInputStream *stream)
{
  GPollFD fd = { ((TestInput *) stream)->fd, G_IO_IN, 0 };

  return g_poll (&fd, 1, 0) > 0;
}

static GSource *
test_input_create_source (GPollableInputStream *stream,
                          GCancellable         *cancellable)
{
  g_autoptr (GSource) base = g_unix_fd_source_new (((TestInput *) stream)->fd, G_IO_IN);

  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
test_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = test_input_is_readable;
  iface->create_source = test_input_create_source;
  iface->read_nonblocking = test_input_read;
}

static void
test_input_class_init (TestInputClass *klass)
{
}

static void
test_input_init (TestInput *self)
{
}

static gssize
test_output_write (GPollableOutputStream *stream,
                   const void            *buffer,
                   gsize                  count,
                   GError               **error)
{
  run_hook (&on_write);
  return finish (send (((TestOutput *) stream)->fd, buffer, count, MSG_DONTWAIT | MSG_NOSIGNAL),
                 error);
}

static gboolean
test_output_is_writable (GPollableOutputStream *stream)
{
  GPollFD fd = { ((TestOutput *) stream)->fd, G_IO_OUT, 0 };

  return g_poll (&fd, 1, 0) > 0;
}

static GSource *
test_output_create_source (GPollableOutputStream *stream,
                           GCancellable          *cancellable)
{
  g_autoptr (GSource) base = g_unix_fd_source_new (((TestOutput *) stream)->fd, G_IO_OUT);

  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
test_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = test_output_is_writable;
  iface->create_source = test_output_create_source;
  iface->write_nonblocking = test_output_write;
}

static void
test_output_class_init (TestOutputClass *klass)
{
}

static void
test_output_init (TestOutput *self)
{
}

static GInputStream *
test_stream_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (((TestStream *) stream)->input);
}

static GOutputStream *
test_stream_get_output (GIOStream *stream)
{
  return G_OUTPUT_STREAM (((TestStream *) stream)->output);
}

static void
test_stream_finalize (GObject *object)
{
  TestStream *self = (TestStream *) object;

  close (self->input->fd);
  g_object_unref (self->input);
  g_object_unref (self->output);
  G_OBJECT_CLASS (test_stream_parent_class)->finalize (object);
}

static void
test_stream_class_init (TestStreamClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_stream_finalize;
  klass->get_input_stream = test_stream_get_input;
  klass->get_output_stream = test_stream_get_output;
}

static void
test_stream_init (TestStream *self)
{
  self->input = g_object_new (test_input_get_type (), NULL);
  self->output = g_object_new (test_output_get_type (), NULL);
}

/* --- The connections ------------------------------------------------------------------------- */

typedef struct
{
  MpConnection *own; /* over the stream */
  MpConnection *peer;
} Pair;

static void
pair_init (Pair *pair)
{
  TestStream *stream = g_object_new (test_stream_get_type (), NULL);
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  stream->input->fd = stream->output->fd = fds[0];
  pair->own = mp_connection_new_for_stream (G_IO_STREAM (stream), &error);
  g_assert_no_error (error);
  pair->peer = mp_connection_new_for_fd (fds[1], TRUE, TRUE, &error);
  g_assert_no_error (error);
  g_object_unref (stream);
  hooked = pair->own;
  n_hooks = 0;
}

static void
pair_clear (Pair *pair)
{
  hooked = NULL;
  on_read = on_write = NULL;
  g_assert_finalize_object (pair->own);
  g_assert_finalize_object (pair->peer);
}

static void
send_number (MpConnection *connection,
             int           number)
{
  g_autoptr (GError) error = NULL;

  mp_connection_send (connection, g_variant_new_int32 (number), -1, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_received (MpConnection *connection,
                 int           number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_connection_recv (connection, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, number);
}

/* --- What the hooks do ----------------------------------------------------------------------- */

static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  GVariant *value = mp_connection_recv_finish (MP_CONNECTION (object), result, NULL);

  g_clear_pointer (&value, g_variant_unref);
  g_atomic_int_inc ((gint *) user_data);
}

/* Everything that does not wait. */
static void
look (MpConnection *connection)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = NULL;

  g_assert_false (mp_connection_get_closed (connection));
  g_assert_true (mp_connection_get_readable (connection));
  mp_connection_get_fd (connection);
  mp_connection_set_max_message_size (connection, 1 << 20);
  mp_connection_poll (connection, 0, NULL, &error);
  g_assert_no_error (error);
  source = mp_connection_create_source (connection, NULL);
}

static void
receive_inside (MpConnection *connection)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) nothing = NULL;

  look (connection);
  nothing = mp_connection_try_recv_bytes (connection, -1, &error);
  g_assert_no_error (error);
  g_assert_null (nothing);
  g_assert_null (mp_connection_recv (connection, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (mp_connection_recv (connection, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
send_inside (MpConnection *connection)
{
  g_autoptr (GError) error = NULL;

  look (connection);
  g_assert_false (mp_connection_send (connection, g_variant_new_int32 (0), -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
close_inside (MpConnection *connection)
{
  mp_connection_close (connection, NULL);
}

static gpointer
look_in_thread (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) nothing = NULL;

  look (data);
  nothing = mp_connection_try_recv_bytes (data, -1, &error);
  g_assert_no_error (error);
  g_assert_null (mp_connection_recv (data, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  mp_connection_send (data, g_variant_new_int32 (100), -1, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

static void
wait_for_thread (MpConnection *connection)
{
  g_thread_join (g_thread_new ("look", look_in_thread, connection));
}

static gpointer
send_in_thread (gpointer data)
{
  g_autoptr (GError) error = NULL;

  look (data);
  g_assert_false (mp_connection_send (data, g_variant_new_int32 (0), 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  return NULL;
}

static void
wait_for_sender (MpConnection *connection)
{
  g_thread_join (g_thread_new ("send", send_in_thread, connection));
}

static gint n_got_inside;

static void
begin_inside (MpConnection *connection)
{
  mp_connection_recv_async (connection, G_PRIORITY_DEFAULT, NULL, got_cb, &n_got_inside);
  while (g_main_context_iteration (NULL, FALSE) && n_got_inside == 0)
    break;
}

/* --- The cases ------------------------------------------------------------------------------- */

static void
test_receive (gconstpointer hook)
{
  Pair pair;

  pair_init (&pair);
  send_number (pair.peer, 1);
  on_read = (Hook) hook;
  assert_received (pair.own, 1);
  g_assert_cmpint (n_hooks, ==, 1);
  send_number (pair.peer, 2);
  assert_received (pair.own, 2);
  pair_clear (&pair);
}

static void
test_send (gconstpointer hook)
{
  Pair pair;

  pair_init (&pair);
  on_write = (Hook) hook;
  send_number (pair.own, 1);
  g_assert_cmpint (n_hooks, ==, 1);
  assert_received (pair.peer, 1);
  send_number (pair.own, 2);
  assert_received (pair.peer, 2);
  pair_clear (&pair);
}

static void
test_close_in_receive (void)
{
  g_autoptr (GError) error = NULL;
  Pair pair;

  pair_init (&pair);
  on_read = close_inside;
  g_assert_null (mp_connection_recv (pair.own, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  pair_clear (&pair);
}

static void
test_close_in_send (void)
{
  g_autoptr (GError) error = NULL;
  Pair pair;

  pair_init (&pair);
  on_write = close_inside;
  g_assert_false (mp_connection_send (pair.own, g_variant_new_int32 (1), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  pair_clear (&pair);
}

/* Receives in the main loop, with the hook in the first read. */
static void
test_async (gconstpointer hook)
{
  gint n_got = 0;
  Pair pair;

  pair_init (&pair);
  n_got_inside = 0;
  on_read = (Hook) hook;
  mp_connection_recv_async (pair.own, G_PRIORITY_DEFAULT, NULL, got_cb, &n_got);
  send_number (pair.peer, 1);
  send_number (pair.peer, 2);
  test_iterate_until (n_got == 1);
  g_assert_cmpint (n_hooks, ==, 1);
  if (hook == begin_inside)
    test_iterate_until (n_got_inside == 1);
  else
    assert_received (pair.own, 2);
  pair_clear (&pair);
}

typedef struct
{
  MpConnection *connection;
  gsize         sum;
} Sum;

#define N_EACH    200
#define N_THREADS 3

static gpointer
receive_many (gpointer data)
{
  Sum *sum = data;

  for (guint i = 0; i < N_EACH; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = mp_connection_recv (sum->connection, -1, NULL, &error);

      g_assert_no_error (error);
      sum->sum += g_variant_get_int32 (value);
    }
  return NULL;
}

static gpointer
send_many (gpointer connection)
{
  for (guint i = 0; i < N_EACH; i++)
    send_number (connection, (int) i);
  return NULL;
}

/* Several threads at both ends: each message arrives once, and nobody sleeps for ever. */
static void
test_crowd (gconstpointer data)
{
  gboolean receives = GPOINTER_TO_INT (data);
  GThread *senders[N_THREADS], *receivers[N_THREADS];
  Sum      sums[N_THREADS];
  gsize    total = 0;
  Pair     pair;

  pair_init (&pair);
  for (guint i = 0; i < N_THREADS; i++)
    {
      sums[i] = (Sum){ receives ? pair.own : pair.peer, 0 };
      receivers[i] = g_thread_new ("receive", receive_many, &sums[i]);
      senders[i] = g_thread_new ("send", send_many, receives ? pair.peer : pair.own);
    }
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (senders[i]);
      g_thread_join (receivers[i]);
      total += sums[i].sum;
    }
  g_assert_cmpuint (total, ==, N_THREADS * N_EACH * (N_EACH - 1) / 2);
  pair_clear (&pair);
}

/* A stream of no socket has nothing that another main loop could poll. */
static void
test_wait (void)
{
  g_autoptr (GError) error = NULL;
  MpWaitable *objects[1];
  Pair        pair;

  pair_init (&pair);
  objects[0] = MP_WAITABLE (pair.own);
  g_assert_null (mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  pair_clear (&pair);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/foreign-stream/receive/looks", look, test_receive);
  g_test_add_data_func ("/foreign-stream/receive/receives", receive_inside, test_receive);
  g_test_add_data_func ("/foreign-stream/receive/thread", wait_for_thread, test_receive);
  g_test_add_func ("/foreign-stream/receive/closes", test_close_in_receive);
  g_test_add_data_func ("/foreign-stream/send/looks", look, test_send);
  g_test_add_data_func ("/foreign-stream/send/sends", send_inside, test_send);
  g_test_add_data_func ("/foreign-stream/send/thread", wait_for_sender, test_send);
  g_test_add_func ("/foreign-stream/send/closes", test_close_in_send);
  g_test_add_data_func ("/foreign-stream/async/looks", look, test_async);
  g_test_add_data_func ("/foreign-stream/async/receives", receive_inside, test_async);
  g_test_add_data_func ("/foreign-stream/async/thread", wait_for_thread, test_async);
  g_test_add_data_func ("/foreign-stream/async/begins", begin_inside, test_async);
  g_test_add_func ("/foreign-stream/wait", test_wait);
  g_test_add_data_func ("/foreign-stream/crowd/receive", GINT_TO_POINTER (TRUE), test_crowd);
  g_test_add_data_func ("/foreign-stream/crowd/send", GINT_TO_POINTER (FALSE), test_crowd);

  return g_test_run ();
}
