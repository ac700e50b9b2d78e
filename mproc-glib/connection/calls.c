/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "calls.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "base/mp-fork.h"
#include "formats/envelope.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

/* With MANY_CALLS unanswered calls of the peer, no more are read.  Up to MAX_INCOMING may still
 * arrive, since answers to calls of this end have to be read, and calls may be in front of them. */
#define MANY_CALLS   1024
#define MAX_INCOMING 65536

/* A call made by this end: the data of its task. */
typedef struct
{
  guint64 id;

  /* The source of the timeout and the cancellable, until the call ends. */
  GSource *source;
} Call;

/* Reads in one main context as long as calls wait for answers there. */
typedef struct
{
  GMainContext *context;
  GSource      *source;
  guint         n_calls;
} Pump;

struct _MpCalls
{
  gpointer            owner;
  const MpCallsFuncs *funcs;
  MpChannel          *channel;
  const gint         *format;
  MpFlushers         *flushers;

  /* Guards the members below; see lock (). */
  GMutex      mutex;
  MpForkHook  fork_hook;
  gboolean    is_unsound; /* they were being changed when this process was forked off */
  guint64     last_id;
  GHashTable *outstanding; /* tasks by id */
  GSList     *pumps;

  GQueue        incoming;
  GHashTable   *unanswered; /* calls of the peer by id, including those in `incoming` */
  GMainContext *context;
  GThread      *taker;
  gboolean      told;
};

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

static void
call_free (gpointer data)
{
  Call *call = data;

  g_clear_pointer (&call->source, g_source_unref);
  g_free (call);
}

static void
make_tables (MpCalls *self)
{
  self->outstanding = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_object_unref);
  self->unanswered = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL,
                                            (GDestroyNotify) mp_incoming_call_unref);
}

static void
in_child (MpForkHook *hook)
{
  MpCalls *self = MP_FORK_HOOK_OWNER (hook, MpCalls);

  self->is_unsound |= mp_fork_reset_mutex (&self->mutex);
}

/* No function of the program's own is called with the lock, and no reference to what it may have
 * taken is dropped: it may call us, and wait for a thread that does. */
static void
lock (MpCalls *self)
{
  g_mutex_lock (&self->mutex);
  if (G_LIKELY (!self->is_unsound))
    return;

  /* What is in the lists is the parent's. */
  make_tables (self);
  self->pumps = NULL;
  g_queue_init (&self->incoming);
  self->is_unsound = FALSE;
}

static void
unlock (MpCalls *self)
{
  g_mutex_unlock (&self->mutex);
}

/* --- In a main context ----------------------------------------------------------------------- */

static void
run_in_context (GMainContext  *context,
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

static gboolean
incoming_cb (gpointer user_data)
{
  MpCalls *self = user_data;

  lock (self);
  self->told = FALSE;
  unlock (self);
  self->funcs->incoming (self->owner);
  return G_SOURCE_REMOVE;
}

static void
unref_owner (gpointer data)
{
  g_object_unref (((MpCalls *) data)->owner);
}

/* The caller holds the lock. */
static void
tell_incoming (MpCalls *self)
{
  if (self->told || self->taker == g_thread_self ())
    return;

  self->told = TRUE;
  g_object_ref (self->owner);
  run_in_context (self->context, G_PRIORITY_DEFAULT, incoming_cb, self, unref_owner);
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (((MpIncomingCall *) user_data)->cancellable);
  return G_SOURCE_REMOVE;
}

/* Takes @call, so that what it holds is dropped there, too. */
static void
cancel_incoming (MpIncomingCall *call)
{
  run_in_context (call->context, G_PRIORITY_DEFAULT, cancel_cb, call,
                  (GDestroyNotify) mp_incoming_call_unref);
}

/* --- Calls of this end ----------------------------------------------------------------------- */

static gboolean
pump_cb (gpointer user_data)
{
  MpCalls *self = user_data;
  g_autoptr (GError) error = NULL;

  if (mp_channel_pump (self->channel, &error) != MP_CHANNEL_ERROR)
    return G_SOURCE_CONTINUE;

  mp_calls_end (self, error);
  self->funcs->failed (self->owner, error);
  return G_SOURCE_REMOVE;
}

static Pump *
find_pump (MpCalls      *self,
           GMainContext *context)
{
  for (GSList *l = self->pumps; l != NULL; l = l->next)
    {
      if (((Pump *) l->data)->context == context)
        return l->data;
    }

  return NULL;
}

/* Without the lock: the channel may be over a stream of a class of the program's own. */
static GSource *
create_pump_source (MpCalls *self,
                    GTask   *task)
{
  GSource *source = mp_channel_create_pump_source (self->channel);

  g_object_ref (self->owner);
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, pump_cb, self, unref_owner);
  return source;
}

/* The caller holds the lock.  Takes ownership of @source if there is none for this context yet. */
static gboolean
hold_pump (MpCalls *self,
           GTask   *task,
           GSource *source)
{
  GMainContext *context = g_task_get_context (task);
  Pump         *pump = find_pump (self, context);

  if (pump != NULL)
    {
      pump->n_calls++;
      return FALSE;
    }

  pump = g_new0 (Pump, 1);
  pump->context = context;
  pump->source = source;
  pump->n_calls = 1;
  g_source_attach (source, context);
  self->pumps = g_slist_prepend (self->pumps, pump);
  return TRUE;
}

/* The caller holds the lock.  Returns the source, to be destroyed after unlocking, or NULL. */
static GSource *
release_pump (MpCalls      *self,
              GMainContext *context)
{
  Pump    *pump = find_pump (self, context);
  GSource *source = NULL;

  if (--pump->n_calls > 0)
    return NULL;

  source = pump->source;
  self->pumps = g_slist_remove (self->pumps, pump);
  g_free (pump);
  return source;
}

static void
destroy_source (GSource *source)
{
  if (source == NULL)
    return;

  g_source_destroy (source);
  g_source_unref (source);
}

/* Takes a call out of the list.  Returns NULL if another thread has already taken it. */
static GTask *
take_call (MpCalls  *self,
           guint64   id,
           GSource **pump)
{
  GTask *task = NULL;

  g_hash_table_steal_extended (self->outstanding, &id, NULL, (gpointer *) &task);
  if (task != NULL)
    *pump = release_pump (self, g_task_get_context (task));
  return task;
}

/* The result of a call, or its error. */
typedef struct
{
  GTask         *task;
  GSource       *pump;
  MpEnvelopeKind kind;
  MpFormat       format;
  GBytes        *payload;
  GError        *error;
} Answer;

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  destroy_source (answer->pump);
  g_clear_pointer (&answer->payload, g_bytes_unref);
  g_clear_error (&answer->error);
  g_object_unref (answer->task);
  g_free (answer);
}

/* Unknown error domains are not registered as quarks: a peer could send any number of them, and
 * quarks are never freed. */
static GError *
make_error (const char *domain,
            int         code,
            const char *message)
{
  GQuark quark = g_quark_try_string (domain);

  if (quark != 0)
    return g_error_new_literal (quark, code, message);

  return g_error_new (MP_ERROR, MP_ERROR_REMOTE, "%s: %s", domain, message);
}

static MpMessage *
open_answer (Answer  *answer,
             GError **error)
{
  g_autoptr (GBytes) value = NULL;
  g_autofree char *domain = NULL;
  g_autofree char *message = NULL;
  gint32           code;

  if (answer->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&answer->error));
      return NULL;
    }

  if (answer->kind == MP_ENVELOPE_ERROR)
    {
      if (mp_envelope_open_error (answer->format, answer->payload, &domain, &code, &message,
                                  error))
        g_propagate_error (error, make_error (domain, code, message));
      return NULL;
    }

  value = mp_envelope_open (answer->format, answer->payload, error);
  return value != NULL ? mp_message_new_from_payload (answer->format, value, error) : NULL;
}

static gboolean
answer_cb (gpointer user_data)
{
  Answer    *answer = user_data;
  Call      *call = g_task_get_task_data (answer->task);
  GError    *error = NULL;
  MpMessage *message;

  if (call->source != NULL)
    g_source_destroy (call->source);
  g_clear_pointer (&call->source, g_source_unref);

  message = open_answer (answer, &error);
  if (message != NULL)
    g_task_return_pointer (answer->task, message, (GDestroyNotify) mp_message_unref);
  else
    g_task_return_error (answer->task, error);
  return G_SOURCE_REMOVE;
}

/* Takes ownership of @task, @payload and @error. */
static void
give_answer (GTask         *task,
             GSource       *pump,
             MpEnvelopeKind kind,
             MpFormat       format,
             GBytes        *payload,
             GError        *error)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->task = task;
  answer->pump = pump;
  answer->kind = kind;
  answer->format = format;
  answer->payload = payload;
  answer->error = error;
  run_in_context (g_task_get_context (task), g_task_get_priority (task), answer_cb, answer,
                  answer_free);
}

/* Sends an envelope.  Returns FALSE with @error set on failure.  Takes ownership of @envelope.
 *
 * If @is_alone, no other is likely to follow in this iteration of the main context, and it is sent
 * at once: a source to send it costs four system calls.  Others leave together. */
static gboolean
send_envelope (MpCalls          *self,
               GBytes           *envelope,
               gboolean          is_alone,
               GMainContext     *context,
               int               io_priority,
               MpChannelSentFunc sent,
               gpointer          user_data,
               GError          **error)
{
  g_autoptr (GBytes) owned = envelope;

  if (owned == NULL || !mp_channel_queue (self->channel, owned, NULL, sent, user_data, error))
    return FALSE;

  if (!is_alone || mp_channel_flush (self->channel) == MP_CHANNEL_NOT_NOW)
    mp_flushers_ensure (self->flushers, self->channel, self->owner, context, io_priority);
  return TRUE;
}

/* Failures to send are ignored: if the connection is broken, reading from it fails too. */
static void
ignore_sent_cb (const GError *error,
                gpointer      user_data)
{
  if (error != NULL)
    g_debug ("A part of a call was not sent: %s", error->message);
}

static gboolean
over_cb (gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  GTask   *own = user_data;
  MpCalls *self = g_object_get_data (G_OBJECT (own), "mp-calls");
  Call    *call = g_task_get_task_data (own);
  GSource *pump = NULL;
  GError  *error = NULL;

  lock (self);
  task = take_call (self, call->id, &pump);
  unlock (self);
  if (task == NULL)
    return G_SOURCE_REMOVE;

  send_envelope (self,
                 mp_envelope_close_cancel ((MpFormat) g_atomic_int_get (self->format), call->id,
                                           NULL),
                 FALSE, g_task_get_context (task), g_task_get_priority (task), ignore_sent_cb, NULL,
                 NULL);
  if (!g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("No answer came in time"));
  destroy_source (pump);
  g_clear_pointer (&call->source, g_source_unref);
  g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

static gboolean
over_dispatch (GSource    *source,
               GSourceFunc callback,
               gpointer    user_data)
{
  return callback == NULL ? G_SOURCE_REMOVE : callback (user_data);
}

static GSourceFuncs over_funcs = { .dispatch = over_dispatch };

static void
watch_end (MpCalls *self,
           GTask   *task,
           gint64   timeout_us)
{
  Call *call = g_task_get_task_data (task);

  if (timeout_us < 0 && g_task_get_cancellable (task) == NULL)
    return;

  g_object_set_data (G_OBJECT (task), "mp-calls", self);
  call->source = g_source_new (&over_funcs, sizeof (GSource));
  g_source_set_static_name (call->source, "mp_connection_call");
  g_source_set_ready_time (call->source, mp_deadline_for_timeout (timeout_us));
  mp_async_add_cancellable (call->source, g_task_get_cancellable (task));
  g_source_set_priority (call->source, g_task_get_priority (task));
  g_source_set_callback (call->source, over_cb, g_object_ref (task), g_object_unref);
  g_source_attach (call->source, g_task_get_context (task));
}

/* A request that could not be sent will get no answer, so it fails. */
static void
request_sent_cb (const GError *error,
                 gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  MpCalls *self = g_object_get_data (G_OBJECT (task), "mp-calls-sender");
  Call    *call = g_task_get_task_data (task);
  GSource *pump = NULL;
  GTask   *taken = NULL;

  if (error == NULL)
    return;

  lock (self);
  taken = take_call (self, call->id, &pump);
  unlock (self);
  if (taken != NULL)
    give_answer (taken, pump, MP_ENVELOPE_ERROR, 0, NULL, g_error_copy (error));
}

static GBytes *
make_request (MpMessage *value,
              MpFormat   format,
              guint64    id,
              GError   **error)
{
  g_autoptr (GBytes) payload = NULL;

  if (!mp_envelope_has_form (format))
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                           _ ("Calls need a connection in the format GVariant, JSON or pickle"));
      return NULL;
    }

  payload = mp_message_convert_payload (value, format, error);
  return payload != NULL ? mp_envelope_close (format, MP_ENVELOPE_CALL, id, payload, error) : NULL;
}

/* Sets @is_alone if no other call waits for its answer. */
static guint64
add_call (MpCalls  *self,
          GTask    *task,
          gboolean *is_alone)
{
  Call    *call = g_new0 (Call, 1);
  GSource *source = NULL;

  g_task_set_task_data (task, call, call_free);
  lock (self);
  if (find_pump (self, g_task_get_context (task)) == NULL)
    {
      unlock (self);
      source = create_pump_source (self, task);
      lock (self);
    }

  call->id = ++self->last_id;
  g_hash_table_insert (self->outstanding, &call->id, g_object_ref (task));
  *is_alone = g_hash_table_size (self->outstanding) == 1;
  if (hold_pump (self, task, source))
    source = NULL;
  unlock (self);

  g_clear_pointer (&source, g_source_unref);
  return call->id;
}

void
mp_calls_begin (MpCalls   *self,
                MpMessage *value,
                gint64     timeout_us,
                GTask     *task)
{
  g_autoptr (GTask) owned G_GNUC_UNUSED = task;
  g_autoptr (GTask) taken = NULL;
  g_autoptr (GError) error = NULL;
  GSource *pump = NULL;
  GBytes  *request;
  gboolean is_alone;
  guint64  id;

  id = add_call (self, task, &is_alone);
  g_object_set_data (G_OBJECT (task), "mp-calls-sender", self);
  request = make_request (value, (MpFormat) g_atomic_int_get (self->format), id, &error);
  watch_end (self, task, timeout_us);
  if (request != NULL &&
      send_envelope (self, request, is_alone, g_task_get_context (task), g_task_get_priority (task),
                     request_sent_cb, g_object_ref (task), &error))
    return;

  /* Drop the reference for request_sent_cb (), which is not called. */
  if (request != NULL)
    g_object_unref (task);
  lock (self);
  taken = take_call (self, id, &pump);
  unlock (self);
  if (taken != NULL)
    give_answer (g_steal_pointer (&taken), pump, MP_ENVELOPE_ERROR, 0, NULL,
                 g_steal_pointer (&error));
}

/* --- Calls of the peer ----------------------------------------------------------------------- */

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
static gboolean
add_incoming (MpCalls *self,
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

static void
cancel_unanswered (MpCalls *self,
                   guint64  id)
{
  MpIncomingCall *call = NULL;

  g_hash_table_steal_extended (self->unanswered, &id, NULL, (gpointer *) &call);
  if (call == NULL)
    return;

  /* It may not have been passed to a handler yet. */
  if (g_queue_remove (&self->incoming, call))
    mp_incoming_call_unref (call);
  cancel_incoming (call);
}

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

  payload = g_bytes_new_take (g_steal_pointer (&message->data), message->length);
  lock (self);
  if (kind == MP_ENVELOPE_CALL)
    is_sound = add_incoming (self, format, id, payload, error);
  else if (kind == MP_ENVELOPE_CANCEL)
    cancel_unanswered (self, id);
  else
    task = take_call (self, id, &pump);
  unlock (self);

  /* The call may have been cancelled or timed out before its answer arrives. */
  if (task != NULL)
    give_answer (task, pump, kind, format, g_steal_pointer (&payload), NULL);
  return is_sound ? MP_CHANNEL_DONE : MP_CHANNEL_ERROR;
}

void
mp_calls_set_context (MpCalls      *self,
                      GMainContext *context)
{
  g_autoptr (GMainContext) before = NULL;

  lock (self);
  before = self->context;
  self->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  if (self->incoming.length > 0)
    tell_incoming (self);
  unlock (self);
}

void
mp_calls_begin_taking (MpCalls *self)
{
  lock (self);
  self->taker = g_thread_self ();
  unlock (self);
}

void
mp_calls_end_taking (MpCalls *self)
{
  lock (self);
  self->taker = NULL;
  if (self->incoming.length > 0)
    tell_incoming (self);
  unlock (self);
}

MpIncomingCall *
mp_calls_take (MpCalls *self)
{
  MpIncomingCall *call;

  lock (self);
  call = g_queue_pop_head (&self->incoming);
  unlock (self);
  return call;
}

gboolean
mp_calls_are_many (MpCalls *self)
{
  gboolean many;

  lock (self);
  many = g_hash_table_size (self->unanswered) >= MANY_CALLS;
  unlock (self);
  return many;
}

static GBytes *
make_answer (MpIncomingCall *call,
             MpMessage      *value,
             const GError   *failure)
{
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;
  GBytes *envelope = NULL;

  if (failure == NULL)
    payload = mp_message_convert_payload (value, call->format, &error);
  if (payload != NULL)
    envelope = mp_envelope_close (call->format, MP_ENVELOPE_RETURN, call->id, payload, &error);
  if (envelope != NULL)
    return envelope;

  /* If the value cannot be converted to the format, the caller gets that error. */
  if (failure == NULL)
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

  lock (self);
  waits = g_hash_table_lookup (self->unanswered, &call->id) == call;
  if (waits)
    g_hash_table_remove (self->unanswered, &call->id);
  is_last = g_hash_table_size (self->unanswered) == 0;
  unlock (self);
  if (!waits)
    return;

  if (!send_envelope (self, make_answer (call, value, error), is_last, call->context,
                      G_PRIORITY_DEFAULT, ignore_sent_cb, NULL, &failure) &&
      failure != NULL)
    {
      /* Close the connection to a peer that does not read its answers: otherwise its calls would
       * wait for ever. */
      g_debug ("A call was not answered: %s", failure->message);
      if (g_error_matches (failure, MP_ERROR, MP_ERROR_FULL))
        self->funcs->unread (self->owner, failure);
    }
}

/* --- The whole ------------------------------------------------------------------------------- */

void
mp_calls_end (MpCalls      *self,
              const GError *reason)
{
  g_autoptr (GError) closed = NULL;
  GHashTableIter  iter;
  MpIncomingCall *call;
  gpointer        id;

  if (reason == NULL)
    reason = closed = g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED,
                                           _ ("The connection was closed before the answer came"));

  lock (self);
  while (g_hash_table_size (self->outstanding) > 0)
    {
      GSource *pump = NULL;
      GTask   *task;

      g_hash_table_iter_init (&iter, self->outstanding);
      g_hash_table_iter_next (&iter, &id, NULL);
      task = take_call (self, *(guint64 *) id, &pump);
      give_answer (task, pump, MP_ENVELOPE_ERROR, 0, NULL, g_error_copy (reason));
    }

  /* The table has these, too. */
  while ((call = g_queue_pop_head (&self->incoming)) != NULL)
    mp_incoming_call_unref (call);

  g_hash_table_iter_init (&iter, self->unanswered);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &call))
    {
      g_hash_table_iter_steal (&iter);
      cancel_incoming (call);
    }
  unlock (self);
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
  make_tables (self);
  g_mutex_init (&self->mutex);
  mp_fork_hook_add (&self->fork_hook, in_child);
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
