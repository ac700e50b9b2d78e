/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "greeting.h"

#include "base/mp-deadline.h"
#include "net/address.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

struct _MpGreeting
{
  MpChannel   *channel;
  MpHandshake *handshake;
  gsize        usual_limit; /* the channel's limit outside of the handshake */
  gboolean     has_heard;   /* a message from the peer */
};

static void
name_unix_ends (MpHandshake *handshake,
                int          fd)
{
  struct ucred peer = {
    0,
  };
  socklen_t length = sizeof peer;

  /* All connections within this process share these names: both ends are trusted. */
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid == getpid ())
    mp_handshake_set_ends (handshake, "this process", "this process");
}

static void
name_ends (MpHandshake *handshake,
           int          fd)
{
  MpSocketAddress  own = { {
                             0,
                          },
                           sizeof own.storage };
  MpSocketAddress  other = { {
                               0,
                            },
                             sizeof other.storage };
  g_autofree char *own_name = NULL;
  g_autofree char *other_name = NULL;

  if (getsockname (fd, (struct sockaddr *) &own.storage, &own.length) < 0 ||
      getpeername (fd, (struct sockaddr *) &other.storage, &other.length) < 0)
    return;

  if (own.storage.ss_family == AF_UNIX)
    {
      name_unix_ends (handshake, fd);
      return;
    }

  own_name = mp_address_format (&own, MP_ADDRESS_TCP);
  other_name = mp_address_format (&other, MP_ADDRESS_TCP);
  mp_handshake_set_ends (handshake, own_name, other_name);
}

MpGreeting *
mp_greeting_new (MpChannel      *channel,
                 MpHandshakeRole role,
                 GBytes         *key,
                 gboolean        legacy_digests)
{
  MpGreeting *self = g_new0 (MpGreeting, 1);

  self->channel = channel;
  self->handshake = mp_handshake_new (role, key, legacy_digests);
  name_ends (self->handshake, mp_channel_get_fd (channel));
  self->usual_limit = mp_channel_get_limit (channel);
  mp_channel_set_limit (channel, MP_HANDSHAKE_MAX_MESSAGE);
  return self;
}

void
mp_greeting_free (MpGreeting *self)
{
  g_clear_pointer (&self->channel, mp_channel_unref);
  mp_handshake_free (self->handshake);
  g_free (self);
}

MpChannel *
mp_greeting_peek_channel (MpGreeting *self)
{
  return self->channel;
}

MpChannel *
mp_greeting_take_channel (MpGreeting *self)
{
  mp_channel_set_limit (self->channel, self->usual_limit);
  return g_steal_pointer (&self->channel);
}

GIOCondition
mp_greeting_get_condition (MpGreeting *self)
{
  return mp_channel_has_outgoing (self->channel) ? G_IO_IN | G_IO_OUT : G_IO_IN;
}

gboolean
mp_greeting_has_heard (MpGreeting *self)
{
  return self->has_heard || mp_channel_is_inside_message (self->channel);
}

void
mp_greeting_explain_silence (MpGreeting *self,
                             GError    **error)
{
  mp_handshake_explain_silence (self->handshake, error);
}

static gboolean
send_output (MpGreeting *self,
             GError    **error)
{
  GBytes *message;

  while ((message = mp_handshake_take_output (self->handshake)) != NULL)
    {
      gboolean queued = mp_channel_queue (self->channel, message, NULL, NULL, NULL, NULL, error);

      g_bytes_unref (message);
      if (!queued)
        return FALSE;
    }

  mp_channel_flush (self->channel);
  return TRUE;
}

/* Converts the channel's error about a peer that closed or sent garbage to an error of the
 * handshake. */
static MpHandshakeStatus
fail (MpGreeting *self,
      GError     *failure,
      GError    **error)
{
  if (failure->domain == MP_ERROR &&
      (failure->code == MP_ERROR_INVALID_MESSAGE || failure->code == MP_ERROR_TOO_LARGE))
    g_set_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                 _ ("The peer does not do the handshake: %s"), failure->message);
  else
    mp_handshake_explain_end (self->handshake, error);

  g_error_free (failure);
  return MP_HANDSHAKE_FAILED;
}

MpHandshakeStatus
mp_greeting_step (MpGreeting *self,
                  GError    **error)
{
  MpHandshakeStatus status = mp_handshake_get_status (self->handshake);
  GError           *failure = NULL;

  if (!send_output (self, &failure))
    return fail (self, failure, error);

  while (status == MP_HANDSHAKE_RUNNING)
    {
      g_auto (MpChannelMessage) message = {
        0,
      };
      MpChannelStatus received =
        mp_channel_try_receive (self->channel, G_MAXSIZE, &message, &failure);

      if (received == MP_CHANNEL_ERROR)
        return fail (self, failure, error);
      if (received == MP_CHANNEL_NOT_NOW)
        return MP_HANDSHAKE_RUNNING;

      self->has_heard = TRUE;

      /* The peer is also told a negative result. */
      status = mp_handshake_feed (self->handshake, message.data, message.length, error);
      send_output (self, NULL);
    }

  /* The last message must have been passed to the kernel, since the queue is not flushed after
   * this. */
  if (status == MP_HANDSHAKE_DONE && mp_channel_has_outgoing (self->channel))
    return MP_HANDSHAKE_RUNNING;

  return status;
}

gboolean
mp_greeting_run (MpGreeting   *self,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  gint64 deadline = mp_deadline_for_timeout (timeout_us);

  for (;;)
    {
      MpHandshakeStatus status = mp_greeting_step (self, error);
      gint64            left = mp_deadline_get_left (deadline);

      if (status != MP_HANDSHAKE_RUNNING)
        return status == MP_HANDSHAKE_DONE;

      switch (
        mp_channel_wait (self->channel, mp_greeting_get_condition (self), left, cancellable, error))
        {
        case MP_WAIT_TIMED_OUT:
          mp_handshake_explain_silence (self->handshake, error);
          return FALSE;

        case MP_WAIT_ERROR:
          return FALSE;

        default:
          break;
        }
    }
}
