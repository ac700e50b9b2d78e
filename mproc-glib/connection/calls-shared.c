/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "calls-private.h"

/* What calls of this end and those of the peer have in common. */

void
mp_incoming_call_unref (MpIncomingCall *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_bytes_unref (self->payload);
  g_object_unref (self->cancellable);
  g_main_context_unref (self->context);
  g_free (self);
}

void
mp_calls_make_tables (MpCalls *self)
{
  self->outstanding = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_object_unref);
  self->unanswered = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL,
                                            (GDestroyNotify) mp_incoming_call_unref);
}

void
mp_calls_in_child (MpForkHook *hook)
{
  MpCalls *self = MP_FORK_HOOK_OWNER (hook, MpCalls);

  self->is_unsound |= mp_fork_reset_mutex (&self->mutex);
}

void
mp_calls_lock (MpCalls *self)
{
  g_mutex_lock (&self->mutex);
  if (G_LIKELY (!self->is_unsound))
    return;

  /* The calls in the lists belong to the parent. */
  mp_calls_make_tables (self);
  self->pumps = NULL;
  g_queue_init (&self->incoming);
  self->is_unsound = FALSE;
}

void
mp_calls_unlock (MpCalls *self)
{
  g_mutex_unlock (&self->mutex);
}

void
mp_calls_run_in_context (GMainContext  *context,
                         int            priority,
                         GSourceFunc    callback,
                         gpointer       data,
                         GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, priority);
  g_source_set_callback (source, callback, data, destroy);
  g_source_attach (source, context);
}

void
mp_calls_unref_owner (gpointer data)
{
  g_object_unref (((MpCalls *) data)->owner);
}

gboolean
mp_calls_send (MpCalls          *self,
               GBytes           *envelope,
               gboolean          is_alone,
               GMainContext     *context,
               int               io_priority,
               MpChannelSentFunc sent,
               gpointer          user_data,
               GError          **error)
{
  g_autoptr (GBytes) owned = envelope;

  if (owned == NULL || !mp_channel_queue (self->channel, owned, NULL, NULL, sent, user_data, error))
    return FALSE;

  if (!is_alone || mp_channel_flush (self->channel) == MP_CHANNEL_NOT_NOW)
    mp_flushers_ensure (self->flushers, self->channel, self->owner, context, io_priority);
  return TRUE;
}

/* Failures to send are ignored: if the connection is broken, reading from it fails too. */
void
mp_calls_ignore_sent_cb (const GError *error,
                         gpointer      user_data)
{
  if (error != NULL)
    g_debug ("A part of a call was not sent: %s", error->message);
}
