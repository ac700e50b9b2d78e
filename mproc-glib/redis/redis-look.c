/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-look.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The order of the reply of look.lua. */
enum
{
  KIND,
  LAYOUT,
  INCARNATION,
  COUNTERS,
  MODE,
  SIZE,
  CAP,
  LIMIT,
  GRACE,
  CONSUMED,
  N_DEAD,
  N_CONNECTED,
  N_WAITING,
  SEATS,
  ENDED,
  TASKS,
  N_PARTS
};

#define SEAT_FIELDS    6
#define TASK_FIELDS    6
#define MESSAGE_FIELDS 4

#define SESSION_LENGTH 16

static void
seat_clear (gpointer data)
{
  MpRedisSeat *self = data;

  g_free (self->host);
  g_free (self->program);
}

static MpRedisLook *
look_new (void)
{
  MpRedisLook *self = g_new0 (MpRedisLook, 1);

  self->seats = g_array_new (FALSE, TRUE, sizeof (MpRedisSeat));
  g_array_set_clear_func (self->seats, seat_clear);
  self->tasks = g_array_new (FALSE, TRUE, sizeof (MpRedisTask));
  self->ended = g_array_new (FALSE, TRUE, sizeof (guint64));
  return self;
}

void
mp_redis_look_free (MpRedisLook *self)
{
  g_array_unref (self->seats);
  g_array_unref (self->tasks);
  g_array_unref (self->ended);
  g_free (self);
}

/* --- Numbers --------------------------------------------------------------------------- */

static guint64
get_number (const MpReply *reply,
            guint          index,
            guint64        most)
{
  const gint64 number = mp_reply_get_integer (mp_reply_get (reply, index), 0);

  return (guint64) CLAMP (number, 0, (gint64) MIN (most, G_MAXINT64));
}

static guint32
get_count (const MpReply *reply,
           guint          index)
{
  return (guint32) get_number (reply, index, G_MAXUINT32);
}

static const char *
get_text (const MpReply *reply,
          guint          index)
{
  return mp_reply_get_string (mp_reply_get (reply, index));
}

/* --- The queue ------------------------------------------------------------------------- */

static gboolean
read_settings (MpRedisLook   *self,
               const MpReply *reply)
{
  const gboolean is_joinable = g_str_equal (get_text (reply, MODE), "joinable");
  gint64         seconds = 0, us = 0;

  if (!is_joinable && !g_str_equal (get_text (reply, MODE), "plain"))
    return FALSE;
  self->settings = (MpQueueSettings){
    .mode = is_joinable ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN,
    .max_size = get_count (reply, SIZE),
    .max_bytes = get_number (reply, CAP, G_MAXINT64),
    .max_deliveries = get_count (reply, LIMIT),
  };
  g_strlcpy (self->settings.kind, is_joinable ? "JoinableQueue" : "Queue",
             sizeof self->settings.kind);

  /* The incarnation is the time at which the queue was made, and the session that made it. */
  if (sscanf (self->incarnation, "%12" SCNd64 ".%6" SCNd64 ".", &seconds, &us) == 2 &&
      seconds > 0 && us >= 0)
    self->created_at = seconds * G_USEC_PER_SEC + us;
  return TRUE;
}

/* The field q of mp1.lua. */
static gboolean
read_counters (MpRedisLook   *self,
               const MpReply *reply)
{
  MpQueueSample *sample = &self->sample;
  const char    *text = get_text (reply, COUNTERS);
  guint64        head, tail, unfinished, bytes, waits, back, large;
  guint          closed;
  char           incarnation[sizeof self->incarnation];
  int            end = -1;

  if (strchr (text, '-') != NULL ||
      sscanf (text,
              "%63s %16" SCNu64 " %16" SCNu64 " %16" SCNu64 " %16" SCNu64 " %2" SCNu64
              " %1u %16" SCNu64 " %16" SCNu64 "%n",
              incarnation, &head, &tail, &unfinished, &bytes, &waits, &closed, &back, &large,
              &end) != 9 ||
      text[end] != '\0' || head > tail ||
      !g_str_equal (incarnation, get_text (reply, INCARNATION)))
    return FALSE;

  g_strlcpy (self->incarnation, incarnation, sizeof self->incarnation);
  sample->n_put = tail;
  sample->n_got = head;
  sample->n_again = (guint32) MIN (back, G_MAXUINT32);
  sample->size = (guint32) MIN (tail - head + back, G_MAXUINT32);
  /* After an unclean end of the server they may be wrong until the queue is empty. */
  sample->n_bytes = sample->size > 0 ? bytes : 0;
  if (g_str_equal (get_text (reply, MODE), "joinable"))
    {
      const guint64 elsewhere = sample->size + get_number (reply, CONSUMED, G_MAXUINT32);

      sample->n_unfinished = (guint32) MIN (unfinished, G_MAXUINT32);
      sample->n_held = sample->n_unfinished > elsewhere
                         ? sample->n_unfinished - (guint32) elsewhere
                         : 0;
    }
  sample->shut_down = closed != 0;
  return TRUE;
}

/* --- Sessions -------------------------------------------------------------------------- */

static guint64
read_session (const MpReply *reply)
{
  guint64 handle;

  return reply->length == SESSION_LENGTH && strlen (mp_reply_get_string (reply)) == reply->length &&
             g_ascii_string_to_unsigned (reply->string, 16, 1, G_MAXUINT64, &handle, NULL)
           ? handle
           : 0;
}

/* A word that can be shown, or NULL. */
static char *
dup_word (const char *text,
          gsize       length)
{
  g_autofree char *word = g_strndup (text, length);

  return length > 0 ? g_utf8_make_valid (word, -1) : NULL;
}

/* The time in milliseconds, the host, the process, and the program if it is known. */
static void
read_who (MpRedisSeat *seat,
          const char  *who)
{
  const char *host = strchr (who, ' ');
  const char *pid = host != NULL ? strchr (host + 1, ' ') : NULL;
  const char *program = pid != NULL ? strchr (pid + 1, ' ') : NULL;
  gint64      ms;

  if (pid == NULL)
    return;
  ms = g_ascii_strtoll (who, NULL, 10);
  seat->attached_at = ms > 0 && ms < G_MAXINT64 / 1000 ? ms * 1000 : 0;
  seat->host = dup_word (host + 1, (gsize) (pid - host - 1));
  seat->pid = MAX (g_ascii_strtoll (pid + 1, NULL, 10), 0);
  if (program != NULL)
    seat->program = dup_word (program + 1, strlen (program + 1));
}

static guint
read_waits (guint64 bits)
{
  static const struct
  {
    guint            bit;
    MpQueueCondition condition;
  } conditions[] = {
    { 1, MP_QUEUE_WAIT_ITEMS },
    { 2, MP_QUEUE_WAIT_SPACE },
    { 4, MP_QUEUE_WAIT_DONE },
    { 8, MP_QUEUE_WAIT_NEWS },
  };
  guint waits = 0;

  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++)
    if ((bits & conditions[i].bit) != 0)
      waits |= 1u << conditions[i].condition;
  return waits;
}

static void
read_seats (MpRedisLook   *self,
            const MpReply *reply)
{
  for (guint i = 0; i + SEAT_FIELDS <= reply->n_elements; i += SEAT_FIELDS)
    {
      const gint64 is_connected = mp_reply_get_integer (mp_reply_get (reply, i + 1), 0);
      MpRedisSeat  seat = { .handle = read_session (mp_reply_get (reply, i)) };

      if (seat.handle == 0)
        continue;
      g_strlcpy (seat.name, get_text (reply, i), sizeof seat.name);
      seat.is_away = is_connected == 0;
      read_who (&seat, get_text (reply, i + 2));
      seat.n_put = get_number (reply, i + 3, G_MAXINT64);
      seat.n_held = get_count (reply, i + 4);
      /* One that is away has not left its place in the line. */
      seat.waits = seat.is_away ? 0 : read_waits (get_number (reply, i + 5, 15));
      g_array_append_val (self->seats, seat);
    }
}

static void
read_ended (MpRedisLook   *self,
            const MpReply *reply)
{
  for (guint i = 0; i < reply->n_elements; i++)
    {
      const guint64 handle = read_session (mp_reply_get (reply, i));

      if (handle != 0)
        g_array_append_val (self->ended, handle);
    }
}

/* How many sessions there are, and how many wait: of those that are listed, and if there may be
 * more, of all that the server has in line, among which may be some that have ended. */
static void
count_seats (MpRedisLook   *self,
             const MpReply *reply)
{
  const gint64   n_connected = mp_reply_get_integer (mp_reply_get (reply, N_CONNECTED), -1);
  const MpReply *n_waiting = mp_reply_get (reply, N_WAITING);
  MpQueueSample *sample = &self->sample;
  guint          n_listed = 0;

  for (guint i = 0; i < self->seats->len; i++)
    {
      const MpRedisSeat *seat = &g_array_index (self->seats, MpRedisSeat, i);

      n_listed += !seat->is_away;
      for (guint j = 0; j < G_N_ELEMENTS (sample->n_sleeping); j++)
        sample->n_sleeping[j] += (seat->waits >> j) & 1;
    }
  sample->n_processes = (guint32) CLAMP (n_connected, n_listed, G_MAXUINT32);
  if (sample->n_processes > n_listed)
    for (guint j = 0; j < G_N_ELEMENTS (sample->n_sleeping); j++)
      sample->n_sleeping[j] = MAX (sample->n_sleeping[j], get_count (n_waiting, j));
}

/* --- Tasks ----------------------------------------------------------------------------- */

/* The delivery count and, once the consumer has told it, the progress. */
static void
read_delivery (MpQueueTaskInfo *info,
               const char      *delivery)
{
  char   *end;
  guint64 n = g_ascii_strtoull (delivery, &end, 10);
  double  fraction;

  info->n_deliveries = (guint32) MIN (n, G_MAXUINT32);
  info->fraction = -1;
  if (*end != ' ')
    return;
  fraction = g_ascii_strtod (end + 1, &end);
  if (fraction >= 0 && fraction <= 1)
    info->fraction = fraction;
  if (*end == ' ')
    g_strlcpy (info->text, end + 1, sizeof info->text);
}

static gboolean
read_state (const char      *state,
            MpQueueTaskInfo *info)
{
  static const struct
  {
    char             letter;
    MpQueueTaskState state;
  } states[] = {
    { 'h', MP_QUEUE_TASK_HELD },
    { 'b', MP_QUEUE_TASK_AGAIN },
    { 'd', MP_QUEUE_TASK_DEAD },
  };

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (state[0] == states[i].letter && state[1] == '\0')
      {
        info->state = states[i].state;
        return TRUE;
      }
  return FALSE;
}

/* Those with negative ids were put ahead of all others. */
static int
compare_ages (gconstpointer a,
              gconstpointer b)
{
  const gint64 first = (gint64) ((const MpRedisTask *) a)->info.serial;
  const gint64 second = (gint64) ((const MpRedisTask *) b)->info.serial;

  return (first > second) - (first < second);
}

static void
read_tasks (MpRedisLook   *self,
            const MpReply *reply)
{
  for (guint i = 0; i + TASK_FIELDS <= reply->n_elements; i += TASK_FIELDS)
    {
      const gint64 id = mp_reply_get_integer (mp_reply_get (reply, i + 2), 0);
      const gint64 tag = mp_reply_get_integer (mp_reply_get (reply, i + 5), -1);
      MpRedisTask  task = { .holder = read_session (mp_reply_get (reply, i + 1)) };

      if (id == 0 || !read_state (get_text (reply, i), &task.info))
        continue;
      task.info.serial = (guint64) id;
      task.info.size = get_number (reply, i + 4, G_MAXINT64);
      task.info.tag = tag >= 0 && tag < G_MAXUINT8 ? (guint8) tag : G_MAXUINT8;
      read_delivery (&task.info, get_text (reply, i + 3));
      g_array_append_val (self->tasks, task);
    }
  g_array_sort (self->tasks, compare_ages);
}

/* --- The whole ------------------------------------------------------------------------- */

MpRedisLook *
mp_redis_look_read (const MpReply *reply,
                    GError       **error)
{
  g_autoptr (MpRedisLook) self = look_new ();
  const char *kind = get_text (reply, KIND);

  if (reply->type != MP_REPLY_ARRAY || *kind == '\0' ||
      (g_str_equal (kind, "queue") && reply->n_elements != N_PARTS))
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                           _ ("The server does not speak the protocol of Redis"));
      return NULL;
    }
  if (!g_str_equal (kind, "queue"))
    {
      self->kind = g_str_equal (kind, "none")      ? MP_REDIS_LOOK_NONE
                   : g_str_equal (kind, "removed") ? MP_REDIS_LOOK_REMOVED
                                                   : MP_REDIS_LOOK_FOREIGN;
      return g_steal_pointer (&self);
    }
  if (g_str_equal (get_text (reply, LAYOUT), ""))
    {
      self->kind = MP_REDIS_LOOK_FOREIGN;
      return g_steal_pointer (&self);
    }
  if (!g_str_equal (get_text (reply, LAYOUT), "1"))
    {
      self->kind = MP_REDIS_LOOK_OLD;
      return g_steal_pointer (&self);
    }

  self->sample.is_named = TRUE;
  self->sample.n_dead = get_count (reply, N_DEAD);
  self->sample.damaged = !read_counters (self, reply) || !read_settings (self, reply);
  read_seats (self, mp_reply_get (reply, SEATS));
  read_ended (self, mp_reply_get (reply, ENDED));
  read_tasks (self, mp_reply_get (reply, TASKS));
  count_seats (self, reply);
  return g_steal_pointer (&self);
}

/* The payload of a large message is left out if it is too long to be shown.  If it is missing
 * otherwise, the server has lost it, and no consumer gets the message. */
guint
mp_redis_look_read_messages (const MpReply         *reply,
                             const MpQueueQuestion *question,
                             MpQueueGlimpseFunc     func,
                             gpointer               user_data,
                             guint64               *next)
{
  const MpReply *messages = mp_reply_get (reply, 2);
  const gboolean is_task = question->kind == MP_QUEUE_QUESTION_TASK;
  guint          n = 0;

  *next = get_number (reply, 1, G_MAXINT64);
  for (guint i = 0; i + MESSAGE_FIELDS <= messages->n_elements; i += MESSAGE_FIELDS)
    {
      const gint64   id = mp_reply_get_integer (mp_reply_get (messages, i), 0);
      const MpReply *payload = mp_reply_get (messages, i + 3);
      MpQueueGlimpse glimpse = {
        .position = (guint64) id - (is_task ? 0 : 1),
        .size = get_number (messages, i + 2, G_MAXINT64),
        .tag = (guint8) get_number (messages, i + 1, G_MAXUINT8),
        .data = (guint8 *) payload->string,
        .length = payload->length,
      };

      if (id == 0 || payload->type != MP_REPLY_STRING ||
          (glimpse.length < glimpse.size && glimpse.size <= question->max_length))
        continue;
      glimpse.length = (gsize) MIN (glimpse.length, glimpse.size);
      n++;
      if (!func (&glimpse, user_data))
        break;
    }
  return n;
}
