/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "tls.h"

#include "base/mp-fork.h"

#include "greeting.h"
#include "mp-error.h"
#include "net/tls-client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* The header of a TLS record: type (1 byte), version (2), length (2). */
#define RECORD_HEADER    5
#define RECORD_HANDSHAKE 22
#define LARGEST_RECORD   (16384 + 256)

void
mp_tls_result_free (MpTlsResult *result)
{
  g_object_unref (result->cancellable);
  g_clear_pointer (&result->channel, mp_channel_unref);
  g_clear_error (&result->error);
  g_free (result);
}

GAsyncQueue *
mp_tls_results_new (void)
{
  return g_async_queue_new_full ((GDestroyNotify) mp_tls_result_free);
}

static MpHandshakeStatus
refuse_hello (const char *why,
              GError    **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED, why);
  return MP_HANDSHAKE_FAILED;
}

/* Makes the descriptor readable only when @n bytes are available. */
static void
set_low_water (int fd,
               int n)
{
  setsockopt (fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
}

MpHandshakeStatus
mp_tls_check_hello (int      fd,
                    GError **error)
{
  guint8 record[RECORD_HEADER + LARGEST_RECORD];
  gssize n = recv (fd, record, sizeof record, MSG_PEEK | MSG_DONTWAIT);
  gssize length;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    {
      set_low_water (fd, RECORD_HEADER);
      return MP_HANDSHAKE_RUNNING;
    }
  if (n <= 0)
    return refuse_hello ("The peer left before the handshake of TLS", error);
  if (record[0] != RECORD_HANDSHAKE)
    return refuse_hello ("The peer does not speak TLS", error);

  length = n >= RECORD_HEADER ? RECORD_HEADER + record[3] * 256 + record[4] : RECORD_HEADER;
  if (length > (gssize) sizeof record)
    return refuse_hello ("The peer does not speak TLS", error);

  set_low_water (fd, n >= RECORD_HEADER && n >= length ? 1 : (int) length);
  return n >= RECORD_HEADER && n >= length ? MP_HANDSHAKE_DONE : MP_HANDSHAKE_RUNNING;
}

static MpChannel *
shake_hands (GTlsConnection *tls,
             GIOStream      *base,
             GCancellable   *cancellable,
             GError        **error)
{
  GSocket     *gsocket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (base));
  MpTransport *transport;

  if (!g_tls_connection_handshake (tls, cancellable, error))
    return NULL;

  g_socket_set_timeout (gsocket, 0);
  transport = mp_stream_transport_new (G_IO_STREAM (tls), error);
  return transport != NULL ? mp_channel_new (transport, TRUE, TRUE) : NULL;
}

/* The arguments of a handshake thread. */
typedef struct
{
  int              fd;
  GTlsCertificate *certificate;
  GBytes          *auth_key;
  gboolean         legacy_digests;
  gint64           timeout_us;
  GCancellable    *cancellable;
  GAsyncQueue     *results;
  int              event_fd;
} Job;

static MpChannel *
greet (MpChannel *channel,
       Job       *job,
       GError   **error)
{
  g_autoptr (MpGreeting) greeting = NULL;

  if (channel == NULL || job->auth_key == NULL)
    return channel;

  greeting = mp_greeting_new (channel, MP_HANDSHAKE_SERVER, job->auth_key, job->legacy_digests);
  if (!mp_greeting_run (greeting, job->timeout_us, job->cancellable, error))
    return NULL;

  return mp_greeting_take_channel (greeting);
}

static MpChannel *
accept_in_thread (Job     *job,
                  GError **error)
{
  g_autoptr (GIOStream) base = mp_tls_wrap_socket (job->fd, job->timeout_us, error);
  g_autoptr (GIOStream) tls = NULL;

  if (base == NULL)
    return NULL;

  tls = g_tls_server_connection_new (base, job->certificate, error);
  if (tls == NULL)
    return NULL;

  return greet (shake_hands (G_TLS_CONNECTION (tls), base, job->cancellable, error), job, error);
}

static void
run_job (gpointer data,
         gpointer user_data)
{
  Job         *job = data;
  MpTlsResult *result = g_new0 (MpTlsResult, 1);

  result->cancellable = job->cancellable;
  result->channel = accept_in_thread (job, &result->error);
  g_async_queue_push (job->results, result);
  eventfd_write (job->event_fd, 1);

  close (job->event_fd);
  g_async_queue_unref (job->results);
  g_clear_object (&job->certificate);
  g_clear_pointer (&job->auth_key, g_bytes_unref);
  g_free (job);
}

static GThreadPool *
get_threads (void)
{
  static GThreadPool *pool;

  mp_fork_note_pool ();
  mp_fork_block ();
  if (pool == NULL)
    pool = g_thread_pool_new (run_job, NULL, MP_TLS_MAX_THREADS, FALSE, NULL);
  mp_fork_unblock ();
  return pool;
}

void
mp_tls_accept (int              fd,
               GTlsCertificate *certificate,
               GBytes          *auth_key,
               gboolean         legacy_digests,
               gint64           timeout_us,
               GCancellable    *cancellable,
               GAsyncQueue     *results,
               int              event_fd)
{
  Job *job = g_new0 (Job, 1);

  job->fd = fd;
  job->certificate = certificate != NULL ? g_object_ref (certificate) : NULL;
  job->auth_key = auth_key != NULL ? g_bytes_ref (auth_key) : NULL;
  job->legacy_digests = legacy_digests;
  job->timeout_us = timeout_us;
  job->cancellable = g_object_ref (cancellable);
  job->results = g_async_queue_ref (results);

  /* Duplicated, since the listener may be closed before the thread is done. */
  job->event_fd = fcntl (event_fd, F_DUPFD_CLOEXEC, 3);
  g_thread_pool_push (get_threads (), job, NULL);
}
