/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "calls-private.h"

#include <glib/gi18n-lib.h>

#include "mp-error.h"

static MpChannelStatus
filter (MpChannelMessage *message,
        gpointer          user_data,
        GError          **error)
{
  MpCalls *self = user_data;
  MpFormat format = (MpFormat) g_atomic_int_get (self->format);
  g_autoptr (GError) failure = NULL;
  g_autoptr (GBytes) payload = NULL;
  MpEnvelopeKind kind;
  GSource       *pump = NULL;
  GTask         *task = NULL;
  gboolean       is_sound = TRUE;
  guint64        id = 0;

  kind = mp_envelope_look (format, message->data, message->length, &id, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return MP_CHANNEL_ERROR;
    }
  if (kind == MP_ENVELOPE_NONE)
    return MP_CHANNEL_NOT_NOW;

  payload = mp_channel_message_steal_bytes (message);
  mp_calls_lock (self);
  if (kind == MP_ENVELOPE_CALL)
    is_sound = mp_calls_add_incoming (self, format, id, payload, error);
  else if (kind == MP_ENVELOPE_CANCEL)
    mp_calls_cancel_incoming (self, id);
  else
    task = mp_calls_take_made (self, id, &pump);
  mp_calls_unlock (self);

  /* The call may have been cancelled or timed out before its answer arrives. */
  if (task != NULL)
    mp_calls_give_answer (task, pump, kind, format, g_steal_pointer (&payload), NULL);
  return is_sound ? MP_CHANNEL_DONE : MP_CHANNEL_ERROR;
}

void
mp_calls_end (MpCalls      *self,
              const GError *reason)
{
  g_autoptr (GError) closed = NULL;

  if (reason == NULL)
    reason = closed = g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED,
                                           _ ("The connection was closed before the answer came"));

  mp_calls_lock (self);
  mp_calls_fail_made (self, reason);
  mp_calls_drop_incoming (self);
  mp_calls_unlock (self);
}

MpCalls *
mp_calls_new (gpointer            owner,
              const MpCallsFuncs *funcs,
              MpChannel          *channel,
              const gint         *format,
              MpFlushers         *flushers)
{
  MpCalls *self = g_new0 (MpCalls, 1);

  self->owner = owner;
  self->funcs = funcs;
  self->channel = mp_channel_ref (channel);
  self->format = format;
  self->flushers = flushers;
  mp_calls_make_tables (self);
  g_mutex_init (&self->mutex);
  mp_fork_hook_add (&self->fork_hook, mp_calls_in_child);
  self->context = g_main_context_ref_thread_default ();
  mp_channel_set_filter (channel, filter, self);
  return self;
}

void
mp_calls_free (MpCalls *self)
{
  mp_calls_end (self, NULL);
  mp_fork_hook_remove (&self->fork_hook);
  mp_channel_set_filter (self->channel, NULL, NULL);
  mp_channel_unref (self->channel);
  g_hash_table_unref (self->outstanding);
  g_hash_table_unref (self->unanswered);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  g_free (self);
}
