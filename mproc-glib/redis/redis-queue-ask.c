/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-slots.h"

#include <inttypes.h>
#include <string.h>

/* Functions of the backend that send one question and return its answer. */

/* How long a known state is used before the server is asked again. */
#define STATE_AGE_US (50 * 1000)

/* --- Questions ----------------------------------------------------------------------- */

/* Asks and returns the reply, or NULL with @status set. */
static MpReply *
ask (MpRedisQueue  *self,
     const char    *function,
     GPtrArray     *arguments,
     MpQueueCall   *call,
     MpQueueStatus *status)
{
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_ASK);
  MpReply        *reply;

  request->function = function;
  request->arguments = arguments != NULL ? arguments : g_ptr_array_new ();
  *status = mp_redis_call (self, request, call);
  reply = g_steal_pointer (&request->reply);
  mp_redis_request_free (request);
  return reply;
}

static GPtrArray *
make_arguments (char *first,
                ...)
{
  GPtrArray *arguments = g_ptr_array_new_with_free_func (g_free);
  va_list    list;

  va_start (list, first);
  for (char *each = first; each != NULL; each = va_arg (list, char *))
    g_ptr_array_add (arguments, each);
  va_end (list);
  return arguments;
}

/* The first number of the reply is a status of mp1.lua. */
static MpQueueStatus
judge (MpRedisQueue  *self,
       const MpReply *reply,
       MpQueueCall   *call)
{
  const gint64 status = mp_reply_get_integer (
    reply->type == MP_REPLY_ARRAY ? mp_reply_get (reply, 0) : reply, -1);

  if (status == MP_REDIS_OK)
    return MP_QUEUE_OK;
  if (status == MP_REDIS_SHORT)
    return MP_QUEUE_EMPTY;

  mp_redis_lock (self);
  mp_redis_judge_gone (self, status);
  if (self->link.error != NULL)
    call->error = g_error_copy (self->link.error);
  g_mutex_unlock (&self->mutex);
  return call->error != NULL ? MP_QUEUE_FAILED : MP_QUEUE_DAMAGED;
}

MpQueueStatus
mp_redis_slot_progress (gpointer            user_data,
                        const MpQueueToken *token,
                        double              fraction,
                        const char         *text,
                        MpQueueCall        *call)
{
  MpRedisQueue *self = user_data;
  char          number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autoptr (MpReply) reply = NULL;
  MpRedisHeld  *held;
  GPtrArray    *arguments = NULL;
  MpQueueStatus status;

  g_ascii_formatd (number, sizeof number, "%.6g", fraction);
  mp_redis_lock (self);
  held = mp_redis_find_held (self, token);
  if (held != NULL)
    arguments = make_arguments (g_strdup_printf ("%" PRId64, held->id),
                                g_strdup_printf ("%u", held->n_deliveries),
                                g_strdup_printf ("%s %s", number, text != NULL ? text : ""), NULL);
  g_mutex_unlock (&self->mutex);
  if (arguments == NULL)
    return MP_QUEUE_STALE;

  reply = ask (self, "mp1_progress", arguments, call, &status);
  if (reply == NULL)
    return status;
  status = judge (self, reply, call);
  return status == MP_QUEUE_EMPTY ? MP_QUEUE_STALE : status;
}

/* @who is a time, a host, a process and a program; @held is the delivery count and, once the
 * consumer has told it, the progress. */
static void
read_progress (MpQueueProgress *progress,
               const char      *who,
               const char      *held)
{
  const char *host = strchr (who, ' ');
  const char *pid = host != NULL ? strchr (host + 1, ' ') : NULL;
  char       *end;

  progress->pid = pid != NULL ? g_ascii_strtoll (pid, NULL, 10) : 0;
  progress->n_deliveries = (guint32) g_ascii_strtoull (held, &end, 10);
  progress->fraction = -1;
  progress->text[0] = '\0';
  if (*end != ' ')
    return;
  progress->fraction = g_ascii_strtod (end + 1, &end);
  if (*end == ' ')
    g_strlcpy (progress->text, end + 1, sizeof progress->text);
}

MpQueueStatus
mp_redis_slot_list (gpointer        user_data,
                    MpQueueListFunc func,
                    gpointer        func_data,
                    MpQueueCall    *call)
{
  MpQueueStatus status;
  g_autoptr (MpReply) reply = ask (user_data, "mp1_list", NULL, call, &status);

  if (reply == NULL)
    return status;
  for (guint i = 0; i + 2 < reply->n_elements; i += 3)
    {
      MpQueueProgress entry = { 0 };

      entry.serial = (guint64) mp_reply_get_integer (mp_reply_get (reply, i + 1), 0);
      read_progress (&entry, mp_reply_get_string (mp_reply_get (reply, i)),
                     mp_reply_get_string (mp_reply_get (reply, i + 2)));
      func (&entry, func_data);
    }
  return MP_QUEUE_OK;
}

/* Each time the server drops a part of what is queued, and says how much is left. */
static MpRedisAnswer
read_left (MpRedisRequest *request,
           const MpReply  *reply)
{
  return mp_reply_get_integer (reply, 0) > 0 ? MP_REDIS_ANSWER_AGAIN : MP_REDIS_ANSWER_END;
}

void
mp_redis_prepare_shutdown (MpRedisRequest *request,
                           gboolean        immediate)
{
  request->function = "mp1_shutdown";
  request->arguments = make_arguments (g_strdup (immediate ? "1" : "0"), NULL);
  request->read = read_left;
}

/* What an earlier call has left to drop goes first. */
static MpRedisAnswer
read_cleared (MpRedisRequest *request,
              const MpReply  *reply)
{
  const gint64 status = mp_reply_get_integer (mp_reply_get (reply, 0), -1);

  request->n_dropped = (guint64) mp_reply_get_integer (mp_reply_get (reply, 1), 0);
  return status == MP_REDIS_OK      ? MP_REDIS_ANSWER_END
         : status == MP_REDIS_SHORT ? MP_REDIS_ANSWER_AGAIN
                                    : MP_REDIS_ANSWER_GONE;
}

void
mp_redis_prepare_clear (MpRedisRequest *request)
{
  request->function = "mp1_clear";
  request->arguments = g_ptr_array_new ();
  request->read = read_cleared;
}

MpQueueStatus
mp_redis_slot_shutdown (gpointer     user_data,
                        gboolean     immediate,
                        MpQueueCall *call)
{
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_ASK);
  MpQueueStatus   status;

  mp_redis_prepare_shutdown (request, immediate);
  status = mp_redis_call (user_data, request, call);
  mp_redis_request_free (request);
  return status;
}

MpQueueStatus
mp_redis_slot_clear (gpointer     user_data,
                     guint64     *n_dropped,
                     MpQueueCall *call)
{
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_ASK);
  MpQueueStatus   status;

  mp_redis_prepare_clear (request);
  status = mp_redis_call (user_data, request, call);
  *n_dropped = request->n_dropped;
  mp_redis_request_free (request);
  return status;
}

MpQueueStatus
mp_redis_slot_begin_batch (gpointer     user_data,
                           MpQueueCall *call)
{
  MpQueueStatus status;
  g_autoptr (MpReply) reply = ask (user_data, "mp1_batch", NULL, call, &status);

  return reply != NULL ? judge (user_data, reply, call) : status;
}

MpQueueStatus
mp_redis_slot_count (gpointer       user_data,
                     MpQueueCounts *counts,
                     MpQueueCall   *call)
{
  MpRedisQueue *self = user_data;
  MpRedisState  state;

  mp_redis_lock (self);
  state = self->watch.state;
  g_mutex_unlock (&self->mutex);
  if (state.at < 0 || g_get_monotonic_time () - state.at > STATE_AGE_US)
    {
      MpQueueStatus status;
      g_autoptr (MpReply) reply =
        ask (self, "mp1_state", make_arguments (g_strdup ("0"), NULL), call, &status);

      if (reply != NULL)
        status = judge (self, reply, call);
      if (status != MP_QUEUE_OK)
        return status;
      mp_redis_lock (self);
      mp_redis_watch_read (self, reply);
      state = self->watch.state;
      state.size += self->get.stash.length;
      g_mutex_unlock (&self->mutex);
    }
  *counts = (MpQueueCounts){
    .size = (guint32) state.size,
    .n_unfinished = mp_redis_is_acknowledged (self) ? (guint32) state.n_unfinished : 0,
    .n_bytes = (guint64) state.n_bytes,
    .n_total = (guint64) MAX (state.n_total, 0),
    .n_dropped = (guint64) state.n_dropped,
  };
  return MP_QUEUE_OK;
}

/* --- Dead letters -------------------------------------------------------------------- */

/* Fetches a large payload, which has its own key.  Returns NULL with @status set on failure. */
static MpReply *
fetch (MpRedisQueue  *self,
       gint64         id,
       MpQueueCall   *call,
       MpQueueStatus *status)
{
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_ASK);
  MpReply        *reply;

  request->arguments = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (request->arguments, mp_redis_make_key (self, "y:", id));
  *status = mp_redis_call (self, request, call);
  reply = g_steal_pointer (&request->reply);
  mp_redis_request_free (request);
  return reply;
}

/* Asks for a dead letter.  Returns NULL with @status set if there is none. */
static MpReply *
ask_for_dead (MpRedisQueue  *self,
              const guint64 *serial,
              gint64        *id,
              guint32       *n_deliveries,
              MpQueueCall   *call,
              MpQueueStatus *status)
{
  GPtrArray *wanted =
    serial != NULL ? make_arguments (g_strdup_printf ("%" PRId64, (gint64) *serial), NULL) : NULL;
  g_autoptr (MpReply) reply = ask (self, "mp1_dead", wanted, call, status);

  if (reply != NULL)
    *status = judge (self, reply, call);
  if (reply == NULL || *status != MP_QUEUE_OK)
    return NULL;
  *id = mp_reply_get_integer (mp_reply_get (reply, 1), 0);
  *n_deliveries = (guint32) mp_reply_get_integer (mp_reply_get (reply, 2), 0);
  return g_steal_pointer (&reply);
}

static MpQueueStatus
get_dead_once (MpRedisQueue    *self,
               const guint64   *serial,
               MpQueueDelivery *delivery,
               MpQueueCall     *call)
{
  MpQueueStatus status;
  guint32       n = 0;
  gint64        id = 0;
  g_autoptr (MpReply) reply = ask_for_dead (self, serial, &id, &n, call, &status);
  const MpReply *entry;
  g_autoptr (MpReply) large = NULL;
  MpRedisArrived arrived = { .id = id, .offset = 1 };

  if (reply == NULL)
    return status;
  entry = mp_reply_get (reply, 3);
  if (entry->type == MP_REPLY_STRING && entry->length > 0)
    {
      arrived.tag = (guint8) entry->string[0];
      arrived.size = entry->length - 1;
      if (arrived.tag >= MP_REDIS_LARGE)
        {
          large = fetch (self, id, call, &status);
          if (large == NULL)
            return status;
          arrived.tag &= (guint8) ~MP_REDIS_LARGE;
          arrived.offset = 0;
          arrived.size = large->length;
          entry = large;
        }
    }
  status = mp_redis_finish_dead (self, MP_REDIS_TAKE_DEAD, id, n, call);
  if (status != MP_QUEUE_OK)
    return status;
  if (entry->type != MP_REPLY_STRING)
    return MP_QUEUE_STALE;

  arrived.bytes = g_memdup2 (entry->string, entry->length + 1);
  mp_redis_place (&arrived, delivery);
  g_free (arrived.bytes);
  delivery->token = (MpQueueToken){ 0, n, (guint64) id };
  return MP_QUEUE_OK;
}

MpQueueStatus
mp_redis_slot_get_dead (gpointer         user_data,
                        const guint64   *serial,
                        MpQueueDelivery *delivery,
                        MpQueueCall     *call)
{
  MpQueueStatus status;

  do
    status = get_dead_once (user_data, serial, delivery, call);
  while (status == MP_QUEUE_STALE);
  return status;
}

static MpQueueStatus
requeue_once (MpRedisQueue  *self,
              const guint64 *serial,
              MpQueueCall   *call)
{
  MpQueueStatus status;
  guint32       n = 0;
  gint64        id = 0;
  g_autoptr (MpReply) reply = ask_for_dead (self, serial, &id, &n, call, &status);

  if (reply == NULL)
    return status;
  if (mp_reply_get_integer (mp_reply_get (reply, 4), 0) != 0)
    return MP_QUEUE_CLOSED;
  return mp_redis_finish_dead (self, MP_REDIS_REQUEUE_DEAD, id, n, call);
}

MpQueueStatus
mp_redis_slot_requeue (gpointer       user_data,
                       const guint64 *serial,
                       MpQueueCall   *call)
{
  MpQueueStatus status;

  do
    status = requeue_once (user_data, serial, call);
  while (status == MP_QUEUE_STALE);
  return status;
}

MpQueueStatus
mp_redis_remove (MpRedisQueue *self,
                 MpQueueCall  *call)
{
  MpQueueStatus status;
  g_autoptr (MpReply) reply = ask (self, "mp1_remove", NULL, call, &status);

  return reply != NULL ? MP_QUEUE_OK : status;
}
