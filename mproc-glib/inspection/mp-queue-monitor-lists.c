/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "base/mp-process-command.h"
#include "message/mp-message-private.h"
#include "mp-enum-types.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* The lists of a monitor: processes, tasks and messages. */

/* The longest payload that is shown; a longer one is an error, since an untrusted length must not
 * cause a large allocation. */
#define MAX_SHOWN (1 << 20)

static const char *const conditions[] = { "get", "put", "done", "news" };

G_STATIC_ASSERT (G_N_ELEMENTS (conditions) == MP_QUEUE_WAIT_ANSWERS);

/* The members of a row, which is a dictionary.  An array, since GVariantDict and GVariantBuilder
 * take longer than all else where there are many processes. */
typedef struct
{
  GVariant *members[16];
  gsize     n;
} Row;

static void
add (Row        *row,
     const char *name,
     GVariant   *value)
{
  g_return_if_fail (row->n < G_N_ELEMENTS (row->members));

  row->members[row->n++] = g_variant_new_dict_entry (g_variant_new_string (name),
                                                     g_variant_new_variant (value));
}

/* Adds the row to an array of rows. */
static void
end_row (Row       *row,
         GPtrArray *rows)
{
  g_ptr_array_add (rows, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), row->members, row->n));
}

static GVariant *
end_rows (GPtrArray *rows)
{
  return g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT,
                                                  (GVariant *const *) rows->pdata, rows->len));
}

static GVariant *
describe_waits (const MpQueueUser *user)
{
  static const char *const loops[] = { "get-loop", "put-loop", "done-loop", "news-loop" };
  const char              *waits[2 * G_N_ELEMENTS (conditions)];
  gssize                   n = 0;

  G_STATIC_ASSERT (G_N_ELEMENTS (loops) == G_N_ELEMENTS (conditions));

  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++)
    {
      if (user->is_sleeping[i])
        waits[n++] = conditions[i];
      if (user->is_armed[i])
        waits[n++] = loops[i];
    }
  return g_variant_new_strv (waits, n);
}

static void
add_user (GPtrArray          *rows,
          const MpQueueUser  *user,
          const MpProcessUse *use)
{
  g_autofree char *command = use != NULL ? mp_process_dup_command (use->pid) : NULL;
  const char      *shown = command != NULL ? command : user->program;
  Row              row = { .n = 0 };

  add (&row, "slot", g_variant_new_uint32 (user->slot));
  add (&row, "handle", g_variant_new_uint64 (user->handle));
  if (use != NULL)
    add (&row, "pid", g_variant_new_int32 (use->pid));
  if (shown != NULL && g_utf8_validate (shown, -1, NULL))
    add (&row, "command", g_variant_new_string (shown));
  if (user->host != NULL)
    add (&row, "host", g_variant_new_string (user->host));
  if (user->host != NULL || user->is_away)
    add (&row, "away", g_variant_new_boolean (user->is_away));
  add (&row, "pid-inside", g_variant_new_int64 (user->pid_inside));
  add (&row, "attached-at", g_variant_new_int64 (user->attached_at));
  add (&row, "n-put", g_variant_new_uint64 (user->n_put));
  if (user->n_got != MP_QUEUE_UNKNOWN)
    add (&row, "n-got", g_variant_new_uint64 (user->n_got));
  add (&row, "n-held", g_variant_new_uint32 (user->n_held));
  add (&row, "waits", describe_waits (user));
  end_row (&row, rows);
}

static void
note_user (const MpQueueUser *user,
           gpointer           user_data)
{
  g_array_append_vals (user_data, user, 1);
}

/**
 * mp_queue_monitor_list_processes:
 * @self: a monitor
 * @error: return location for an error
 *
 * Lists the handles on the queue that are in use, each with the process that has it.
 *
 * Each is a dictionary: `slot` (u), a number that tells the handles of a queue apart; `handle` (t),
 * one that no other handle of the queue has had; `pid` (i) and `command` (s), which are missing
 * when this process may not look at that one; `pid-inside` (x), its id in its own pid namespace;
 * `attached-at` (x), microseconds since 1970; `n-put` (t), `n-got` (t) and `n-held` (u), messages;
 * `waits` (as), what its blocked calls (`get`, `put`, `done`, `news`) and main loops (`get-loop`,
 * …) wait for.
 *
 * For a queue on a server these are the sessions in the last sample, at most 256, and nothing is
 * asked. There `pid` and `n-got` are missing; `host` (s) says where the process runs, under its own
 * id in `pid-inside`; `attached-at` is when it has connected last; `away` (b) says that it is not
 * connected and will lose what it holds if it stays away; and `waits` does not tell blocked calls
 * and main loops apart.
 *
 * Returns: (transfer full): an array of type `aa{sv}`; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_queue_monitor_list_processes (MpQueueMonitor *self,
                                 GError        **error)
{
  g_autoptr (GArray) users = g_array_new (FALSE, FALSE, sizeof (MpQueueUser));
  g_autoptr (GPtrArray) rows = NULL;

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), NULL);
  g_return_val_if_fail (self->observed != NULL, NULL);

  self->observer->list_users (self->observed, note_user, users);
  if (self->observer->begin == NULL &&
      !mp_queue_processes_update (&self->processes, self->device, self->inode, users, error))
    return NULL;

  rows = g_ptr_array_sized_new (users->len);
  for (guint i = 0; i < users->len; i++)
    {
      const MpQueueUser *user = &g_array_index (users, MpQueueUser, i);

      add_user (rows, user, mp_queue_processes_find (&self->processes, user->slot));
    }
  return end_rows (rows);
}

/**
 * mp_queue_monitor_has_died:
 * @self: a monitor
 * @handle: the `handle` of a row of [method@QueueMonitor.list_processes]
 *
 * Tells whether a handle that is listed no more has ended by the death of its process.
 *
 * A process that is killed, crashes, or calls `_exit ()` dies; one that closes the queue, returns
 * from `main ()` or calls `exit ()` leaves it. Of the handles that had the same slot, the last
 * one that died is remembered. On a server, one dies whose connection ends without a goodbye and
 * does not come back in time. It can be asked also when [method@QueueMonitor.refresh] fails since
 * no process uses the queue any more.
 *
 * Returns: whether it died
 *
 * Since: 1.0
 */
gboolean
mp_queue_monitor_has_died (MpQueueMonitor *self,
                           guint64         handle)
{
  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), FALSE);
  g_return_val_if_fail (self->observed != NULL, FALSE);

  return self->observer->has_died (self->observed, handle);
}

static const char *
name_of_format (guint8 tag)
{
  g_autoptr (GEnumClass) formats = g_type_class_ref (MP_TYPE_FORMAT);
  const GEnumValue *value = g_enum_get_value (formats, tag);

  return value != NULL ? value->value_nick : "unknown";
}

static const char *const states[] = { "held", "again", "dead" };

static void
add_task (const MpQueueTaskInfo *task,
          gpointer               user_data)
{
  g_autofree char *text = g_utf8_make_valid (task->text, -1);
  Row              row = { .n = 0 };

  add (&row, "state", g_variant_new_string (states[task->state]));
  add (&row, "serial", g_variant_new_uint64 (task->serial));
  if (task->state == MP_QUEUE_TASK_HELD)
    {
      add (&row, "slot", g_variant_new_uint32 (task->slot));
      add (&row, task->is_least ? "seen-us" : "held-us", g_variant_new_int64 (task->held_us));
    }
  add (&row, "n-deliveries", g_variant_new_uint32 (task->n_deliveries));
  add (&row, "size", g_variant_new_uint64 (task->size));
  add (&row, "format", g_variant_new_string (name_of_format (task->tag)));
  if (task->fraction >= 0)
    add (&row, "progress", g_variant_new_double (task->fraction));
  add (&row, "text", g_variant_new_string (text));
  end_row (&row, user_data);
}

/**
 * mp_queue_monitor_list_tasks:
 * @self: a monitor
 * @max: the most tasks to list
 *
 * Lists the messages that consumers hold, those that wait for another consumer, and dead letters;
 * oldest first.
 *
 * Each is a dictionary: `state` (s), `held`, `again` or `dead`; `serial` (t), which orders them by
 * age; `slot` (u) of the holder as in [method@QueueMonitor.list_processes] and `held-us` (x), for
 * how many microseconds it has had it; `n-deliveries` (u); `size` (t) in bytes; `format` (s);
 * `progress` (d) from 0 to 1 if it was reported, and its `text` (s).
 *
 * For a queue on a server these are the tasks in the last sample, at most 256 of each state, and
 * nothing is asked. A server does not record when a task was taken: instead of `held-us` there is
 * `seen-us` (x), for how many microseconds this monitor has seen that holder have it. The
 * `format` of some is `unknown` if they are large.
 *
 * Returns: (transfer full): an array of type `aa{sv}`
 *
 * Since: 1.0
 */
GVariant *
mp_queue_monitor_list_tasks (MpQueueMonitor *self,
                             guint           max)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), NULL);
  g_return_val_if_fail (self->observed != NULL, NULL);

  if (max > 0)
    self->observer->list_tasks (self->observed, max, add_task, rows);
  return end_rows (rows);
}

typedef struct
{
  GPtrArray *messages;
  guint64    next;
  GError    *error;
} Peek;

/* A message that cannot be shown ends the list; if it is the first one, it is an error, and the
 * next list continues behind it. */
static gboolean
add_message (const MpQueueGlimpse *glimpse,
             gpointer              user_data)
{
  Peek *peek = user_data;
  g_autoptr (GBytes) payload = NULL;
  MpMessage *message;

  peek->next = glimpse->position + (peek->messages->len == 0);
  if (glimpse->length < glimpse->size)
    {
      g_set_error (&peek->error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("Message %" PRIu64 " has %" PRIu64 " bytes, more than a monitor shows"),
                   glimpse->position, glimpse->size);
      return FALSE;
    }
  payload = g_bytes_new (glimpse->data, glimpse->length);
  message = mp_message_new_from_payload ((MpFormat) glimpse->tag, payload, &peek->error);
  if (message == NULL)
    return FALSE;
  g_ptr_array_add (peek->messages, message);
  return TRUE;
}

/**
 * mp_queue_monitor_peek_task:
 * @self: a monitor
 * @serial: the serial of a task, as [method@QueueMonitor.list_tasks] tells it
 * @error: return location for an error
 *
 * Looks at the message of a task, without changing anything.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` if the task has ended, with `MP_ERROR_TOO_LARGE` if the
 * message has more than a mebibyte, and with `MP_ERROR_INVALID_MESSAGE` if it is malformed. For a
 * queue on a server this call waits for an answer, and fails, as [method@QueueMonitor.refresh].
 *
 * Returns: (transfer full): a message; %NULL with @error set
 *
 * Since: 1.0
 */
MpMessage *
mp_queue_monitor_peek_task (MpQueueMonitor *self,
                            guint64         serial,
                            GError        **error)
{
  const MpQueueQuestion question = { MP_QUEUE_QUESTION_TASK, serial, 1, MAX_SHOWN };
  g_autoptr (GPtrArray) messages = NULL;
  Peek peek = { 0 };

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), NULL);
  g_return_val_if_fail (self->observed != NULL, NULL);

  if (!mp_queue_monitor_ask (self, &question, error))
    return NULL;
  peek.messages = messages = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
  if (!self->observer->peek_task (self->observed, serial, MAX_SHOWN, add_message, &peek))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("There is no task %" PRIu64),
                   serial);
      return NULL;
    }
  if (peek.error != NULL)
    {
      g_propagate_error (error, peek.error);
      return NULL;
    }
  return mp_message_ref (g_ptr_array_index (messages, 0));
}

MpQueueQuestion
mp_queue_monitor_ask_for_messages (guint64 start,
                                   guint   max)
{
  return (MpQueueQuestion){ MP_QUEUE_QUESTION_PEEK, start, max, MAX_SHOWN };
}

GPtrArray *
mp_queue_monitor_take_messages (MpQueueMonitor        *self,
                                const MpQueueQuestion *question,
                                guint64               *next,
                                GError               **error)
{
  g_autoptr (GPtrArray) messages = NULL;
  Peek    peek = { 0 };
  guint64 end;

  peek.messages = messages = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
  end = self->observer->peek (self->observed, question->from, question->max,
                              question->max_length, add_message, &peek);
  *next = peek.error != NULL ? peek.next : end;
  if (peek.error != NULL && messages->len == 0)
    {
      g_propagate_error (error, peek.error);
      return NULL;
    }
  g_clear_error (&peek.error);
  return g_steal_pointer (&messages);
}

/**
 * mp_queue_monitor_peek:
 * @self: a monitor
 * @start: which message to begin with: how many messages were put before it. 0 begins with the one
 *   that is taken next, and `G_MAXUINT64` with what is put from now on
 * @max: the most messages to return
 * @next: (out) (optional): where to go on: how many messages were put up to the last one returned
 * @error: return location for an error
 *
 * Looks at messages that are queued, without taking them.
 *
 * Messages that consumers take meanwhile are left out; nothing that waits for a second delivery is
 * among them. Fails with `MP_ERROR_TOO_LARGE` if the first of them has more than a mebibyte, and
 * with `MP_ERROR_INVALID_MESSAGE` if it is malformed; then @next is the one behind it.
 *
 * For a queue on a server this call waits for an answer, and fails, as
 * [method@QueueMonitor.refresh]; @next is @start then. There at most 64 messages of together
 * about a mebibyte are returned.
 *
 * Returns: (transfer container) (element-type MpMessage): messages in their order, perhaps none;
 *   %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_monitor_peek (MpQueueMonitor *self,
                       guint64         start,
                       guint           max,
                       guint64        *next,
                       GError        **error)
{
  const MpQueueQuestion question = mp_queue_monitor_ask_for_messages (start, max);
  guint64               after = start;
  GPtrArray            *messages = NULL;

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), NULL);
  g_return_val_if_fail (self->observed != NULL, NULL);
  g_return_val_if_fail (max > 0, NULL);

  if (mp_queue_monitor_ask (self, &question, error))
    messages = mp_queue_monitor_take_messages (self, &question, &after, error);
  if (next != NULL)
    *next = after;
  return messages;
}
