/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "mp-invocation-private.h"

#include <glib/gi18n-lib.h>

#include "base/mp-stream-source.h"
#include "mp-error.h"

/* Emits signals for calls of the peer. */

/* How long calls are emitted in one iteration of the main context. */
#define US_PER_TURN 2000

gboolean
mp_connection_has_handler (MpConnection *self,
                           guint         signal)
{
  return mp_stream_source_has_handler (self, mp_connection_signals[signal]);
}

gboolean
mp_connection_hand_out_call (MpConnection *self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  MpIncomingCall      *call = mp_calls_take (priv->calls);
  g_autoptr (MpInvocation) invocation = NULL;
  g_autoptr (GError) error = NULL;

  if (call == NULL)
    return FALSE;

  invocation = mp_invocation_new (self, call);
  if (mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_CALLED))
    {
      g_signal_emit (self, mp_connection_signals[MP_CONNECTION_SIGNAL_CALLED], 0, invocation);
      return TRUE;
    }

  error = g_error_new_literal (MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("The peer answers no calls"));
  mp_invocation_return_error (invocation, error);
  return TRUE;
}

static void
incoming (gpointer owner)
{
  MpConnectionPrivate *priv = mp_connection_get_private (owner);
  gint64               end = g_get_monotonic_time () + US_PER_TURN;

  mp_calls_begin_taking (priv->calls);
  while (mp_connection_hand_out_call (owner) && g_get_monotonic_time () < end)
    continue;
  mp_calls_end_taking (priv->calls);
}

static void
failed (gpointer      owner,
        const GError *error)
{
  mp_calls_end (mp_connection_get_private (owner)->calls, error);
  mp_connection_settle (owner, error);
}

static void
unread (gpointer      owner,
        const GError *error)
{
  mp_connection_end (owner, error, NULL);
}

static const MpCallsFuncs calls_funcs = { incoming, failed, unread };

MpCalls *
mp_connection_get_calls (MpConnection *self,
                         GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  MpChannel           *channel = mp_connection_get_channel (self, error);

  if (channel == NULL)
    return NULL;

  g_mutex_lock (&priv->lock);
  if (priv->calls == NULL)
    g_atomic_pointer_set (
      &priv->calls,
      mp_calls_new (self, &calls_funcs, channel, &priv->format, &priv->flushers));
  g_mutex_unlock (&priv->lock);
  return priv->calls;
}
