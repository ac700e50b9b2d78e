/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-deadline.h"
#include "mp-error.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>
#include <sys/eventfd.h>

/* Functions for all requests, and the lane of questions. */

MpRedisRequest *
mp_redis_request_new (MpRedisRequestKind kind)
{
  MpRedisRequest *self = g_new0 (MpRedisRequest, 1);

  self->kind = kind;
  self->link.data = self;
  self->leave_at = -1;
  self->wake_fd = -1;
  return self;
}

void
mp_redis_request_free (MpRedisRequest *self)
{
  g_clear_pointer (&self->arguments, g_ptr_array_unref);
  g_clear_pointer (&self->reply, mp_reply_free);
  g_clear_error (&self->error);
  g_free (self);
}

void
mp_redis_enqueue (GQueue         *queue,
                  MpRedisRequest *request)
{
  g_queue_push_tail_link (queue, &request->link);
  request->is_queued = TRUE;
}

void
mp_redis_dequeue (GQueue         *queue,
                  MpRedisRequest *request)
{
  if (request->is_queued)
    g_queue_unlink (queue, &request->link);
  request->is_queued = FALSE;
}

void
mp_redis_limit (MpRedisQueue   *self,
                MpRedisRequest *request,
                gint64          time)
{
  if (request->leave_at < 0)
    g_ptr_array_add (self->limited, request);
  request->leave_at = time;
}

void
mp_redis_unlimit (MpRedisQueue   *self,
                  MpRedisRequest *request)
{
  if (request->leave_at >= 0)
    g_ptr_array_remove_fast (self->limited, request);
  request->leave_at = -1;
}

gint64
mp_redis_get_limit (MpRedisQueue *self)
{
  gint64 time = MP_DEADLINE_NEVER;

  for (guint i = 0; i < self->limited->len; i++)
    {
      const MpRedisRequest *request = g_ptr_array_index (self->limited, i);

      if (time < 0 || request->leave_at < time)
        time = request->leave_at;
    }
  return time;
}

void
mp_redis_end (MpRedisQueue   *self,
              MpRedisRequest *request,
              MpQueueStatus   status)
{
  mp_redis_unlimit (self, request);
  request->has_ended = TRUE;
  request->status = status;
  if (request->operation != NULL)
    {
      mp_redis_enqueue (&self->ended, request);
      mp_redis_bells_ring (self, MP_QUEUE_WAIT_ANSWERS);
    }
  else if (request->wake_fd != -1)
    {
      eventfd_write (request->wake_fd, 1);
    }
}

void
mp_redis_end_with_error (MpRedisQueue   *self,
                         MpRedisRequest *request,
                         GError         *error)
{
  request->error = error;
  mp_redis_end (self, request, MP_QUEUE_FAILED);
}

static void
end_queue (MpRedisQueue *self,
           GQueue       *requests)
{
  MpRedisRequest *request;

  while ((request = g_queue_peek_head (requests)) != NULL)
    {
      mp_redis_dequeue (requests, request);
      if (request->has_ended)
        mp_redis_request_free (request);
      else
        mp_redis_end_with_error (self, request, g_error_copy (self->link.error));
    }
}

static void
end_finishes (MpRedisQueue *self,
              GArray       *entries)
{
  for (guint i = 0; i < entries->len; i++)
    {
      MpRedisRequest *request = g_array_index (entries, MpRedisFinish, i).request;

      if (request == NULL || request->has_ended)
        continue;
      mp_redis_end_with_error (self, request, g_error_copy (self->link.error));
    }
  g_array_set_size (entries, 0);
}

void
mp_redis_end_all (MpRedisQueue *self)
{
  g_array_set_size (self->put.batch, 0);
  self->put.n_batch = 0;
  end_queue (self, &self->put.requests);
  end_queue (self, &self->get.requests);
  end_queue (self, &self->watch.requests);
  end_queue (self, &self->asks);
  end_finishes (self, self->finish.batch);
  end_finishes (self, self->finish.waiting);
  mp_redis_bells_ring (self, MP_QUEUE_WAIT_ITEMS);
  mp_redis_bells_ring (self, MP_QUEUE_WAIT_SPACE);
  mp_redis_bells_ring (self, MP_QUEUE_WAIT_DONE);
}

void
mp_redis_judge_gone (MpRedisQueue *self,
                     gint64        status)
{
  if (status == MP_REDIS_CLOSED)
    mp_redis_link_fail (&self->link,
                        g_error_new_literal (MP_ERROR, MP_ERROR_CLOSED,
                                             _ ("The queue was removed")));
  else if (status == MP_REDIS_GONE)
    mp_redis_link_fail (&self->link,
                        g_error_new_literal (MP_ERROR, MP_ERROR_DAMAGED,
                                             _ ("The server does not have the queue any more")));
  else
    mp_redis_link_refuse (&self->link);
}

gint64
mp_redis_draw_nap (gint64 mean_us)
{
  const double drawn = -log (1 - g_random_double ()) * (double) mean_us;

  return (gint64) CLAMP (drawn, 1000, 8 * (double) mean_us);
}

/* --- Questions ----------------------------------------------------------------------- */

static MpRedisRequest *
find_asked (MpRedisQueue *self)
{
  for (GList *l = self->asks.head; l != NULL; l = l->next)
    if (((MpRedisRequest *) l->data)->is_sent)
      return l->data;
  return NULL;
}

static void
read_answer (MpRedisQueue   *self,
             MpRedisRequest *request,
             const MpReply  *reply)
{
  switch (request->read (request, reply))
    {
    case MP_REDIS_ANSWER_AGAIN:
      request->is_sent = FALSE;
      mp_redis_enqueue (&self->asks, request);
      break;
    case MP_REDIS_ANSWER_GONE:
      mp_redis_enqueue (&self->asks, request);
      mp_redis_judge_gone (self, mp_reply_get_integer (mp_reply_get (reply, 0), -1));
      break;
    case MP_REDIS_ANSWER_END:
    default:
      mp_redis_end (self, request, MP_QUEUE_OK);
    }
}

/* Answers come in the order of the questions; the caller of one may have left. */
static void
ask_reply (gpointer owner,
           MpReply *reply)
{
  MpRedisQueue   *self = owner;
  MpRedisRequest *request = find_asked (self);

  if (request == NULL)
    return;
  mp_redis_dequeue (&self->asks, request);
  if (request->has_ended)
    {
      mp_redis_request_free (request);
      return;
    }
  mp_redis_watch_touch (self);
  if (request->read != NULL)
    {
      read_answer (self, request, reply);
      return;
    }
  request->reply = g_memdup2 (reply, sizeof *reply);
  memset (reply, 0, sizeof *reply);
  mp_redis_end (self, request, MP_QUEUE_OK);
}

/* If the question was sent, a substitute takes its place, since its answer will come. */
void
mp_redis_ask_remove (MpRedisQueue   *self,
                     MpRedisRequest *request)
{
  MpRedisRequest *substitute;

  if (request->is_sent && request->is_queued)
    {
      substitute = mp_redis_request_new (MP_REDIS_ASK);
      substitute->is_sent = substitute->has_ended = TRUE;
      substitute->is_queued = TRUE;
      g_queue_insert_before_link (&self->asks, &request->link, &substitute->link);
    }
  mp_redis_dequeue (&self->asks, request);
}

static void
send_ask (MpRedisQueue   *self,
          MpRedisRequest *request)
{
  GByteArray *out;

  if (request->function != NULL)
    out = mp_redis_begin_call (self, request->function, request->arguments->len);
  else
    {
      out = mp_redis_link_get_out (&self->link);
      mp_command_begin (out, 1 + request->arguments->len);
      mp_command_add (out, "GET", 3);
    }
  for (guint i = 0; i < request->arguments->len; i++)
    mp_command_add_string (out, g_ptr_array_index (request->arguments, i));
  mp_redis_link_expect (&self->link, ask_reply, FALSE);
  request->is_sent = TRUE;
}

void
mp_redis_ask_run (MpRedisQueue *self)
{
  for (GList *l = self->asks.head; l != NULL; l = l->next)
    if (!((MpRedisRequest *) l->data)->is_sent)
      send_ask (self, l->data);
}

/* Called when the link went down.  Questions whose callers have left are not sent again. */
void
mp_redis_ask_down (MpRedisQueue *self)
{
  GList *next;

  for (GList *l = self->asks.head; l != NULL; l = next)
    {
      MpRedisRequest *request = l->data;

      next = l->next;
      request->is_sent = FALSE;
      if (!request->has_ended)
        continue;
      mp_redis_dequeue (&self->asks, request);
      mp_redis_request_free (request);
    }
}

void
mp_redis_send_leave (MpRedisQueue *self,
                     guint         conditions)
{
  if (!mp_redis_is_up (self))
    return;
  mp_command_add_integer (mp_redis_begin_call (self, "mp1_leave", 1), conditions);
  mp_redis_link_expect (&self->link, NULL, FALSE);
}
