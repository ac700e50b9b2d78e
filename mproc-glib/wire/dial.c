/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "dial.h"

#include "greeting.h"
#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "mp-error.h"
#include "resolve.h"
#include "tls.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* How often to try again while the backlog of a Unix listener is full: a descriptor cannot be
 * polled for that. */
#define RETRY_US (5 * 1000)

typedef enum
{
  STATE_RESOLVE,
  STATE_CONNECT,
  STATE_CONNECTING,
  STATE_GREET,
  STATE_DONE
} State;

struct _MpDial
{
  MpAddress     *address;
  MpPeerSettings settings;
  State          state;

  /* The addresses of the host, and the index of the one being tried. */
  GArray *candidates;
  guint   turn;

  int         fd;
  gint64      retry;
  MpGreeting *greeting;
  gint64      call_deadline;
  gint64      deadline; /* of the handshake, set when the listener begins it */
  MpChannel  *channel;
};

MpDial *
mp_dial_new (MpAddress            *address,
             const MpPeerSettings *settings)
{
  MpDial *self = g_new0 (MpDial, 1);

  self->address = address;
  mp_peer_settings_copy (&self->settings, settings);
  self->fd = -1;
  self->retry = -1;
  self->deadline = MP_DEADLINE_NEVER;
  self->call_deadline = MP_DEADLINE_NEVER;
  return self;
}

static void
close_socket (MpDial *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

void
mp_dial_free (MpDial *self)
{
  close_socket (self);
  g_clear_pointer (&self->greeting, mp_greeting_free);
  g_clear_pointer (&self->channel, mp_channel_unref);
  g_clear_pointer (&self->candidates, g_array_unref);
  mp_peer_settings_clear (&self->settings);
  mp_address_free (self->address);
  g_free (self);
}

gboolean
mp_dial_must_block (MpDial *self)
{
  return self->address->kind == MP_ADDRESS_TLS || mp_address_needs_resolver (self->address);
}

static const MpSocketAddress *
get_candidate (MpDial *self)
{
  return &g_array_index (self->candidates, MpSocketAddress, self->turn);
}

/* Continues with the next address of the host, if there is one. */
static MpHandshakeStatus
try_next (MpDial  *self,
          int      code,
          GError **error)
{
  g_autofree char *tried = mp_address_format (get_candidate (self), self->address->kind);

  close_socket (self);
  if (++self->turn < self->candidates->len)
    {
      self->state = STATE_CONNECT;
      return MP_HANDSHAKE_RUNNING;
    }

  mp_set_error_from_errno (error, code, _ ("Connecting to %s failed"), tried);
  return MP_HANDSHAKE_FAILED;
}

static MpHandshakeStatus
begin_greeting (MpDial       *self,
                GCancellable *cancellable,
                GError      **error)
{
  int          fd = g_steal_fd (&self->fd);
  MpTransport *transport;

  /* Code that gets the socket later expects a blocking one, which is the default. */
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
  mp_transport_set_no_delay (fd);
  if (self->address->kind == MP_ADDRESS_TLS)
    {
      self->channel = mp_tls_connect (fd, self->address->name, self->address->port,
                                      self->settings.database, self->settings.certificate,
                                      self->settings.handshake_timeout_us, self->call_deadline,
                                      cancellable, error);
    }
  else
    {
      transport = mp_socket_transport_new (fd, error);
      if (transport == NULL)
        close (fd);
      else
        self->channel = mp_channel_new (transport, TRUE, TRUE);
    }

  if (self->channel == NULL)
    return MP_HANDSHAKE_FAILED;

  self->state = self->settings.auth_key != NULL ? STATE_GREET : STATE_DONE;
  if (self->state == STATE_GREET)
    self->greeting = mp_greeting_new (g_steal_pointer (&self->channel), MP_HANDSHAKE_CLIENT,
                                      self->settings.auth_key, self->settings.legacy_digests);
  return self->state == STATE_DONE ? MP_HANDSHAKE_DONE : MP_HANDSHAKE_RUNNING;
}

static MpHandshakeStatus
connect_now (MpDial       *self,
             GCancellable *cancellable,
             GError      **error)
{
  const MpSocketAddress *candidate = get_candidate (self);
  int                    result;

  self->retry = -1;
  if (self->fd < 0)
    self->fd = socket (candidate->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    return try_next (self, errno, error);

  result = connect (self->fd, (const struct sockaddr *) &candidate->storage, candidate->length);
  if (result == 0)
    return begin_greeting (self, cancellable, error);

  if (errno == EAGAIN)
    {
      self->retry = g_get_monotonic_time () + RETRY_US;
      return MP_HANDSHAKE_RUNNING;
    }
  if (errno != EINPROGRESS && errno != EINTR)
    return try_next (self, errno, error);

  self->state = STATE_CONNECTING;
  return MP_HANDSHAKE_RUNNING;
}

static MpHandshakeStatus
finish_connecting (MpDial       *self,
                   GCancellable *cancellable,
                   GError      **error)
{
  int       code = 0;
  socklen_t length = sizeof code;

  if (mp_transport_poll (self->fd, G_IO_OUT, -1, 0, NULL, NULL) != MP_WAIT_READY)
    return MP_HANDSHAKE_RUNNING;

  if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0)
    code = errno;
  if (code != 0)
    return try_next (self, code, error);

  return begin_greeting (self, cancellable, error);
}

static MpHandshakeStatus
greet (MpDial  *self,
       GError **error)
{
  MpHandshakeStatus status = mp_greeting_step (self->greeting, error);

  /* A busy listener may be silent for long before it accepts, so the timeout of the handshake
   * begins with its first message. */
  if (self->deadline < 0 && mp_greeting_has_heard (self->greeting))
    self->deadline = mp_deadline_for_timeout (self->settings.handshake_timeout_us);

  if (status == MP_HANDSHAKE_RUNNING && mp_deadline_has_passed (self->deadline))
    {
      mp_greeting_explain_silence (self->greeting, error);
      return MP_HANDSHAKE_FAILED;
    }

  if (status == MP_HANDSHAKE_DONE)
    {
      self->channel = mp_greeting_take_channel (self->greeting);
      self->state = STATE_DONE;
    }
  return status;
}

static MpHandshakeStatus
resolve (MpDial       *self,
         GCancellable *cancellable,
         GError      **error)
{
  self->candidates =
    mp_address_resolve (self->address, FALSE, self->call_deadline, cancellable, error);
  self->state = STATE_CONNECT;
  return self->candidates != NULL ? MP_HANDSHAKE_RUNNING : MP_HANDSHAKE_FAILED;
}

static MpHandshakeStatus
step_once (MpDial       *self,
           GCancellable *cancellable,
           GError      **error)
{
  switch (self->state)
    {
    case STATE_RESOLVE:
      return resolve (self, cancellable, error);

    case STATE_CONNECT:
      return connect_now (self, cancellable, error);

    case STATE_CONNECTING:
      return finish_connecting (self, cancellable, error);

    case STATE_GREET:
      return greet (self, error);

    default:
      return MP_HANDSHAKE_DONE;
    }
}

MpHandshakeStatus
mp_dial_step (MpDial       *self,
              GCancellable *cancellable,
              GError      **error)
{
  MpHandshakeStatus status;
  State             before;
  guint             turn;

  /* Continue as long as a step completes and leads to the next one. */
  do
    {
      before = self->state;
      turn = self->turn;
      status = step_once (self, cancellable, error);
    }
  while (status == MP_HANDSHAKE_RUNNING && (self->state != before || self->turn != turn));

  return status;
}

void
mp_dial_get_wait (MpDial       *self,
                  int          *fd,
                  GIOCondition *condition,
                  gint64       *time)
{
  *fd = -1;
  *condition = 0;
  *time = -1;

  if (self->state == STATE_CONNECT)
    {
      *time = self->retry;
    }
  else if (self->state == STATE_CONNECTING)
    {
      *fd = self->fd;
      *condition = G_IO_OUT;
    }
  else if (self->state == STATE_GREET)
    {
      *fd = mp_channel_get_fd (mp_greeting_peek_channel (self->greeting));
      *condition = mp_greeting_get_condition (self->greeting);
      *time = self->deadline;
    }
}

/* Waits for what the next step needs.  Returns FALSE on timeout or cancellation. */
static gboolean
wait_for_step (MpDial       *self,
               gint64        deadline,
               GCancellable *cancellable,
               GError      **error)
{
  GIOCondition condition;
  gint64       until;
  int          fd;

  if (mp_deadline_has_passed (deadline))
    {
      if (self->greeting != NULL && mp_greeting_has_heard (self->greeting))
        mp_greeting_explain_silence (self->greeting, error);
      else if (self->greeting != NULL)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                             _ ("The listener did not begin the handshake in time: it is busy, or has "
                                "no key"));
      else
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                             _ ("No connection was made in time"));
      return FALSE;
    }

  mp_dial_get_wait (self, &fd, &condition, &until);
  if (until < 0 || (deadline >= 0 && deadline < until))
    until = deadline;

  /* Only the stream itself knows whether it has decrypted data, so do not poll the socket. */
  if (self->greeting != NULL && self->address->kind == MP_ADDRESS_TLS)
    {
      gint64 left = mp_deadline_get_left (until);

      return mp_channel_wait (mp_greeting_peek_channel (self->greeting), condition, left,
                              cancellable, error) != MP_WAIT_ERROR;
    }

  return mp_transport_poll (fd, condition, -1, until, cancellable, error) != MP_WAIT_ERROR;
}

gboolean
mp_dial_run (MpDial       *self,
             gint64        timeout_us,
             GCancellable *cancellable,
             GError      **error)
{
  self->call_deadline = mp_deadline_for_timeout (timeout_us);
  for (;;)
    {
      MpHandshakeStatus status = mp_dial_step (self, cancellable, error);

      if (status != MP_HANDSHAKE_RUNNING)
        return status == MP_HANDSHAKE_DONE;
      if (!wait_for_step (self, self->call_deadline, cancellable, error))
        return FALSE;
    }
}

MpChannel *
mp_dial_take_channel (MpDial *self,
                      char  **address)
{
  *address = mp_address_format (get_candidate (self), self->address->kind);
  return g_steal_pointer (&self->channel);
}
