/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Which bells ring; see redis-bell.c for the rest. */

guint
mp_redis_condition_bit (MpQueueCondition condition)
{
  switch (condition)
    {
    case MP_QUEUE_WAIT_ITEMS:
      return MP_REDIS_ITEMS;
    case MP_QUEUE_WAIT_SPACE:
      return MP_REDIS_ROOM;
    case MP_QUEUE_WAIT_DONE:
      return MP_REDIS_DONE;
    case MP_QUEUE_WAIT_NEWS:
      return MP_REDIS_NEWS;
    case MP_QUEUE_WAIT_ANSWERS:
    default:
      return 0;
    }
}

void
mp_redis_bell_update (MpRedisBell *self)
{
  const gboolean wanted = self->is_held || self->is_rung;
  guint64        count;

  if (wanted == self->is_readable)
    return;
  self->is_readable = wanted;
  if (wanted)
    eventfd_write (self->ring_fd, 1);
  else
    while (read (self->ring_fd, &count, sizeof count) == -1 && errno == EINTR)
      continue;
}

void
mp_redis_bells_ring (MpRedisQueue    *queue,
                     MpQueueCondition condition)
{
  for (guint i = 0; i < queue->bells->len; i++)
    {
      MpRedisBell *self = g_ptr_array_index (queue->bells, i);

      if (self->condition != condition || !(self->is_armed || condition == MP_QUEUE_WAIT_ANSWERS))
        continue;
      self->is_armed = FALSE;
      self->is_rung = TRUE;
      mp_redis_bell_update (self);
    }
}

guint
mp_redis_bells_get_wanted (MpRedisQueue *queue)
{
  guint wanted = 0;

  for (guint i = 0; i < queue->bells->len; i++)
    {
      const MpRedisBell *self = g_ptr_array_index (queue->bells, i);

      if (self->is_armed)
        wanted |= mp_redis_condition_bit (self->condition);
    }
  return wanted;
}
