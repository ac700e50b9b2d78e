/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "peer-dial.h"

#include "greeting.h"
#include "base/mp-deadline.h"
#include "mp-error.h"
#include "net/dial.h"

#include <glib/gi18n-lib.h>

struct _MpPeerDial
{
  MpPeerSettings settings;
  MpDial        *dial;
  gboolean       is_connected;
  char          *address; /* of the peer, once connected */

  MpGreeting *greeting;
  gint64      deadline; /* of the handshake, set when the listener begins it */
  MpChannel  *channel;
};

MpPeerDial *
mp_peer_dial_new (MpAddress            *address,
                  const MpPeerSettings *settings)
{
  MpPeerDial *self = g_new0 (MpPeerDial, 1);

  mp_peer_settings_copy (&self->settings, settings);
  self->dial = mp_dial_new (address, &(MpTlsSettings){ self->settings.database,
                                                       self->settings.certificate,
                                                       self->settings.handshake_timeout_us });
  self->deadline = MP_DEADLINE_NEVER;
  return self;
}

void
mp_peer_dial_free (MpPeerDial *self)
{
  g_clear_pointer (&self->greeting, mp_greeting_free);
  g_clear_pointer (&self->channel, mp_channel_unref);
  mp_dial_free (self->dial);
  mp_peer_settings_clear (&self->settings);
  g_free (self->address);
  g_free (self);
}

gboolean
mp_peer_dial_must_block (MpPeerDial *self)
{
  return mp_dial_must_block (self->dial);
}

static void
begin_greeting (MpPeerDial *self)
{
  self->channel = mp_channel_new (mp_dial_take_transport (self->dial, &self->address), TRUE, TRUE);
  self->is_connected = TRUE;
  if (self->settings.auth_key != NULL)
    self->greeting = mp_greeting_new (g_steal_pointer (&self->channel), MP_HANDSHAKE_CLIENT,
                                      self->settings.auth_key, self->settings.legacy_digests);
}

static MpHandshakeStatus
greet (MpPeerDial *self,
       GError    **error)
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
    self->channel = mp_greeting_take_channel (self->greeting);
  return status;
}

MpHandshakeStatus
mp_peer_dial_step (MpPeerDial   *self,
                   GCancellable *cancellable,
                   GError      **error)
{
  if (!self->is_connected)
    {
      MpDialStatus status = mp_dial_step (self->dial, cancellable, error);

      if (status != MP_DIAL_DONE)
        return status == MP_DIAL_FAILED ? MP_HANDSHAKE_FAILED : MP_HANDSHAKE_RUNNING;
      begin_greeting (self);
    }
  return self->channel == NULL ? greet (self, error) : MP_HANDSHAKE_DONE;
}

void
mp_peer_dial_get_wait (MpPeerDial   *self,
                       int          *fd,
                       GIOCondition *condition,
                       gint64       *time)
{
  if (self->greeting == NULL)
    {
      mp_dial_get_wait (self->dial, fd, condition, time);
      return;
    }
  *fd = mp_channel_get_fd (mp_greeting_peek_channel (self->greeting));
  *condition = mp_greeting_get_condition (self->greeting);
  *time = self->deadline;
}

/* Waits for what the next step needs. */
static MpWaitStatus
poll_for_step (MpPeerDial   *self,
               gint64        deadline,
               GCancellable *cancellable,
               GError      **error)
{
  GIOCondition condition;
  gint64       until;
  int          fd;

  mp_peer_dial_get_wait (self, &fd, &condition, &until);
  if (until < 0 || (deadline >= 0 && deadline < until))
    until = deadline;

  /* Only the stream itself knows whether it has decrypted data, so do not poll the socket. */
  if (self->greeting != NULL && mp_dial_uses_tls (self->dial))
    return mp_channel_wait (mp_greeting_peek_channel (self->greeting), condition,
                            mp_deadline_get_left (until), cancellable, error);

  return mp_transport_poll (fd, condition, -1, until, cancellable, error);
}

/* Returns FALSE on timeout or cancellation. */
static gboolean
wait_for_step (MpPeerDial   *self,
               gint64        deadline,
               GCancellable *cancellable,
               GError      **error)
{
  if (!mp_deadline_has_passed (deadline))
    return poll_for_step (self, deadline, cancellable, error) != MP_WAIT_ERROR;

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

MpHandshakeStatus
mp_peer_dial_run_for (MpPeerDial *self,
                      gint64      timeout_us,
                      GError    **error)
{
  const gint64      deadline = mp_deadline_for_timeout (timeout_us);
  MpHandshakeStatus status;

  while ((status = mp_peer_dial_step (self, NULL, error)) == MP_HANDSHAKE_RUNNING &&
         !mp_deadline_has_passed (deadline))
    switch (poll_for_step (self, deadline, NULL, error))
      {
      case MP_WAIT_ERROR:
        return MP_HANDSHAKE_FAILED;
      case MP_WAIT_INTERRUPTED:
        return MP_HANDSHAKE_RUNNING;
      default:
        break;
      }
  return status;
}

gboolean
mp_peer_dial_run (MpPeerDial   *self,
                  gint64        timeout_us,
                  GCancellable *cancellable,
                  GError      **error)
{
  const gint64 deadline = mp_deadline_for_timeout (timeout_us);

  mp_dial_set_deadline (self->dial, deadline);
  for (;;)
    {
      MpHandshakeStatus status = mp_peer_dial_step (self, cancellable, error);

      if (status != MP_HANDSHAKE_RUNNING)
        return status == MP_HANDSHAKE_DONE;
      if (!wait_for_step (self, deadline, cancellable, error))
        return FALSE;
    }
}

MpChannel *
mp_peer_dial_take_channel (MpPeerDial *self,
                           char      **address)
{
  *address = g_steal_pointer (&self->address);
  return g_steal_pointer (&self->channel);
}
