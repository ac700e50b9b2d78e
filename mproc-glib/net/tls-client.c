/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "tls-client.h"

#include "base/mp-deadline.h"
#include "base/mp-fork.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often to check whether the listener has sent something, in microseconds.  A thread of GIO
 * reads the bytes, so the descriptor, if polled by this thread, may never become readable. */
#define LOOK_EVERY_US (50 * 1000)

/* A handshake in a main context of its own, where a timer can stop it. */
typedef struct
{
  int           fd;
  gint64        timeout_us;
  gint64        call_deadline;
  gint64        deadline; /* once the listener has sent something */
  GCancellable *stop;
  gboolean      is_over;
  gboolean      success;
  GError       *error;
} Handshake;

static gboolean
has_heard (int fd)
{
  struct tcp_info info = {
    0,
  };
  socklen_t length = sizeof info;

  return getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
         info.tcpi_bytes_received > 0;
}

static gint64
get_earlier (gint64 one,
             gint64 other)
{
  return one < 0 || (other >= 0 && other < one) ? other : one;
}

static gboolean
look_cb (gpointer user_data)
{
  Handshake *self = user_data;
  gint64     next = g_get_monotonic_time () + LOOK_EVERY_US;

  if (self->deadline < 0 && has_heard (self->fd))
    self->deadline = mp_deadline_for_timeout (self->timeout_us);
  if (mp_deadline_has_passed (self->deadline) || mp_deadline_has_passed (self->call_deadline))
    g_cancellable_cancel (self->stop);

  if (self->deadline >= 0)
    next = self->deadline;
  g_source_set_ready_time (g_main_current_source (), get_earlier (next, self->call_deadline));
  return g_cancellable_is_cancelled (self->stop) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static gboolean
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

static void
done_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Handshake *self = user_data;

  self->success =
    g_tls_connection_handshake_finish (G_TLS_CONNECTION (object), result, &self->error);
  self->is_over = TRUE;
}

static GSource *
attach (GMainContext *context,
        GSource      *source,
        GSourceFunc   callback,
        gpointer      data)
{
  g_source_set_callback (source, callback, data, NULL);
  g_source_attach (source, context);
  return source;
}

static void
run (Handshake      *self,
     GTlsConnection *tls,
     GCancellable   *cancellable)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  GSource *look = attach (context, g_timeout_source_new (0), look_cb, self);
  GSource *cancelled = NULL;

  if (cancellable != NULL)
    cancelled = attach (context, g_cancellable_source_new (cancellable),
                        G_SOURCE_FUNC (cancelled_cb), self->stop);

  g_main_context_push_thread_default (context);
  g_tls_connection_handshake_async (tls, G_PRIORITY_DEFAULT, self->stop, done_cb, self);
  while (!self->is_over)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  g_source_destroy (look);
  g_source_unref (look);
  if (cancelled != NULL)
    {
      g_source_destroy (cancelled);
      g_source_unref (cancelled);
    }
}

/* Says why the handshake failed, rather than that it was stopped. */
static void
explain (Handshake    *self,
         GCancellable *cancellable,
         GError      **error)
{
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return;

  if (!g_cancellable_is_cancelled (self->stop))
    g_propagate_error (error, g_steal_pointer (&self->error));
  else if (self->deadline >= 0)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                         _ ("The peer did not finish the TLS handshake in time"));
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         _ ("The listener did not begin the handshake of TLS in time"));
}

static gboolean
shake_hands (GTlsConnection *tls,
             int             fd,
             gint64          timeout_us,
             gint64          deadline,
             GCancellable   *cancellable,
             GError        **error)
{
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  Handshake handshake = {
    .fd = fd,
    .timeout_us = timeout_us,
    .call_deadline = deadline,
    .deadline = MP_DEADLINE_NEVER,
    .stop = stop,
  };

  run (&handshake, tls, cancellable);
  if (!handshake.success)
    explain (&handshake, cancellable, error);
  g_clear_error (&handshake.error);
  return handshake.success;
}

GIOStream *
mp_tls_wrap_socket (int      fd,
                    gint64   timeout_us,
                    GError **error)
{
  g_autoptr (GSocket) gsocket = g_socket_new_from_fd (fd, error);

  if (gsocket == NULL)
    {
      close (fd);
      return NULL;
    }

  /* Bounds each read of the handshake; GIO has no timeout for the whole handshake. */
  if (timeout_us >= 0)
    g_socket_set_timeout (gsocket, (guint) MIN (timeout_us / G_USEC_PER_SEC + 1, G_MAXINT32));
  return G_IO_STREAM (g_socket_connection_factory_create_connection (gsocket));
}

MpTransport *
mp_tls_connect (int                  fd,
                const char          *host,
                guint16              port,
                const MpTlsSettings *settings,
                gint64               deadline,
                GCancellable        *cancellable,
                GError             **error)
{
  g_autoptr (GIOStream) base = mp_tls_wrap_socket (fd, -1, error);
  g_autoptr (GSocketConnectable) identity = g_network_address_new (host, port);
  g_autoptr (GIOStream) tls = NULL;

  if (base == NULL || !mp_fork_check_threads (error))
    return NULL;

  tls = g_tls_client_connection_new (base, identity, error);
  if (tls == NULL)
    return NULL;

  if (settings->database != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (tls), settings->database);
  if (settings->certificate != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (tls), settings->certificate);
  if (!shake_hands (G_TLS_CONNECTION (tls), fd, settings->timeout_us, deadline, cancellable, error))
    return NULL;

  return mp_stream_transport_new (tls, error);
}
