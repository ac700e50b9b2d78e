/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "transport.h"

#include "base/mp-async.h"
#include "mp-error.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>

/* A transport over a pollable stream, usually a TLS connection. */
typedef struct
{
  MpTransport            parent;
  GIOStream             *stream;
  GPollableInputStream  *input;
  GPollableOutputStream *output;

  /* The socket below, or -1. */
  int fd;

  /* Set in a forked child: the state of the stream, such as TLS keys, belongs to the parent. */
  gboolean is_disowned;
} MpStreamTransport;

/* Checks that this process may use the stream. */
static gboolean
check_owner (MpStreamTransport *self,
             GError           **error)
{
  if (!self->is_disowned)
    return TRUE;

  g_set_error (
    error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
    _ ("A %s cannot be used in a forked child of the process that made it; open one there"),
    G_OBJECT_TYPE_NAME (self->stream));
  return FALSE;
}

static gssize
finish (gssize   n,
        GError  *failure,
        GError **error)
{
  if (n >= 0)
    return n;

  if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (failure);
      return MP_TRANSPORT_WOULD_BLOCK;
    }

  /* A peer that was killed sends no close_notify.  The frames show whether the stream ended inside
   * a message, so treat it like the end of a socket. */
  if (g_error_matches (failure, G_TLS_ERROR, G_TLS_ERROR_EOF))
    {
      g_error_free (failure);
      return 0;
    }

  g_propagate_error (error, failure);
  return -1;
}

static gssize
mp_stream_transport_send (MpTransport  *transport,
                          struct iovec *vectors,
                          guint         n_vectors,
                          const int    *fds,
                          guint         n_fds,
                          GError      **error)
{
  MpStreamTransport *self = (MpStreamTransport *) transport;
  GError            *failure = NULL;
  gssize             n;

  if (!check_owner (self, error))
    return -1;

  n = g_pollable_output_stream_write_nonblocking (self->output, vectors[0].iov_base,
                                                  vectors[0].iov_len, NULL, &failure);
  n = finish (n, failure, error);
  if (n == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE,
                           _ ("The peer closed the connection"));
      return -1;
    }
  return n;
}

static gssize
mp_stream_transport_receive (MpTransport  *transport,
                             struct iovec *vectors,
                             guint         n_vectors,
                             int          *fds,
                             guint        *n_fds,
                             GError      **error)
{
  MpStreamTransport *self = (MpStreamTransport *) transport;
  GError            *failure = NULL;
  gssize             n;

  *n_fds = 0;
  if (!check_owner (self, error))
    return -1;

  n = g_pollable_input_stream_read_nonblocking (self->input, vectors[0].iov_base,
                                                vectors[0].iov_len, NULL, &failure);
  return finish (n, failure, error);
}

static GSource *
create_source (MpStreamTransport *self,
               GIOCondition       condition)
{
  if (condition & G_IO_IN)
    return g_pollable_input_stream_create_source (self->input, NULL);

  return g_pollable_output_stream_create_source (self->output, NULL);
}

static gpointer
mp_stream_transport_watch (MpTransport *transport,
                           GSource     *source,
                           GIOCondition condition)
{
  GSource *child = create_source ((MpStreamTransport *) transport, condition);

  mp_async_add_child (source, child);
  return child;
}

/* The child is destroyed with its parent: GLib does not allow another thread to destroy it while
 * its parent is dispatched. */
static void
mp_stream_transport_unwatch (MpTransport *transport,
                             GSource     *source,
                             gpointer     tag)
{
}

static gboolean
is_ready (MpStreamTransport *self,
          GIOCondition       condition)
{
  return ((condition & G_IO_IN) != 0 && g_pollable_input_stream_is_readable (self->input)) ||
         ((condition & G_IO_OUT) != 0 && g_pollable_output_stream_is_writable (self->output));
}

/* The result of an iteration of the private main context. */
typedef struct
{
  gboolean ready;
  gboolean woken;
  gboolean timed_out;
} Found;

static gboolean
pollable_cb (GObject *stream,
             gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_CONTINUE;
}

static gboolean
fd_cb (int          fd,
       GIOCondition condition,
       gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_CONTINUE;
}

static gboolean
timeout_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_CONTINUE;
}

static void
attach (GMainContext *context,
        GSource      *source,
        GSourceFunc   callback,
        gboolean     *found)
{
  if (callback != NULL)
    g_source_set_callback (source, callback, found, NULL);
  else
    g_source_set_dummy_callback (source);
  g_source_attach (source, context);
  g_source_unref (source);
}

static void
attach_deadline (GMainContext *context,
                 gint64        deadline,
                 gboolean     *found)
{
  GSource *source;

  if (deadline < 0)
    return;

  source = g_timeout_source_new (0);
  g_source_set_ready_time (source, deadline);
  attach (context, source, timeout_cb, found);
}

/* A stream can be waited for only by a GSource, so attach it to a private main context that no
 * other code uses. */
static MpWaitStatus
mp_stream_transport_wait (MpTransport  *transport,
                          GIOCondition  condition,
                          int           wake_fd,
                          gint64        deadline,
                          GCancellable *cancellable,
                          GError      **error)
{
  MpStreamTransport *self = (MpStreamTransport *) transport;
  g_autoptr (GMainContext) context = NULL;
  Found found = { FALSE, FALSE, FALSE };

  if (!check_owner (self, error) || g_cancellable_set_error_if_cancelled (cancellable, error))
    return MP_WAIT_ERROR;
  if (is_ready (self, condition))
    return MP_WAIT_READY;
  if (deadline == 0)
    return MP_WAIT_TIMED_OUT;

  context = g_main_context_new ();
  if (condition & G_IO_IN)
    attach (context, create_source (self, G_IO_IN), G_SOURCE_FUNC (pollable_cb),
            &found.ready);
  if (condition & G_IO_OUT)
    attach (context, create_source (self, G_IO_OUT), G_SOURCE_FUNC (pollable_cb),
            &found.ready);
  if (wake_fd >= 0)
    attach (context, g_unix_fd_source_new (wake_fd, G_IO_IN), G_SOURCE_FUNC (fd_cb), &found.woken);
  if (cancellable != NULL)
    attach (context, g_cancellable_source_new (cancellable), NULL, NULL);
  attach_deadline (context, deadline, &found.timed_out);

  /* Only one iteration: the caller has to be told if a signal ended it. */
  g_main_context_iteration (context, TRUE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return MP_WAIT_ERROR;
  if (found.woken)
    return MP_WAIT_WOKEN;
  if (found.ready)
    return MP_WAIT_READY;
  return found.timed_out ? MP_WAIT_TIMED_OUT : MP_WAIT_INTERRUPTED;
}

/* Returns the socket below a stack of streams, or -1. */
static int
find_fd (GIOStream *top)
{
  g_autoptr (GIOStream) stream = g_object_ref (top);

  while (G_IS_TLS_CONNECTION (stream))
    {
      GIOStream *base = NULL;

      g_object_get (stream, "base-io-stream", &base, NULL);
      g_object_unref (stream);
      stream = base;
    }

  if (!G_IS_SOCKET_CONNECTION (stream))
    return -1;

  return g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
}

static int
mp_stream_transport_get_fd (MpTransport *transport)
{
  return ((MpStreamTransport *) transport)->fd;
}

static gboolean
mp_stream_transport_can_pass_fds (MpTransport *transport)
{
  return FALSE;
}

static gboolean
mp_stream_transport_can_share (MpTransport *transport)
{
  return FALSE;
}

static void
mp_stream_transport_disown (MpTransport *transport)
{
  MpStreamTransport *self = (MpStreamTransport *) transport;

  self->is_disowned = TRUE;
  mp_transport_disconnect_fd (self->fd);
}

/* In a forked child the stream has no peer any more, so that it cannot be told about the end. */
static gboolean
mp_stream_transport_close (MpTransport *transport,
                           GError     **error)
{
  MpStreamTransport *self = (MpStreamTransport *) transport;
  gboolean           closed = g_io_stream_close (self->stream, NULL,
                                       self->is_disowned ? NULL : error);

  return closed || self->is_disowned;
}

static void
mp_stream_transport_free (MpTransport *transport)
{
  g_object_unref (((MpStreamTransport *) transport)->stream);
  g_free (transport);
}

static const MpTransportFuncs stream_funcs = {
  .name = "stream",
  .holds_back = TRUE,
  .is_foreign = TRUE,
  .send = mp_stream_transport_send,
  .receive = mp_stream_transport_receive,
  .wait = mp_stream_transport_wait,
  .watch = mp_stream_transport_watch,
  .unwatch = mp_stream_transport_unwatch,
  .get_fd = mp_stream_transport_get_fd,
  .can_pass_fds = mp_stream_transport_can_pass_fds,
  .can_share = mp_stream_transport_can_share,
  .disown = mp_stream_transport_disown,
  .close = mp_stream_transport_close,
  .free = mp_stream_transport_free,
};

MpTransport *
mp_stream_transport_new (GIOStream *stream,
                         GError   **error)
{
  GInputStream      *input = g_io_stream_get_input_stream (stream);
  GOutputStream     *output = g_io_stream_get_output_stream (stream);
  MpStreamTransport *self;

  if (!G_IS_POLLABLE_INPUT_STREAM (input) || !G_IS_POLLABLE_OUTPUT_STREAM (output) ||
      !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)) ||
      !g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("A %s cannot be polled, so it cannot carry a connection"),
                   G_OBJECT_TYPE_NAME (stream));
      return NULL;
    }

  self = g_new0 (MpStreamTransport, 1);
  self->parent.funcs = &stream_funcs;
  self->stream = g_object_ref (stream);
  self->input = G_POLLABLE_INPUT_STREAM (input);
  self->output = G_POLLABLE_OUTPUT_STREAM (output);
  self->fd = find_fd (stream);
  return &self->parent;
}
