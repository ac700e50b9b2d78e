/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "calls-private.h"

#include <glib/gi18n-lib.h>

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "base/mp-remote-error.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

/* The calls that this end makes. */

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

static void
call_free (gpointer data)
{
  Call *call = data;

  g_clear_pointer (&call->source, g_source_unref);
  g_free (call);
}

static gboolean
pump_cb (gpointer user_data)
{
  MpCalls *self = user_data;
  g_autoptr (GError) error = NULL;

  if (mp_channel_pump (self->channel, &error) != MP_CHANNEL_ERROR)
    return G_SOURCE_CONTINUE;

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

/* Called without the lock: the channel may use a stream class of the program, whose code runs
 * here. */
static GSource *
create_pump_source (MpCalls *self,
                    GTask   *task)
{
  GSource *source = mp_channel_create_pump_source (self->channel);

  g_object_ref (self->owner);
  g_source_set_priority (source, g_task_get_priority (task));

  /* Otherwise GLib stops polling it during each dispatch, which takes three system calls. */
  g_source_set_can_recurse (source, TRUE);
  g_source_set_callback (source, pump_cb, self, mp_calls_unref_owner);
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

GTask *
mp_calls_take_made (MpCalls  *self,
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
        g_propagate_error (error, mp_remote_error_new (domain, code, message));
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

void
mp_calls_give_answer (GTask         *task,
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
  mp_calls_run_in_context (g_task_get_context (task), g_task_get_priority (task), answer_cb, answer,
                           answer_free);
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

  mp_calls_lock (self);
  task = mp_calls_take_made (self, call->id, &pump);
  mp_calls_unlock (self);
  if (task == NULL)
    return G_SOURCE_REMOVE;

  mp_calls_send (self,
                 mp_envelope_close_cancel ((MpFormat) g_atomic_int_get (self->format), call->id,
                                           NULL),
                 FALSE, g_task_get_context (task), g_task_get_priority (task),
                 mp_calls_ignore_sent_cb, NULL, NULL);
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

  mp_calls_lock (self);
  taken = mp_calls_take_made (self, call->id, &pump);
  mp_calls_unlock (self);
  if (taken != NULL)
    mp_calls_give_answer (taken, pump, MP_ENVELOPE_ERROR, 0, NULL, g_error_copy (error));
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
  mp_calls_lock (self);
  if (find_pump (self, g_task_get_context (task)) == NULL)
    {
      mp_calls_unlock (self);
      source = create_pump_source (self, task);
      mp_calls_lock (self);
    }

  call->id = ++self->last_id;
  g_hash_table_insert (self->outstanding, &call->id, g_object_ref (task));
  *is_alone = g_hash_table_size (self->outstanding) == 1;
  if (hold_pump (self, task, source))
    source = NULL;
  mp_calls_unlock (self);

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
      mp_calls_send (self, request, is_alone, g_task_get_context (task), g_task_get_priority (task),
                     request_sent_cb, g_object_ref (task), &error))
    return;

  /* Drop the reference for request_sent_cb (), which is not called. */
  if (request != NULL)
    g_object_unref (task);
  mp_calls_lock (self);
  taken = mp_calls_take_made (self, id, &pump);
  mp_calls_unlock (self);
  if (taken != NULL)
    mp_calls_give_answer (g_steal_pointer (&taken), pump, MP_ENVELOPE_ERROR, 0, NULL,
                          g_steal_pointer (&error));
}

void
mp_calls_fail_made (MpCalls      *self,
                    const GError *reason)
{
  GHashTableIter iter;
  gpointer       id;

  while (g_hash_table_size (self->outstanding) > 0)
    {
      GSource *pump = NULL;
      GTask   *task;

      g_hash_table_iter_init (&iter, self->outstanding);
      g_hash_table_iter_next (&iter, &id, NULL);
      task = mp_calls_take_made (self, *(guint64 *) id, &pump);
      mp_calls_give_answer (task, pump, MP_ENVELOPE_ERROR, 0, NULL, g_error_copy (reason));
    }
}
