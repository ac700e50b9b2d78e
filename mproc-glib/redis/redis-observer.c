/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-observer-private.h"

#include "look-resource.h"
#include "mp-error.h"
#include "redis-share.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#define LOOK "/mproc-glib/look.lua"
#define PEEK "/mproc-glib/peek.lua"

/* The most messages that one question asks for, and the most sessions that it names. */
#define MAX_MESSAGES 64
#define MAX_SESSIONS 256

/* So many sessions that have died are remembered, at least. */
#define MAX_ENDED 1024

/* Ids are below 2^53, so that JavaScript can handle them, and above all inodes. */
#define ID_BIT (G_GUINT64_CONSTANT (1) << 52)

/* --- Making ---------------------------------------------------------------------------- */

MpRedisObserver *
mp_redis_observer_make (MpRedisServer *server,
                        const char    *name,
                        char          *uri)
{
  MpRedisObserver *self = g_new0 (MpRedisObserver, 1);

  self->server = mp_redis_server_ref (server);
  self->name = g_strdup (name);
  self->uri = uri;
  self->slots = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->ended = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->claims = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  mp_redis_question_init (&self->question);
  return self;
}

static void
observer_free (gpointer user_data)
{
  MpRedisObserver *self = user_data;

  mp_redis_server_forget (self->server, &self->question);
  mp_redis_server_unref (self->server);
  g_clear_pointer (&self->look, mp_redis_look_free);
  g_hash_table_unref (self->slots);
  g_hash_table_unref (self->ended);
  g_hash_table_unref (self->claims);
  g_free (self->name);
  g_free (self->uri);
  g_free (self);
}

gpointer
mp_redis_observer_new (const char  *uri,
                       GUnixFDList *descriptors,
                       GError     **error)
{
  g_autoptr (MpRedisUri) parsed = mp_redis_uri_parse (uri, error);
  g_autoptr (MpRedisServer) server = NULL;

  if (parsed == NULL || !mp_redis_share_read (descriptors, &parsed->secrets, error))
    return NULL;
  server = mp_redis_server_new (g_steal_pointer (&parsed), error);
  if (server == NULL)
    return NULL;
  return mp_redis_observer_make (server, mp_redis_server_get_uri (server)->name,
                                 g_strdup (mp_redis_server_get_uri (server)->public_uri));
}

/* --- Questions ------------------------------------------------------------------------- */

static GByteArray *
begin_script (MpRedisObserver *self,
              const char      *path,
              guint            n_arguments)
{
  g_autoptr (GBytes) code = g_resource_lookup_data (look_get_resource (), path, 0, NULL);
  g_autofree char *key = g_strdup_printf ("mp1:{%s}:c", self->name);
  GByteArray      *out = g_byte_array_new ();
  gsize            length;
  gconstpointer    text = g_bytes_get_data (code, &length);

  mp_command_begin (out, 4 + n_arguments);
  mp_command_add_string (out, "EVAL_RO");
  mp_command_add (out, text, length);
  mp_command_add_string (out, "1");
  mp_command_add_string (out, key);
  return out;
}

/* The pattern of the channels of the sessions.  A name may contain what is special in one. */
static char *
dup_pattern (MpRedisObserver *self)
{
  g_autoptr (GString) pattern = g_string_new ("mp1:{");

  for (const char *p = self->name; *p != '\0'; p++)
    {
      if (strchr ("*?[]\\^-", *p) != NULL)
        g_string_append_c (pattern, '\\');
      g_string_append_c (pattern, *p);
    }
  g_string_append (pattern, "}:????????????????");
  return g_string_free (g_steal_pointer (&pattern), FALSE);
}

static GByteArray *
make_look (MpRedisObserver *self)
{
  const guint      n_known = self->look != NULL ? MIN (self->look->seats->len, MAX_SESSIONS) : 0;
  g_autofree char *pattern = dup_pattern (self);
  GByteArray      *out = begin_script (self, LOOK, 2 + n_known);

  mp_command_add_string (out, self->look != NULL ? self->look->incarnation : "");
  mp_command_add_string (out, pattern);
  for (guint i = 0; i < n_known; i++)
    mp_command_add_string (out, g_array_index (self->look->seats, MpRedisSeat, i).name);
  return out;
}

static GByteArray *
make_peek (MpRedisObserver       *self,
           const MpQueueQuestion *question)
{
  const gboolean is_task = question->kind == MP_QUEUE_QUESTION_TASK;
  GByteArray    *out = begin_script (self, PEEK, 4);

  mp_command_add_string (out, is_task ? "task" : "queue");
  /* Ids of tasks may be negative. */
  mp_command_add_integer (out, is_task ? (gint64) question->from
                                       : (gint64) MIN (question->from, G_MAXINT64));
  mp_command_add_integer (out, MIN (question->max, MAX_MESSAGES));
  mp_command_add_integer (out, (gint64) question->max_length);
  return out;
}

static void
observer_begin (gpointer               user_data,
                const MpQueueQuestion *question)
{
  MpRedisObserver *self = user_data;

  self->asked = *question;
  self->is_read = FALSE;
  mp_redis_server_ask (self->server, &self->question,
                       question->kind == MP_QUEUE_QUESTION_SAMPLE ? make_look (self)
                                                                  : make_peek (self, question));
}

/* --- Answers --------------------------------------------------------------------------- */

/* Keeps the slots of the sessions that are still listed, and gives slots to new ones. */
static void
assign_slots (MpRedisObserver *self)
{
  g_autoptr (GHashTable) former = g_steal_pointer (&self->slots);

  self->slots = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  for (guint i = 0; i < self->look->seats->len; i++)
    {
      const guint64 handle = g_array_index (self->look->seats, MpRedisSeat, i).handle;
      gpointer      slot;

      if (!g_hash_table_lookup_extended (former, &handle, NULL, &slot))
        slot = GUINT_TO_POINTER (self->n_slots++);
      g_hash_table_insert (self->slots, g_memdup2 (&handle, sizeof handle), slot);
    }
}

static void
note_ended (MpRedisObserver *self)
{
  if (g_hash_table_size (self->ended) > MAX_ENDED)
    g_hash_table_remove_all (self->ended);
  for (guint i = 0; i < self->look->ended->len; i++)
    g_hash_table_add (self->ended, g_memdup2 (&g_array_index (self->look->ended, guint64, i),
                                              sizeof (guint64)));
}

/* The server does not record when a message was taken, so the observer remembers since when it has
 * seen each delivery. */
static void
note_claims (MpRedisObserver *self)
{
  g_autoptr (GHashTable) former = g_steal_pointer (&self->claims);
  const gint64 now = g_get_monotonic_time ();

  self->claims = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < self->look->tasks->len; i++)
    {
      MpRedisTask     *task = &g_array_index (self->look->tasks, MpRedisTask, i);
      g_autofree char *delivery = NULL;
      const gint64    *since;

      if (task->info.state != MP_QUEUE_TASK_HELD)
        continue;
      delivery = g_strdup_printf ("%" PRIu64 " %" PRIx64 " %u", task->info.serial, task->holder,
                                  task->info.n_deliveries);
      since = g_hash_table_lookup (former, delivery);
      since = g_memdup2 (since != NULL ? since : &now, sizeof now);
      task->info.is_least = TRUE;
      task->info.held_us = now - *since;
      g_hash_table_replace (self->claims, g_steal_pointer (&delivery), (gpointer) since);
    }
}

static gboolean
refuse (MpRedisObserver *self,
        int              kind,
        GError         **error)
{
  switch (kind)
    {
    case MP_REDIS_LOOK_REMOVED:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The queue was removed"));
      break;
    case MP_REDIS_LOOK_FOREIGN:
      g_set_error (error, MP_ERROR, MP_ERROR_DAMAGED,
                   _ ("The server has something else under the name of the queue: %s"),
                   self->name);
      break;
    case MP_REDIS_LOOK_OLD:
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("The queue “%s” has a layout that this version does not know"), self->name);
      break;
    default:
      if (self->look != NULL)
        g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                             _ ("The server does not have the queue any more"));
      else
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, _ ("There is no queue “%s”"),
                     self->name);
    }
  return FALSE;
}

/* Another queue that was made under the same name is not the one that is observed. */
static gboolean
take_look (MpRedisObserver *self,
           GError         **error)
{
  g_autoptr (MpRedisLook) look = mp_redis_look_read (self->question.reply, error);

  if (look == NULL)
    return FALSE;
  if (look->kind == MP_REDIS_LOOK_QUEUE && !look->sample.damaged && self->look != NULL &&
      !g_str_equal (look->incarnation, self->look->incarnation))
    look->kind = MP_REDIS_LOOK_REMOVED;
  if (look->kind == MP_REDIS_LOOK_FOREIGN && self->also_broken)
    look->sample = (MpQueueSample){ .is_named = TRUE, .damaged = TRUE };
  else if (look->kind != MP_REDIS_LOOK_QUEUE)
    return refuse (self, look->kind, error);
  g_clear_pointer (&self->look, mp_redis_look_free);
  self->look = g_steal_pointer (&look);
  assign_slots (self);
  note_ended (self);
  note_claims (self);
  return TRUE;
}

static MpQueueAnswer
observer_step (gpointer user_data,
               GError **error)
{
  MpRedisObserver *self = user_data;
  GError          *malformed = NULL;

  mp_redis_server_step (self->server);
  if (self->question.status == MP_QUEUE_ANSWER_READY && !self->is_read)
    {
      self->is_read = TRUE;
      if (self->asked.kind == MP_QUEUE_QUESTION_SAMPLE && !take_look (self, &malformed))
        {
          self->question.status = MP_QUEUE_ANSWER_FAILED;
          self->question.error = malformed;
        }
    }
  if (self->question.status == MP_QUEUE_ANSWER_FAILED)
    g_propagate_error (error, g_error_copy (self->question.error));
  return self->question.status;
}

static void
observer_get_wait (gpointer      user_data,
                   int          *fd,
                   GIOCondition *condition,
                   gint64       *time)
{
  MpRedisObserver *self = user_data;

  mp_redis_server_get_wait (self->server, &self->question, fd, condition, time);
}

/* --- What it knows --------------------------------------------------------------------- */

/* A number that depends on nothing but the incarnation: the same queue may be reached by several
 * addresses. */
static guint64
compute_id (const char *incarnation)
{
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, incarnation, -1);

  digest[13] = '\0';
  return ID_BIT | g_ascii_strtoull (digest, NULL, 16);
}

static void
identify (gpointer         user_data,
          MpQueueIdentity *identity)
{
  MpRedisObserver *self = user_data;

  *identity = (MpQueueIdentity){ .name = self->name };
  if (self->look == NULL)
    return;
  identity->id = compute_id (self->look->incarnation[0] != '\0' ? self->look->incarnation
                                                                : self->name);
  identity->settings = self->look->settings;
  identity->created_at = self->look->created_at;
}

static char *
dup_uri (gpointer user_data)
{
  return g_strdup (((MpRedisObserver *) user_data)->uri);
}

static gboolean
sample (gpointer       user_data,
        MpQueueSample *result,
        GError       **error)
{
  MpRedisObserver *self = user_data;

  if (self->look == NULL)
    return refuse (self, MP_REDIS_LOOK_NONE, error);
  *result = self->look->sample;
  return TRUE;
}

static guint32
find_slot (MpRedisObserver *self,
           guint64          handle)
{
  gpointer slot;

  return g_hash_table_lookup_extended (self->slots, &handle, NULL, &slot)
           ? GPOINTER_TO_UINT (slot)
           : G_MAXUINT32;
}

static void
list_users (gpointer        user_data,
            MpQueueUserFunc func,
            gpointer        func_data)
{
  MpRedisObserver *self = user_data;

  for (guint i = 0; self->look != NULL && i < self->look->seats->len; i++)
    {
      const MpRedisSeat *seat = &g_array_index (self->look->seats, MpRedisSeat, i);
      MpQueueUser        user = {
               .slot = find_slot (self, seat->handle),
               .handle = seat->handle,
               .pid_inside = seat->pid,
               .n_put = seat->n_put,
               .n_got = MP_QUEUE_UNKNOWN,
               .n_held = seat->n_held,
               .attached_at = seat->attached_at,
               .host = seat->host,
               .program = seat->program,
               .is_away = seat->is_away,
      };

      for (guint j = 0; j < G_N_ELEMENTS (user.is_sleeping); j++)
        user.is_sleeping[j] = (seat->waits >> j) & 1;
      func (&user, func_data);
    }
}

static gboolean
has_died (gpointer user_data,
          guint64  handle)
{
  return g_hash_table_contains (((MpRedisObserver *) user_data)->ended, &handle);
}

static void
list_tasks (gpointer        user_data,
            guint           max,
            MpQueueTaskFunc func,
            gpointer        func_data)
{
  MpRedisObserver *self = user_data;

  for (guint i = 0; self->look != NULL && i < MIN (max, self->look->tasks->len); i++)
    {
      const MpRedisTask *task = &g_array_index (self->look->tasks, MpRedisTask, i);
      MpQueueTaskInfo    info = task->info;

      info.slot = find_slot (self, task->holder);
      func (&info, func_data);
    }
}

static guint
read_messages (MpRedisObserver    *self,
               MpQueueQuestionKind kind,
               MpQueueGlimpseFunc  func,
               gpointer            func_data,
               guint64            *next)
{
  *next = 0;
  if (self->question.status != MP_QUEUE_ANSWER_READY || self->asked.kind != kind)
    return 0;
  return mp_redis_look_read_messages (self->question.reply, &self->asked, func, func_data, next);
}

static gboolean
peek_task (gpointer           user_data,
           guint64            serial,
           gsize              max_length,
           MpQueueGlimpseFunc func,
           gpointer           func_data)
{
  guint64 next;

  return read_messages (user_data, MP_QUEUE_QUESTION_TASK, func, func_data, &next) > 0;
}

static guint64
peek (gpointer           user_data,
      guint64            from,
      guint              max,
      gsize              max_length,
      MpQueueGlimpseFunc func,
      gpointer           func_data)
{
  guint64 next;

  read_messages (user_data, MP_QUEUE_QUESTION_PEEK, func, func_data, &next);
  return next;
}

const MpQueueObserver mp_redis_observer = {
  .unknown = MP_QUEUE_FACT_MEMORY | MP_QUEUE_FACT_REDELIVERED | MP_QUEUE_FACT_BYTES_MOVED |
             MP_QUEUE_FACT_CREATOR,
  .begin = observer_begin,
  .step = observer_step,
  .get_wait = observer_get_wait,
  .free = observer_free,
  .identify = identify,
  .dup_uri = dup_uri,
  .sample = sample,
  .list_users = list_users,
  .has_died = has_died,
  .list_tasks = list_tasks,
  .peek_task = peek_task,
  .peek = peek,
};
