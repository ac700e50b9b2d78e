/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-error.h"
#include "redis/redis-look.h"

/* What a server says of a queue, in the protocol of Redis: read as the reply to a sample, and as
 * that to a question for messages. */

#define MAX_STRING 4096

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

static void
check_text (const char *text)
{
  if (text != NULL)
    g_assert_true (g_utf8_validate (text, -1, NULL));
}

static void
check_seat (const MpRedisSeat *seat)
{
  g_assert_cmpuint (seat->handle, !=, 0);
  g_assert_cmpuint (strlen (seat->name), ==, 16);
  g_assert_cmpint (seat->pid, >=, 0);
  g_assert_cmpint (seat->attached_at, >=, 0);
  g_assert_cmpuint (seat->waits, <, 1u << MP_QUEUE_WAIT_ANSWERS);
  check_text (seat->host);
  check_text (seat->program);
}

static void
check_task (const MpRedisTask *task,
            const MpRedisTask *previous)
{
  g_assert_cmpuint (task->info.serial, !=, 0);
  g_assert_true (task->info.fraction == -1 ||
                 (task->info.fraction >= 0 && task->info.fraction <= 1));
  g_assert_nonnull (memchr (task->info.text, '\0', sizeof task->info.text));
  if (previous != NULL)
    g_assert_cmpint ((gint64) previous->info.serial, <=, (gint64) task->info.serial);
}

static void
check_look (const MpRedisLook *look)
{
  const MpQueueSample *sample = &look->sample;

  g_assert_nonnull (memchr (look->incarnation, '\0', sizeof look->incarnation));
  g_assert_cmpuint (sample->n_got, <=, sample->n_put);
  g_assert_cmpuint (sample->n_held, <=, sample->n_unfinished);
  for (guint i = 0; i < look->seats->len; i++)
    check_seat (&g_array_index (look->seats, MpRedisSeat, i));
  for (guint i = 0; i < look->tasks->len; i++)
    check_task (&g_array_index (look->tasks, MpRedisTask, i),
                i > 0 ? &g_array_index (look->tasks, MpRedisTask, i - 1) : NULL);
}

static gboolean
check_message (const MpQueueGlimpse *glimpse,
               gpointer              user_data)
{
  guint *sum = user_data;

  g_assert_cmpuint (glimpse->length, <=, glimpse->size);
  for (gsize i = 0; i < glimpse->length; i++)
    *sum += glimpse->data[i];
  return TRUE;
}

static void
read_messages (const MpReply      *reply,
               MpQueueQuestionKind kind)
{
  const MpQueueQuestion question = { kind, 0, 16, 64 };
  guint64               next;
  guint                 sum = 0;

  mp_redis_look_read_messages (reply, &question, check_message, &sum, &next);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (MpReplyReader) reader = mp_reply_reader_new (MAX_STRING);

  if (!mp_reply_reader_feed (reader, data, size, NULL))
    return 0;
  for (;;)
    {
      g_autoptr (MpReply) reply = NULL;
      g_autoptr (MpRedisLook) look = NULL;
      g_autoptr (GError) error = NULL;

      if (!mp_reply_reader_next (reader, &reply, NULL) || reply == NULL)
        return 0;
      look = mp_redis_look_read (reply, &error);
      if (look != NULL)
        check_look (look);
      else
        g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
      read_messages (reply, MP_QUEUE_QUESTION_PEEK);
      read_messages (reply, MP_QUEUE_QUESTION_TASK);
    }
}
