/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "calls-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "message/mp-message-private.h"
#include "mp-error.h"

/* The calls of the peer, until they are answered. */

/* With MANY_CALLS unanswered calls of the peer, no more are read.  Up to MAX_INCOMING may still
 * arrive, since answers to calls of this end have to be read, and calls may be in front of them. */
#define MANY_CALLS   1024
#define MAX_INCOMING 65536

static gboolean
incoming_cb (gpointer user_data)
{
  MpCalls *self = user_data;

  mp_calls_lock (self);
  self->told = FALSE;
  mp_calls_unlock (self);
  self->funcs->incoming (self->owner);
  return G_SOURCE_REMOVE;
}

/* The caller holds the lock. */
static void
tell_incoming (MpCalls *self)
{
  if (self->told || self->taker == g_thread_self ())
    return;

  self->told = TRUE;
  g_object_ref (self->owner);
  mp_calls_run_in_context (self->context, G_PRIORITY_DEFAULT, incoming_cb, self,
                           mp_calls_unref_owner);
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (((MpIncomingCall *) user_data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Cancels the call in its main context.  Takes ownership of @call, so that its reference is dropped
 * there, too. */
static void
mp_incoming_call_cancel (MpIncomingCall *call)
{
  mp_calls_run_in_context (call->context, G_PRIORITY_DEFAULT, cancel_cb, call,
                           (GDestroyNotify) mp_incoming_call_unref);
}

static gboolean
refuse (const char *what,
        guint64     id,
        GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, _ ("The call %" PRIu64 " %s"), id,
               what);
  return FALSE;
}

/* Takes ownership of @payload. */
gboolean
mp_calls_add_incoming (MpCalls *self,
                       MpFormat format,
                       guint64  id,
                       GBytes  *payload,
                       GError **error)
{
  MpIncomingCall *call;

  if (g_hash_table_contains (self->unanswered, &id))
    return refuse ("is not answered, and its number is used again", id, error);
  if (g_hash_table_size (self->unanswered) >= MAX_INCOMING)
    return refuse ("is one too many that waits for its answer", id, error);

  call = g_new0 (MpIncomingCall, 1);
  g_atomic_ref_count_init (&call->ref_count);
  call->id = id;
  call->format = format;
  call->payload = g_bytes_ref (payload);
  call->cancellable = g_cancellable_new ();
  call->context = g_main_context_ref (self->context);
  g_hash_table_insert (self->unanswered, &call->id, call);
  g_atomic_ref_count_inc (&call->ref_count);
  g_queue_push_tail (&self->incoming, call);
  tell_incoming (self);
  return TRUE;
}

void
mp_calls_cancel_incoming (MpCalls *self,
                          guint64  id)
{
  MpIncomingCall *call = NULL;

  g_hash_table_steal_extended (self->unanswered, &id, NULL, (gpointer *) &call);
  if (call == NULL)
    return;

  /* It may not have been passed to a handler yet. */
  if (g_queue_remove (&self->incoming, call))
    mp_incoming_call_unref (call);
  mp_incoming_call_cancel (call);
}

void
mp_calls_set_context (MpCalls      *self,
                      GMainContext *context)
{
  g_autoptr (GMainContext) before = NULL;

  mp_calls_lock (self);
  before = self->context;
  self->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  if (self->incoming.length > 0)
    tell_incoming (self);
  mp_calls_unlock (self);
}

void
mp_calls_begin_taking (MpCalls *self)
{
  mp_calls_lock (self);
  self->taker = g_thread_self ();
  mp_calls_unlock (self);
}

void
mp_calls_end_taking (MpCalls *self)
{
  mp_calls_lock (self);
  self->taker = NULL;
  if (self->incoming.length > 0)
    tell_incoming (self);
  mp_calls_unlock (self);
}

MpIncomingCall *
mp_calls_take (MpCalls *self)
{
  MpIncomingCall *call;

  mp_calls_lock (self);
  call = g_queue_pop_head (&self->incoming);
  mp_calls_unlock (self);
  return call;
}

gboolean
mp_calls_are_many (MpCalls *self)
{
  gboolean many;

  mp_calls_lock (self);
  many = g_hash_table_size (self->unanswered) >= MANY_CALLS;
  mp_calls_unlock (self);
  return many;
}

/* An answer is a value, or else a failure. */
static GBytes *
make_answer (MpIncomingCall *call,
             MpMessage      *value,
             const GError   *failure)
{
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  GBytes *envelope = NULL;

  if (value != NULL)
    payload = mp_message_convert_payload (value, call->format, &error);
  if (payload != NULL)
    envelope = mp_envelope_close (call->format, MP_ENVELOPE_RETURN, call->id, payload, &error);
  if (envelope != NULL)
    return envelope;

  /* If the value cannot be converted to the format, the caller gets that error. */
  if (value != NULL)
    failure = error;
  return mp_envelope_close_error (call->format, call->id, g_quark_to_string (failure->domain),
                                  failure->code, failure->message, NULL);
}

void
mp_calls_answer (MpCalls        *self,
                 MpIncomingCall *call,
                 MpMessage      *value,
                 const GError   *error)
{
  g_autoptr (GError) failure = NULL;
  gboolean waits, is_last;

  mp_calls_lock (self);
  waits = g_hash_table_lookup (self->unanswered, &call->id) == call;
  if (waits)
    g_hash_table_remove (self->unanswered, &call->id);
  is_last = g_hash_table_size (self->unanswered) == 0;
  mp_calls_unlock (self);
  if (!waits)
    return;

  if (!mp_calls_send (self, make_answer (call, value, error), is_last, call->context,
                      G_PRIORITY_DEFAULT, mp_calls_ignore_sent_cb, NULL, &failure) &&
      failure != NULL)
    {
      /* Close the connection to a peer that does not read its answers: otherwise its calls would
       * wait for ever. */
      g_debug ("A call was not answered: %s", failure->message);
      if (g_error_matches (failure, MP_ERROR, MP_ERROR_FULL))
        self->funcs->unread (self->owner, failure);
    }
}

void
mp_calls_drop_incoming (MpCalls *self)
{
  GHashTableIter  iter;
  MpIncomingCall *call;

  /* The table has these, too. */
  while ((call = g_queue_pop_head (&self->incoming)) != NULL)
    mp_incoming_call_unref (call);

  g_hash_table_iter_init (&iter, self->unanswered);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &call))
    {
      g_hash_table_iter_steal (&iter);
      mp_incoming_call_cancel (call);
    }
}
