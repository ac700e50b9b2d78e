/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue.h"

#include "redis-queue-slots.h"
#include "redis-share.h"

#include <string.h>

/* The table of the backend's functions. */

/* How long freeing a queue object waits until the server was told that the session ends. */
#define GOODBYE_US (200 * 1000)

static void free_queue (gpointer user_data);

/* --- Coming and going ---------------------------------------------------------------- */

static gpointer
open_queue (const char            *uri,
            GUnixFDList           *descriptors,
            const MpQueueSettings *wanted,
            MpQueueCall           *call)
{
  g_autoptr (MpRedisUri) parsed = mp_redis_uri_parse (uri, &call->error);
  MpRedisQueue *self;

  if (parsed == NULL || !mp_redis_share_read (descriptors, &parsed->secrets, &call->error))
    return NULL;

  mp_queue_parameters_want (&parsed->parameters, wanted);
  self = g_new0 (MpRedisQueue, 1);
  self->bells = g_ptr_array_new ();
  self->uri = g_steal_pointer (&parsed);
  self->watch.state.at = -1;
  if (!mp_redis_drive_init (self, &call->error))
    {
      g_ptr_array_unref (self->bells);
      mp_redis_uri_free (self->uri);
      g_free (self);
      return NULL;
    }
  mp_redis_session_init (self);
  if (!mp_redis_link_init (&self->link, self->uri, &mp_redis_session_funcs, self, &call->error) ||
      mp_redis_connect (self, call) != MP_QUEUE_OK)
    {
      free_queue (self);
      return NULL;
    }
  return self;
}

static gboolean
is_idle (MpRedisQueue *self)
{
  return mp_resp_stream_get_oldest (&self->link.streams[MP_REDIS_COMMANDS]) < 0;
}

/* Puts messages that were confirmed but never handed out back to the front of the queue.  Large
 * payloads are passed to Lua as well, since a key of their own would need a command before this
 * one. */
static void
unget_stash (MpRedisQueue *self)
{
  MpRedisArrived *arrived;

  while ((arrived = g_queue_pop_tail (&self->get.stash)) != NULL)
    {
      GByteArray *out = mp_redis_begin_call (self, "mp1_unget", 3);

      mp_command_add_integer (out, self->epoch);
      mp_command_add_integer (out, self->put.next++);
      mp_command_begin_argument (out, arrived->size + 1);
      g_byte_array_append (out, &arrived->tag, 1);
      g_byte_array_append (out, arrived->bytes + arrived->offset, (guint) arrived->size);
      mp_command_end_argument (out);
      mp_redis_link_expect (&self->link, NULL, FALSE);
      mp_redis_arrived_free (arrived);
    }
}

/* Gives back at once what the session has in hand. */
static void
say_goodbye (MpRedisQueue *self)
{
  if (!mp_redis_is_up (self))
    return;
  mp_redis_linger (self, GOODBYE_US, is_idle);
  if (!mp_redis_is_up (self) || self->put.n_batch > 0)
    return;
  unget_stash (self);
  mp_redis_begin_call (self, "mp1_bye", 0);
  mp_redis_link_expect (&self->link, NULL, FALSE);
  mp_redis_step (self);
  mp_redis_linger (self, GOODBYE_US, is_idle);
}

static void
free_queue (gpointer user_data)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request;

  mp_redis_lock (self);
  say_goodbye (self);
  g_mutex_unlock (&self->mutex);
  while ((request = g_queue_peek_head (&self->asks)) != NULL)
    {
      mp_redis_dequeue (&self->asks, request);
      mp_redis_request_free (request);
    }
  mp_redis_drive_clear (self);
  mp_redis_link_clear (&self->link);
  mp_redis_session_clear (self);
  g_ptr_array_unref (self->bells);
  mp_redis_uri_free (self->uri);
  g_free (self);
}

static void
get_settings (gpointer         user_data,
              MpQueueSettings *settings)
{
  MpRedisQueue *self = user_data;
  const char   *end;

  *settings = (MpQueueSettings){
    .mode = self->mode,
    .max_size = (guint32) MIN (self->max_size, G_MAXUINT32),
    .max_bytes = (guint64) self->max_bytes,
    .max_deliveries = (guint32) MIN (self->max_deliveries, G_MAXUINT32),
  };
  g_strlcpy (settings->name, self->uri->name, sizeof settings->name);
  if (!g_utf8_validate (settings->name, -1, &end))
    settings->name[end - settings->name] = '\0';
  g_strlcpy (settings->kind, mp_redis_is_acknowledged (self) ? "JoinableQueue" : "Queue",
             sizeof settings->kind);
}

static void
set_spin (gpointer user_data,
          guint    spin_us)
{
}

/* --- Putting and getting ------------------------------------------------------------- */

static MpQueueStatus
put (gpointer           user_data,
     const MpQueueItem *items,
     guint              n_items,
     MpQueueCall       *call,
     guint             *n_put)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request;
  MpQueueStatus   status;

  *n_put = 0;
  for (guint i = 0; i < n_items; i++)
    if (items[i].size > mp_redis_get_max_message (self))
      return MP_QUEUE_TOO_LARGE;
  if (n_items == 0)
    return MP_QUEUE_OK;

  request = mp_redis_request_new (MP_REDIS_PUT);
  request->items = items;
  request->n = n_items;
  request->is_patient = call->timeout_us != 0;
  status = mp_redis_call (self, request, call);
  *n_put = request->n_done;
  mp_redis_request_free (request);
  return status;
}

static MpQueueStatus
get (gpointer               user_data,
     MpQueueDelivery       *deliveries,
     guint                  n,
     const MpQueueAccepted *accepted,
     MpQueueCall           *call,
     guint                 *n_got)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_GET);
  MpQueueStatus   status;

  for (guint i = 0; i < n; i++)
    {
      deliveries[i].tentative = FALSE;
      deliveries[i].token = (MpQueueToken){ 0 };
    }
  request->deliveries = deliveries;
  request->n = n;
  request->accepted = accepted;
  request->is_patient = call->timeout_us != 0;
  status = mp_redis_call (self, request, call);
  *n_got = status == MP_QUEUE_OK ? request->n_done : 0;
  mp_redis_request_free (request);
  return status;
}

static MpQueueStatus
wait_for (gpointer         user_data,
          MpQueueCondition condition,
          MpQueueCall     *call)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_WAIT);
  MpQueueStatus   status;

  request->condition = condition;
  request->is_patient = call->timeout_us != 0;
  status = mp_redis_call (self, request, call);
  mp_redis_request_free (request);
  return status;
}

static void
give_back (gpointer         user_data,
           MpQueueDelivery *deliveries,
           guint            n)
{
  MpRedisQueue *self = user_data;

  mp_redis_lock (self);
  mp_redis_get_give_back (self, deliveries, n);
  mp_redis_step (self);
  g_mutex_unlock (&self->mutex);
}

/* --- The rest ------------------------------------------------------------------------ */

static void
close_handle (gpointer user_data)
{
  MpRedisQueue *self = user_data;

  mp_redis_lock (self);
  self->is_closed = TRUE;
  mp_redis_end_closed (self);
  mp_redis_step (self);
  g_mutex_unlock (&self->mutex);
}

static gboolean
check (gpointer         user_data,
       MpQueueCondition condition)
{
  MpRedisQueue *self = user_data;
  gboolean      result;

  mp_redis_lock (self);
  result = mp_redis_watch_holds (self, condition);
  g_mutex_unlock (&self->mutex);
  return result;
}

static gboolean
remove_queue (const char  *uri,
              MpQueueCall *call)
{
  g_autoptr (MpRedisUri) parsed = mp_redis_uri_parse (uri, &call->error);
  g_autofree char *existing = NULL;
  MpRedisQueue    *self;
  MpQueueStatus    status;

  if (parsed == NULL)
    return FALSE;
  existing = g_strconcat (uri, "&create=no", NULL);
  self = open_queue (existing, NULL, NULL, call);
  if (self == NULL)
    return FALSE;

  status = mp_redis_slot_shutdown (self, TRUE, call);
  if (status == MP_QUEUE_OK)
    status = mp_redis_remove (self, call);
  free_queue (self);
  return status == MP_QUEUE_OK;
}

static char *
describe (gpointer     user_data,
          GUnixFDList *descriptors,
          GError     **error)
{
  MpRedisQueue *self = user_data;

  if (!mp_redis_share_write (&self->uri->secrets, descriptors, error))
    return NULL;
  return g_strdup (self->uri->public_uri);
}

static gboolean
attach (gpointer user_data,
        GError **error)
{
  MpRedisQueue *self = user_data;
  gboolean      is_usable;

  mp_redis_lock (self);
  is_usable = self->link.state != MP_REDIS_LINK_FAILED;
  if (!is_usable)
    g_propagate_error (error, g_error_copy (self->link.error));
  g_mutex_unlock (&self->mutex);
  return is_usable;
}

const MpQueueBackend mp_redis_queue_backend = {
  .name = MP_REDIS_SCHEME,
  .open = open_queue,
  .remove = remove_queue,
  .free = free_queue,
  .get_settings = get_settings,
  .set_spin = set_spin,
  .put = put,
  .get = get,
  .settle = mp_redis_slot_settle,
  .wait = wait_for,
  .finish = mp_redis_slot_finish,
  .progress = mp_redis_slot_progress,
  .list = mp_redis_slot_list,
  .get_dead = mp_redis_slot_get_dead,
  .requeue = mp_redis_slot_requeue,
  .shutdown = mp_redis_slot_shutdown,
  .clear = mp_redis_slot_clear,
  .begin_batch = mp_redis_slot_begin_batch,
  .close = close_handle,
  .count = mp_redis_slot_count,
  .check = check,
  .begin = mp_redis_slot_begin,
  .cancel = mp_redis_slot_cancel,
  .give_back = give_back,
  .bell_new = mp_redis_bell_new,
  .bell_free = mp_redis_bell_free,
  .bell_fd = mp_redis_bell_fd,
  .bell_arm = mp_redis_bell_arm,
  .bell_hold = mp_redis_bell_hold,
  .describe = describe,
  .attach = attach,
};
