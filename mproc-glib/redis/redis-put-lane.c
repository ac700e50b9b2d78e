/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-deadline.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* The lane of puts.  Each message has a number, and the server remembers the last one of each
 * session, so sending a batch again after the link was down stores nothing twice.  One batch is
 * under way at a time; what is submitted meanwhile becomes the next one.
 *
 * If a caller leaves while its messages are under way, their segment stays in the batch, without a
 * request, until the server has said how many of them it stored: the numbers of later messages
 * depend on that. */

/* How often to try again without a push while the queue is full; and while the server has no
 * memory. */
#define NAP_US       (1000 * 1000)
#define NO_MEMORY_US (200 * 1000)

/* When the key of a large payload expires if no message refers to it, in seconds. */
#define LARGE_TTL "3600"

static void
write_entry (GByteArray        *out,
             const MpQueueItem *item)
{
  const guint at = out->len + 1;

  g_byte_array_append (out, &item->tag, 1);
  g_byte_array_set_size (out, (guint) (at + item->size));
  mp_queue_item_store (item, out->data + at);
}

static void
write_small (GByteArray        *out,
             const MpQueueItem *item)
{
  mp_command_begin_argument (out, item->size + 1);
  write_entry (out, item);
  mp_command_end_argument (out);
}

static void
set_reply (gpointer owner,
           MpReply *reply)
{
  MpRedisQueue *self = owner;

  if (reply->type != MP_REPLY_ERROR)
    return;
  if (!g_str_has_prefix (mp_reply_get_string (reply), "OOM"))
    {
      mp_redis_link_judge (&self->link, reply);
      return;
    }
  g_free (self->put.out_of_memory);
  self->put.out_of_memory = g_utf8_make_valid (mp_reply_get_string (reply), -1);
}

/* Sets a key with the payload; the message refers to it. */
static void
send_large (MpRedisQueue      *self,
            const MpQueueItem *item,
            guint64            number)
{
  GByteArray      *out = mp_redis_link_get_out (&self->link);
  g_autofree char *letters = g_strdup_printf ("t:%s:", self->session);
  g_autofree char *key = mp_redis_make_key (self, letters, (gint64) number);
  guint            at;

  mp_command_begin (out, 5);
  mp_command_add_string (out, "SET");
  mp_command_add_string (out, key);
  mp_command_begin_argument (out, item->size);
  at = out->len;
  g_byte_array_set_size (out, (guint) (at + item->size));
  mp_queue_item_store (item, out->data + at);
  mp_command_end_argument (out);
  mp_command_add_string (out, "EX");
  mp_command_add_string (out, LARGE_TTL);
  mp_redis_link_expect (&self->link, set_reply, TRUE);
}

static void
write_large (MpRedisQueue      *self,
             GByteArray        *out,
             const MpQueueItem *item,
             guint64            number)
{
  g_autofree char *letters = g_strdup_printf ("t:%s:", self->session);
  g_autofree char *key = mp_redis_make_key (self, letters, (gint64) number);
  g_autofree char *entry = g_strdup_printf ("%c%" G_GSIZE_FORMAT " %s",
                                            (char) (item->tag | MP_REDIS_LARGE), item->size, key);

  mp_command_add_string (out, entry);
}

/* --- The batch ----------------------------------------------------------------------- */

static MpRedisSegment *
get_segment (MpRedisQueue *self,
             guint         index)
{
  return &g_array_index (self->put.batch, MpRedisSegment, index);
}

static gboolean
is_under_way (MpRedisQueue *self)
{
  return self->put.n_batch > 0;
}

/* Chooses what is sent next.  Returns whether a request of it may wait.  While the lane is parked,
 * only those that may not wait are sent, to be refused. */
static gboolean
choose_batch (MpRedisQueue *self)
{
  gboolean is_patient = FALSE;
  gsize    n_bytes = 0;

  for (GList *l = self->put.requests.head; l != NULL; l = l->next)
    {
      MpRedisRequest *request = l->data;
      MpRedisSegment  segment = { request, 0 };
      guint           i = request->n_done;

      if (self->put.is_parked && request->is_patient)
        continue;
      while (i < request->n && self->put.n_batch < MP_REDIS_BATCH &&
             (self->put.n_batch == 0 || n_bytes + request->items[i].size <= MP_REDIS_BATCH_BYTES))
        {
          n_bytes += request->items[i++].size;
          segment.count++;
          self->put.n_batch++;
        }
      if (segment.count == 0)
        break;
      request->n_sent = segment.count;
      is_patient |= request->is_patient;
      g_array_append_val (self->put.batch, segment);
    }
  return is_patient;
}

static gboolean
is_large (const MpQueueItem *item)
{
  return item->size > MP_REDIS_LARGE_SIZE;
}

static void put_reply (gpointer owner,
                       MpReply *reply);

static void replicas_reply (gpointer owner,
                            MpReply *reply);

/* Sends a WAIT, which the server answers when enough replicas have the batch, or after a
 * timeout. */
static void
wait_for_replicas (MpRedisQueue *self)
{
  GByteArray *out = mp_redis_link_get_out (&self->link);

  mp_command_begin (out, 3);
  mp_command_add_string (out, "WAIT");
  mp_command_add_integer (out, self->uri->replicas);
  mp_command_add_integer (out, MAX (self->uri->timeout_us / 2000, 1));
  mp_redis_link_expect (&self->link, replicas_reply, FALSE);
}

static void
send_batch (MpRedisQueue *self)
{
  const gboolean is_patient = choose_batch (self);
  guint64        first_large = self->put.n_large;
  GByteArray    *out;

  if (self->put.n_batch == 0)
    return;

  g_clear_pointer (&self->put.out_of_memory, g_free);
  for (guint s = 0; s < self->put.batch->len; s++)
    for (guint i = 0; i < get_segment (self, s)->count; i++)
      {
        const MpRedisRequest *request = get_segment (self, s)->request;

        if (is_large (&request->items[request->n_done + i]))
          send_large (self, &request->items[request->n_done + i], self->put.n_large++);
      }

  out = mp_redis_begin_call (self, "mp1_put", 3 + self->put.n_batch);
  mp_command_add_integer (out, self->epoch);
  mp_command_add_integer (out, self->put.next);
  mp_command_add_string (out, is_patient ? "1" : "0");
  for (guint s = 0; s < self->put.batch->len; s++)
    for (guint i = 0; i < get_segment (self, s)->count; i++)
      {
        const MpRedisRequest *request = get_segment (self, s)->request;
        const MpQueueItem    *item = &request->items[request->n_done + i];

        if (is_large (item))
          write_large (self, out, item, first_large++);
        else
          write_small (out, item);
      }
  mp_redis_link_expect (&self->link, put_reply, TRUE);
  self->put.was_pushed = FALSE;
  self->put.answer = -1;
  if (self->uri->replicas > 0)
    wait_for_replicas (self);
}

static void
end_request (MpRedisQueue   *self,
             MpRedisRequest *request,
             MpQueueStatus   status)
{
  mp_redis_dequeue (&self->put.requests, request);
  mp_redis_end (self, request, status);
}

static void
end_complete (MpRedisQueue   *self,
              MpRedisRequest *request)
{
  if (self->put.n_replicas >= self->uri->replicas)
    {
      end_request (self, request, MP_QUEUE_OK);
      return;
    }
  mp_redis_dequeue (&self->put.requests, request);
  mp_redis_end_with_error (self, request,
                           g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                        _ ("The message was put, but only %d of %u replicas "
                                           "confirmed it in time"),
                                        (int) self->put.n_replicas, self->uri->replicas));
}

/* Counts the first @n_stored messages as done for their requests, and empties the batch. */
static void
end_batch (MpRedisQueue *self,
           guint         n_stored,
           gboolean      is_full)
{
  for (guint s = 0; s < self->put.batch->len; s++)
    {
      MpRedisSegment *segment = get_segment (self, s);
      MpRedisRequest *request = segment->request;
      const guint     n = MIN (segment->count, n_stored);

      n_stored -= n;
      if (request == NULL)
        continue;
      request->n_done += n;
      request->n_sent = 0;
      if (request->n_done == request->n)
        end_complete (self, request);
      else if (is_full && !request->is_patient)
        end_request (self, request, MP_QUEUE_FULL);
    }
  g_array_set_size (self->put.batch, 0);
  self->put.n_batch = 0;
}

static void
park (MpRedisQueue *self,
      gint64        nap_us)
{
  self->put.is_parked = TRUE;
  self->put.nap_at = g_get_monotonic_time () + nap_us;
}

static void
end_lane (MpRedisQueue *self,
          MpQueueStatus status)
{
  MpRedisRequest *request;

  while ((request = g_queue_peek_head (&self->put.requests)) != NULL)
    end_request (self, request, status);
}

static GError *
make_memory_error (MpRedisQueue *self)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("The server has no memory: %s"),
                      self->put.out_of_memory);
}

/* The server has no memory.  Requests that may not wait fail; the others wait, as for room. */
static void
suffer_no_memory (MpRedisQueue *self)
{
  GList *next;

  for (GList *l = self->put.requests.head; l != NULL; l = next)
    {
      MpRedisRequest *request = l->data;

      next = l->next;
      if (request->is_patient)
        continue;
      mp_redis_dequeue (&self->put.requests, request);
      mp_redis_end_with_error (self, request, make_memory_error (self));
    }
  park (self, NO_MEMORY_US);
}

static void
take_answer (MpRedisQueue *self,
             gint64        answer)
{
  const gint64 status = answer & 15;
  const guint  n_stored = (guint) (answer >> 4);

  self->put.next += n_stored;
  mp_redis_watch_touch (self);
  end_batch (self, n_stored, status == MP_REDIS_SHORT);
  /* A push for new room may arrive before this answer, which says that there is none. */
  if (status == MP_REDIS_SHORT && !self->put.was_pushed)
    park (self, mp_redis_draw_nap (NAP_US));
  else if (status == MP_REDIS_CLOSED)
    end_lane (self, MP_QUEUE_CLOSED);
  else if (status == MP_REDIS_MISSING && self->put.out_of_memory != NULL)
    suffer_no_memory (self);
  else if (status == MP_REDIS_GONE)
    mp_redis_judge_gone (self, status);
}

static void
put_reply (gpointer owner,
           MpReply *reply)
{
  MpRedisQueue *self = owner;
  const gint64  answer = mp_reply_get_integer (reply, -1);
  const gint64  status = answer & 15;

  if (reply->type == MP_REPLY_ERROR)
    {
      set_reply (self, reply);
      if (!mp_redis_is_up (self))
        return;
      end_batch (self, 0, FALSE);
      suffer_no_memory (self);
    }
  else if (answer < 0 || (answer >> 4) > self->put.n_batch || status == MP_REDIS_GAP ||
           status == MP_REDIS_LATE)
    mp_redis_link_refuse (&self->link);
  else if (self->uri->replicas > 0)
    self->put.answer = answer;
  else
    take_answer (self, answer);
}

static void
replicas_reply (gpointer owner,
                MpReply *reply)
{
  MpRedisQueue *self = owner;
  const gint64  answer = self->put.answer;

  self->put.answer = -1;
  self->put.n_replicas = CLAMP (mp_reply_get_integer (reply, 0), 0, G_MAXINT);
  if (answer >= 0)
    take_answer (self, answer);
}

void
mp_redis_put_run (MpRedisQueue *self)
{
  if (self->put.is_parked && mp_deadline_has_passed (self->put.nap_at))
    self->put.is_parked = FALSE;
  if (self->put.requests.length > 0 && !is_under_way (self))
    send_batch (self);
}

void
mp_redis_put_push (MpRedisQueue *self)
{
  self->put.was_pushed = TRUE;
  self->put.is_parked = FALSE;
}

/* Called when the link went down.  The batch is kept until the server says how much of it is
 * stored. */
void
mp_redis_put_down (MpRedisQueue *self)
{
  self->put.is_parked = FALSE;
}

void
mp_redis_put_resume (MpRedisQueue *self,
                     gint64        last)
{
  const gint64 n_stored = last + 1 - self->put.next;

  self->put.answer = -1;
  if (self->uri->replicas > 0 && n_stored > 0 && n_stored <= self->put.n_batch)
    {
      self->put.answer = n_stored << 4 | MP_REDIS_OK;
      wait_for_replicas (self);
      return;
    }
  end_batch (self, (guint) CLAMP (n_stored, 0, (gint64) self->put.n_batch), FALSE);
  self->put.next = last + 1;
}

static void
stop_waiting (MpRedisQueue *self)
{
  if (!self->put.is_parked || self->put.requests.length > 0)
    return;
  self->put.is_parked = FALSE;
  mp_redis_send_leave (self, MP_REDIS_ROOM);
}

gboolean
mp_redis_put_remove (MpRedisQueue   *self,
                     MpRedisRequest *request)
{
  if (request->n_sent > 0)
    return FALSE;
  mp_redis_dequeue (&self->put.requests, request);
  stop_waiting (self);
  return TRUE;
}

void
mp_redis_put_abandon (MpRedisQueue   *self,
                      MpRedisRequest *request)
{
  for (guint s = 0; s < self->put.batch->len; s++)
    if (get_segment (self, s)->request == request)
      get_segment (self, s)->request = NULL;
  mp_redis_dequeue (&self->put.requests, request);
}
