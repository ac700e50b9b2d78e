/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "plain-backend.h"

#include "mp-error.h"
#include "queue/queue-backends.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A reply is available only at the second check. */
#define TURNS 2

typedef struct
{
  guint64 serial;
  guint   n_deliveries;
  GBytes *bytes;
  guint8  tag;
  double  fraction;
  char    text[MP_QUEUE_PROGRESS_SIZE];
} Message;

typedef struct
{
  MpQueueSettings settings;
  GMutex          mutex;
  GCond           changed;
  gboolean        is_shut_down;
  gboolean        is_closed; /* by its only user */

  GQueue  queued; /* returned ones first, oldest first */
  GQueue  held;
  GQueue  dead;
  guint64 n_bytes;
  guint64 n_total, n_done, n_consumed;
  guint64 n_before, n_dropped;

  GQueue bells;
  GQueue operations; /* Pending */
} Plain;

typedef struct
{
  MpQueueOperation *operation;
  int               turns;
} Pending;

static int n_gets_begun;

struct _MpQueueBell
{
  MpQueueCondition condition;
  int              fd;
};

/* --- Messages, with the mutex ------------------------------------------------------------ */

static void
free_message (gpointer data)
{
  Message *message = data;

  g_bytes_unref (message->bytes);
  g_free (message);
}

static void
ring (Plain *self)
{
  const guint64 one = 1;

  for (GList *l = self->bells.head; l != NULL; l = l->next)
    g_assert_cmpint (write (((MpQueueBell *) l->data)->fd, &one, sizeof one), ==, sizeof one);
  g_cond_broadcast (&self->changed);
}

static gboolean
is_acknowledged (Plain *self)
{
  return self->settings.mode == MP_QUEUE_MODE_ACKNOWLEDGED;
}

static gboolean
is_drained (Plain *self)
{
  return self->is_shut_down && self->queued.length == 0;
}

static gboolean
has_room (Plain *self,
          gsize  size)
{
  return (self->settings.max_size == 0 || self->queued.length < self->settings.max_size) &&
         self->n_bytes + size <= self->settings.max_bytes;
}

static Message *
find_held (Plain              *self,
           const MpQueueToken *token)
{
  for (GList *l = self->held.head; l != NULL; l = l->next)
    {
      Message *message = l->data;

      if (message->serial == token->serial && message->n_deliveries == token->n_deliveries)
        return message;
    }
  return NULL;
}

static int
compare_age (gconstpointer a,
             gconstpointer b,
             gpointer      user_data)
{
  const Message *first = a, *second = b;

  return first->serial < second->serial ? -1 : 1;
}

static Message *
find_front (Plain *self)
{
  Message *message;

  while ((message = g_queue_peek_head (&self->queued)) != NULL)
    {
      if (!is_acknowledged (self) || self->settings.max_deliveries == 0 ||
          message->n_deliveries < self->settings.max_deliveries)
        return message;
      g_queue_pop_head (&self->queued);
      self->n_bytes -= g_bytes_get_size (message->bytes);
      self->n_done++;
      g_queue_push_tail (&self->dead, message);
      ring (self);
    }
  return NULL;
}

static void
copy_out (const Message   *message,
          MpQueueDelivery *delivery)
{
  const guint8 *data = g_bytes_get_data (message->bytes, &delivery->size);

  delivery->tag = message->tag;
  delivery->data = delivery->size <= delivery->capacity ? delivery->buffer
                                                        : g_malloc (delivery->size);
  if (delivery->size > 0)
    memcpy (delivery->data, data, delivery->size);
}

static void
take_front (Plain           *self,
            MpQueueDelivery *delivery)
{
  Message *message = g_queue_pop_head (&self->queued);

  self->n_bytes -= g_bytes_get_size (message->bytes);
  delivery->token = (MpQueueToken){ 0 };
  if (is_acknowledged (self))
    {
      message->n_deliveries++;
      message->fraction = -1;
      delivery->token = (MpQueueToken){ 1, message->n_deliveries, message->serial };
      g_queue_push_tail (&self->held, message);
    }
  else
    free_message (message);
  ring (self);
}

/* --- What is tried, with the mutex ------------------------------------------------------- */

static MpQueueStatus
put_now (Plain             *self,
         const MpQueueItem *item)
{
  Message *message;
  guint8  *data;

  if (item->size > self->settings.max_bytes)
    return MP_QUEUE_TOO_LARGE;
  if (self->is_shut_down || self->is_closed)
    return MP_QUEUE_CLOSED;
  if (!has_room (self, item->size))
    return MP_QUEUE_FULL;

  message = g_new0 (Message, 1);
  message->serial = ++self->n_total;
  data = g_malloc (MAX (1, item->size));
  mp_queue_item_store (item, data);
  message->bytes = g_bytes_new_take (data, item->size);
  message->tag = item->tag;
  g_queue_push_tail (&self->queued, message);
  self->n_bytes += item->size;
  ring (self);
  return MP_QUEUE_OK;
}

static gboolean
begins_with_prefix (Message               *message,
                    const MpQueueAccepted *accepted)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (message->bytes, &size);

  return (accepted->by_prefix & MP_QUEUE_TAG (message->tag)) != 0 &&
         size >= accepted->prefix_size &&
         memcmp (data, accepted->prefix, accepted->prefix_size) == 0;
}

static MpQueueStatus
get_now (Plain                 *self,
         const MpQueueAccepted *accepted,
         gboolean               is_first,
         MpQueueDelivery       *delivery)
{
  Message *message = find_front (self);
  guint32  bit;

  if (self->is_closed)
    return MP_QUEUE_CLOSED;
  if (message == NULL)
    return is_drained (self) && self->held.length == 0 ? MP_QUEUE_CLOSED : MP_QUEUE_EMPTY;

  bit = MP_QUEUE_TAG (message->tag);
  delivery->tag = message->tag;
  delivery->size = g_bytes_get_size (message->bytes);
  delivery->token = (MpQueueToken){ 0 };
  delivery->tentative = FALSE;
  if (delivery->only_buffer && delivery->size > delivery->capacity)
    return MP_QUEUE_TOO_SHORT;
  if ((accepted->any & bit) == 0 &&
      (!is_first || ((accepted->sound | accepted->by_content) & bit) == 0))
    return MP_QUEUE_OTHER_FORM;

  copy_out (message, delivery);
  delivery->tentative = (accepted->any & bit) == 0 && !begins_with_prefix (message, accepted);
  delivery->position = message->serial;
  if (!delivery->tentative)
    take_front (self, delivery);
  return MP_QUEUE_OK;
}

static MpQueueStatus
settle_now (Plain           *self,
            MpQueueDelivery *delivery,
            gboolean         take)
{
  Message *message = find_front (self);

  delivery->tentative = FALSE;
  if (message == NULL || message->serial != delivery->position)
    return MP_QUEUE_STALE;
  if (take)
    take_front (self, delivery);
  return MP_QUEUE_OK;
}

static gboolean
holds (Plain           *self,
       MpQueueCondition condition)
{
  switch (condition)
    {
    case MP_QUEUE_WAIT_ITEMS:
      return self->queued.length > 0 || is_drained (self) || self->is_closed;
    case MP_QUEUE_WAIT_SPACE:
      return has_room (self, 0) || self->is_shut_down || self->is_closed;
    case MP_QUEUE_WAIT_DONE:
      return self->n_done == self->n_total;
    case MP_QUEUE_WAIT_NEWS:
    case MP_QUEUE_WAIT_ANSWERS:
    default:
      return FALSE;
    }
}

static gboolean
is_busy (MpQueueStatus status)
{
  return status == MP_QUEUE_EMPTY || status == MP_QUEUE_FULL || status == MP_QUEUE_TIMED_OUT;
}

/* --- Waiting ----------------------------------------------------------------------------- */

static void
wake_cb (GCancellable *cancellable,
         gpointer      user_data)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

typedef MpQueueStatus (*Attempt) (Plain   *self,
                                  gpointer data);

static MpQueueStatus
wait_until (Plain       *self,
            MpQueueCall *call,
            Attempt      attempt,
            gpointer     data)
{
  gint64        end = call->timeout_us < 0 ? G_MAXINT64
                                           : g_get_monotonic_time () + call->timeout_us;
  gulong        id = 0;
  MpQueueStatus status;

  if (call->cancellable != NULL)
    id = g_signal_connect (call->cancellable, "cancelled", G_CALLBACK (wake_cb), self);
  g_mutex_lock (&self->mutex);
  while (is_busy (status = attempt (self, data)) && call->timeout_us != 0)
    {
      if (call->cancellable != NULL && g_cancellable_is_cancelled (call->cancellable))
        {
          status = MP_QUEUE_CANCELLED;
          break;
        }
      if (call->timeout_us < 0)
        g_cond_wait (&self->changed, &self->mutex);
      else if (!g_cond_wait_until (&self->changed, &self->mutex, end))
        {
          status = attempt (self, data);
          break;
        }
    }
  g_mutex_unlock (&self->mutex);
  if (id != 0)
    g_signal_handler_disconnect (call->cancellable, id);
  return status;
}

typedef struct
{
  const MpQueueItem *items;
  guint              n_items;
  guint              n_put;
} Put;

static MpQueueStatus
try_put (Plain   *self,
         gpointer data)
{
  Put          *put = data;
  MpQueueStatus status = MP_QUEUE_OK;

  for (; put->n_put < put->n_items; put->n_put++)
    if ((status = put_now (self, &put->items[put->n_put])) != MP_QUEUE_OK)
      break;
  return status;
}

static MpQueueStatus
plain_put (gpointer           self,
           const MpQueueItem *items,
           guint              n_items,
           MpQueueCall       *call,
           guint             *n_put)
{
  Put           put = { items, n_items, 0 };
  MpQueueStatus status = MP_QUEUE_OK;

  for (guint i = 0; i < n_items && status == MP_QUEUE_OK; i++)
    if (items[i].size > ((Plain *) self)->settings.max_bytes)
      status = MP_QUEUE_TOO_LARGE;
  if (status == MP_QUEUE_OK)
    status = wait_until (self, call, try_put, &put);
  *n_put = put.n_put;
  return status;
}

typedef struct
{
  MpQueueDelivery       *deliveries;
  guint                  n;
  const MpQueueAccepted *accepted;
  guint                  n_got;
} Get;

static MpQueueStatus
try_get (Plain   *self,
         gpointer data)
{
  Get          *get = data;
  MpQueueStatus status = MP_QUEUE_OK;

  while (status == MP_QUEUE_OK && get->n_got < get->n &&
         (get->n_got == 0 || !get->deliveries[0].tentative))
    {
      if (get->n_got > 0)
        mp_queue_delivery_follow (&get->deliveries[get->n_got], &get->deliveries[get->n_got - 1]);
      status = get_now (self, get->accepted, get->n_got == 0, &get->deliveries[get->n_got]);
      get->n_got += status == MP_QUEUE_OK;
    }
  return get->n_got > 0 ? MP_QUEUE_OK : status;
}

static MpQueueStatus
plain_get (gpointer               self,
           MpQueueDelivery       *deliveries,
           guint                  n,
           const MpQueueAccepted *accepted,
           MpQueueCall           *call,
           guint                 *n_got)
{
  Get           get = { deliveries, n, accepted, 0 };
  MpQueueStatus status = wait_until (self, call, try_get, &get);

  *n_got = get.n_got;
  return status;
}

static MpQueueStatus
plain_settle (gpointer         user_data,
              MpQueueDelivery *delivery,
              gboolean         take,
              MpQueueCall     *call)
{
  Plain        *self = user_data;
  MpQueueStatus status;

  g_mutex_lock (&self->mutex);
  status = settle_now (self, delivery, take);
  g_mutex_unlock (&self->mutex);
  return status;
}

static MpQueueStatus
try_condition (Plain   *self,
               gpointer data)
{
  const MpQueueCondition condition = *(MpQueueCondition *) data;

  if (!holds (self, condition))
    return MP_QUEUE_TIMED_OUT;
  return condition == MP_QUEUE_WAIT_DONE && self->n_dropped > 0 ? MP_QUEUE_DROPPED : MP_QUEUE_OK;
}

static MpQueueStatus
plain_wait (gpointer         self,
            MpQueueCondition condition,
            MpQueueCall     *call)
{
  return wait_until (self, call, try_condition, &condition);
}

/* --- What was got ------------------------------------------------------------------------ */

/* Back to its place. */
static void
return_message (Plain   *self,
                Message *message)
{
  g_queue_insert_sorted (&self->queued, message, compare_age, NULL);
  self->n_bytes += g_bytes_get_size (message->bytes);
  ring (self);
}

static MpQueueStatus
finish_any (Plain *self)
{
  if (self->n_consumed > 0)
    self->n_consumed--;
  else if (self->held.length > 0)
    free_message (g_queue_pop_head (&self->held));
  else
    return MP_QUEUE_EMPTY;
  self->n_done++;
  ring (self);
  return MP_QUEUE_OK;
}

static MpQueueStatus
finish_now (Plain              *self,
            const MpQueueToken *token,
            MpQueueFinish       how)
{
  Message *message = find_held (self, token);

  if (message == NULL)
    return MP_QUEUE_STALE;

  g_queue_remove (&self->held, message);
  if (how == MP_QUEUE_FINISH_RETRY)
    {
      return_message (self, message);
      return MP_QUEUE_OK;
    }
  if (how == MP_QUEUE_FINISH_CONSUME)
    self->n_consumed++;
  else
    self->n_done++;
  free_message (message);
  ring (self);
  return MP_QUEUE_OK;
}

static MpQueueStatus
plain_finish (gpointer            user_data,
              const MpQueueToken *tokens,
              guint               n,
              MpQueueFinish       how,
              MpQueueStatus      *answers,
              MpQueueCall        *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < n; i++)
    {
      const MpQueueStatus answer = tokens == NULL ? finish_any (self)
                                                  : finish_now (self, &tokens[i], how);

      if (answers != NULL)
        answers[i] = answer;
    }
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

static MpQueueStatus
plain_progress (gpointer            user_data,
                const MpQueueToken *token,
                double              fraction,
                const char         *text,
                MpQueueCall        *call)
{
  Plain   *self = user_data;
  Message *message;

  g_mutex_lock (&self->mutex);
  message = find_held (self, token);
  if (message != NULL)
    {
      message->fraction = fraction;
      g_strlcpy (message->text, text != NULL ? text : "", sizeof message->text);
    }
  g_mutex_unlock (&self->mutex);
  return message != NULL ? MP_QUEUE_OK : MP_QUEUE_STALE;
}

static MpQueueStatus
plain_list (gpointer        user_data,
            MpQueueListFunc func,
            gpointer        func_data,
            MpQueueCall    *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  for (GList *l = self->held.head; l != NULL; l = l->next)
    {
      const Message  *message = l->data;
      MpQueueProgress progress = { message->serial, message->n_deliveries, getpid (),
                                   message->fraction, "" };

      g_strlcpy (progress.text, message->text, sizeof progress.text);
      func (&progress, func_data);
    }
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

/* With the mutex. */
static Message *
take_dead (Plain         *self,
           const guint64 *serial)
{
  GList   *link;
  Message *message;

  find_front (self);
  for (link = self->dead.head; link != NULL; link = link->next)
    if (serial == NULL || ((Message *) link->data)->serial == *serial)
      break;
  message = link != NULL ? link->data : NULL;
  if (link != NULL)
    g_queue_delete_link (&self->dead, link);
  return message;
}

static MpQueueStatus
plain_get_dead (gpointer         user_data,
                const guint64   *serial,
                MpQueueDelivery *delivery,
                MpQueueCall     *call)
{
  Plain   *self = user_data;
  Message *message;

  g_mutex_lock (&self->mutex);
  message = take_dead (self, serial);
  g_mutex_unlock (&self->mutex);
  if (message == NULL)
    return MP_QUEUE_EMPTY;

  copy_out (message, delivery);
  delivery->token = (MpQueueToken){ 0, message->n_deliveries, message->serial };
  free_message (message);
  return MP_QUEUE_OK;
}

static MpQueueStatus
plain_requeue (gpointer       user_data,
               const guint64 *serial,
               MpQueueCall   *call)
{
  Plain   *self = user_data;
  Message *message = NULL;
  gboolean is_shut_down;

  g_mutex_lock (&self->mutex);
  is_shut_down = self->is_shut_down;
  if (!is_shut_down)
    message = take_dead (self, serial);
  if (message != NULL)
    {
      message->n_deliveries = 0;
      self->n_done--;
      self->n_before -= self->n_before > 0;
      self->n_bytes += g_bytes_get_size (message->bytes);
      g_queue_insert_sorted (&self->queued, message, compare_age, NULL);
      ring (self);
    }
  g_mutex_unlock (&self->mutex);
  if (is_shut_down)
    return MP_QUEUE_CLOSED;
  return message != NULL ? MP_QUEUE_OK : MP_QUEUE_EMPTY;
}

/* --- The queue --------------------------------------------------------------------------- */

static void
drop_all (Plain *self)
{
  self->n_done += self->queued.length;
  self->n_dropped += self->queued.length;
  self->n_bytes = 0;
  g_queue_clear_full (&self->queued, free_message);
  ring (self);
}

static MpQueueStatus
plain_shutdown (gpointer     user_data,
                gboolean     immediate,
                MpQueueCall *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  self->is_shut_down = TRUE;
  if (immediate)
    drop_all (self);
  ring (self);
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

static MpQueueStatus
plain_clear (gpointer     user_data,
             guint64     *n_dropped,
             MpQueueCall *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  *n_dropped = self->queued.length;
  drop_all (self);
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

static MpQueueStatus
plain_begin_batch (gpointer     user_data,
                   MpQueueCall *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  self->n_before = self->n_done;
  self->n_dropped = 0;
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

static void
plain_close (gpointer user_data)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  self->is_closed = TRUE;
  ring (self);
  g_mutex_unlock (&self->mutex);
}

static MpQueueStatus
plain_count (gpointer       user_data,
             MpQueueCounts *counts,
             MpQueueCall   *call)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  *counts = (MpQueueCounts){
    .size = self->queued.length,
    .n_unfinished = is_acknowledged (self) ? (guint32) (self->n_total - self->n_done) : 0,
    .n_bytes = self->n_bytes,
    .n_total = self->n_total - self->n_before,
    .n_dropped = self->n_dropped,
  };
  g_mutex_unlock (&self->mutex);
  return MP_QUEUE_OK;
}

static gboolean
plain_check (gpointer         user_data,
             MpQueueCondition condition)
{
  Plain   *self = user_data;
  gboolean result;

  g_mutex_lock (&self->mutex);
  result = holds (self, condition);
  g_mutex_unlock (&self->mutex);
  return result;
}

static gboolean
plain_remove (const char  *uri,
              MpQueueCall *call)
{
  g_set_error (&call->error, MP_ERROR, MP_ERROR_UNSUPPORTED, "“%s” has no name", uri);
  return FALSE;
}

static gpointer
plain_open (const char            *uri,
            GUnixFDList           *descriptors,
            const MpQueueSettings *wanted,
            MpQueueCall           *call)
{
  const gboolean is_named = g_str_has_prefix (uri, "plain:joinable") ||
                            g_str_has_prefix (uri, "plain:simple");
  Plain *self;

  if (descriptors != NULL || (wanted == NULL && !is_named))
    {
      g_set_error_literal (&call->error, MP_ERROR, MP_ERROR_UNSUPPORTED, "It is of one process");
      return NULL;
    }
  self = g_new0 (Plain, 1);
  if (wanted != NULL)
    self->settings = *wanted;
  else if (g_str_equal (uri, "plain:joinable"))
    self->settings.mode = MP_QUEUE_MODE_ACKNOWLEDGED;
  if (self->settings.max_bytes == 0)
    self->settings.max_bytes = G_GUINT64_CONSTANT (1) << 32;
  return self;
}

static void
plain_free (gpointer user_data)
{
  Plain *self = user_data;

  g_assert_cmpuint (self->bells.length, ==, 0);
  g_assert_cmpuint (self->operations.length, ==, 0);
  g_queue_clear_full (&self->queued, free_message);
  g_queue_clear_full (&self->held, free_message);
  g_queue_clear_full (&self->dead, free_message);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self);
}

static void
plain_get_settings (gpointer         self,
                    MpQueueSettings *settings)
{
  *settings = ((Plain *) self)->settings;
}

static void
plain_set_spin (gpointer self,
                guint    spin_us)
{
}

/* --- Operations -------------------------------------------------------------------------- */

static void
plain_begin (gpointer          user_data,
             MpQueueOperation *operation)
{
  Plain   *self = user_data;
  Pending *pending = g_new0 (Pending, 1);

  pending->operation = operation;
  if (operation->kind == MP_QUEUE_OPERATION_GET)
    g_atomic_int_inc (&n_gets_begun);
  g_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->operations, pending);
  ring (self);
  g_mutex_unlock (&self->mutex);
}

static gboolean
plain_cancel (gpointer          user_data,
              MpQueueOperation *operation)
{
  Plain   *self = user_data;
  Pending *found = NULL;

  g_mutex_lock (&self->mutex);
  for (GList *l = self->operations.head; l != NULL && found == NULL; l = l->next)
    if (((Pending *) l->data)->operation == operation)
      found = l->data;
  if (found != NULL)
    g_queue_remove (&self->operations, found);
  g_mutex_unlock (&self->mutex);
  g_free (found);
  return found != NULL;
}

static MpQueueStatus
try_operation (Plain            *self,
               MpQueueOperation *operation)
{
  Put           put = { operation->items, operation->n, operation->n_done };
  Get           get = { operation->deliveries, operation->n, operation->accepted, 0 };
  MpQueueStatus status;

  switch (operation->kind)
    {
    case MP_QUEUE_OPERATION_PUT:
      status = try_put (self, &put);
      operation->n_done = put.n_put;
      return status;
    case MP_QUEUE_OPERATION_GET:
      status = try_get (self, &get);
      operation->n_done = get.n_got;
      return status;
    case MP_QUEUE_OPERATION_SETTLE:
      return settle_now (self, operation->deliveries, operation->take);
    case MP_QUEUE_OPERATION_WAIT:
    default:
      return try_condition (self, &operation->condition);
    }
}

/* What was got for good is made anew. */
static Message *
revive (Plain           *self,
        MpQueueDelivery *delivery)
{
  Message *message = find_held (self, &delivery->token);

  if (message != NULL)
    {
      g_queue_remove (&self->held, message);
      message->n_deliveries--;
      return message;
    }
  message = g_new0 (Message, 1);
  message->serial = delivery->position;
  message->tag = delivery->tag;
  message->bytes = g_bytes_new (delivery->data, delivery->size);
  return message;
}

static void
plain_give_back (gpointer         user_data,
                 MpQueueDelivery *deliveries,
                 guint            n)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < n; i++)
    return_message (self, revive (self, &deliveries[i]));
  g_mutex_unlock (&self->mutex);
}

/* Returns the first operation whose reply is available, or NULL.  The caller holds the mutex. */
static MpQueueOperation *
pop_answered (Plain *self)
{
  for (GList *l = self->operations.head; l != NULL; l = l->next)
    {
      Pending          *pending = l->data;
      MpQueueOperation *operation = pending->operation;

      if (pending->turns < TURNS)
        continue;
      operation->status = try_operation (self, operation);
      if (is_busy (operation->status))
        continue;
      g_queue_delete_link (&self->operations, l);
      g_free (pending);
      return operation;
    }
  return NULL;
}

static void
read_answers (Plain *self)
{
  MpQueueOperation *operation;

  g_mutex_lock (&self->mutex);
  for (GList *l = self->operations.head; l != NULL; l = l->next)
    if (((Pending *) l->data)->turns++ < TURNS)
      ring (self);
  while ((operation = pop_answered (self)) != NULL)
    {
      g_mutex_unlock (&self->mutex);
      operation->done (operation);
      g_mutex_lock (&self->mutex);
    }
  g_mutex_unlock (&self->mutex);
}

/* --- Bells ------------------------------------------------------------------------------- */

static MpQueueBell *
plain_bell_new (gpointer         user_data,
                MpQueueCondition condition,
                GError         **error)
{
  Plain       *self = user_data;
  MpQueueBell *bell = g_new0 (MpQueueBell, 1);

  bell->condition = condition;
  bell->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->bells, bell);
  g_mutex_unlock (&self->mutex);
  return bell;
}

static void
plain_bell_free (gpointer     user_data,
                 MpQueueBell *bell)
{
  Plain *self = user_data;

  g_mutex_lock (&self->mutex);
  g_queue_remove (&self->bells, bell);
  g_mutex_unlock (&self->mutex);
  close (bell->fd);
  g_free (bell);
}

static int
plain_bell_fd (MpQueueBell *bell)
{
  return bell->fd;
}

static void
plain_bell_arm (gpointer     self,
                MpQueueBell *bell,
                gboolean     rang)
{
  guint64         count;
  ssize_t ignored G_GNUC_UNUSED = read (bell->fd, &count, sizeof count);

  if (bell->condition == MP_QUEUE_WAIT_ANSWERS)
    read_answers (self);
}

static void
plain_bell_hold (MpQueueBell *bell,
                 gboolean     pending)
{
  const guint64   one = 1;
  guint64         count;
  ssize_t ignored G_GNUC_UNUSED;

  if (pending)
    ignored = write (bell->fd, &one, sizeof one);
  else
    ignored = read (bell->fd, &count, sizeof count);
}

static char *
plain_describe (gpointer     self,
                GUnixFDList *descriptors,
                GError     **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED, "It is of one process");
  return NULL;
}

static gboolean
plain_attach (gpointer self,
              GError **error)
{
  return TRUE;
}

const MpQueueBackend plain_backend = {
  .name = "plain",
  .open = plain_open,
  .remove = plain_remove,
  .free = plain_free,
  .get_settings = plain_get_settings,
  .set_spin = plain_set_spin,
  .put = plain_put,
  .get = plain_get,
  .settle = plain_settle,
  .wait = plain_wait,
  .finish = plain_finish,
  .progress = plain_progress,
  .list = plain_list,
  .get_dead = plain_get_dead,
  .requeue = plain_requeue,
  .shutdown = plain_shutdown,
  .clear = plain_clear,
  .begin_batch = plain_begin_batch,
  .close = plain_close,
  .count = plain_count,
  .check = plain_check,
  .begin = plain_begin,
  .cancel = plain_cancel,
  .give_back = plain_give_back,
  .bell_new = plain_bell_new,
  .bell_free = plain_bell_free,
  .bell_fd = plain_bell_fd,
  .bell_arm = plain_bell_arm,
  .bell_hold = plain_bell_hold,
  .describe = plain_describe,
  .attach = plain_attach,
};

int
plain_count_gets (void)
{
  const int n = g_atomic_int_get (&n_gets_begun);

  g_atomic_int_set (&n_gets_begun, 0);
  return n;
}
