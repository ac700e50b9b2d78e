/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "task-limit.h"

#include <stdio.h>
#include <unistd.h>

char *
mp_task_limit_to_string (guint limit)
{
  return g_strdup_printf ("%u:%d", limit, (int) getpid ());
}

static guint
read_variable (void)
{
  const char *text = g_getenv (MP_TASK_LIMIT_VARIABLE);
  guint       limit = 0;
  int         parent = 0;

  if (text == NULL || sscanf (text, "%u:%d", &limit, &parent) != 2 || parent != (int) getppid ())
    return 0;
  return limit;
}

guint
mp_task_limit_get (void)
{
  static gsize is_read;
  static guint limit;

  if (g_once_init_enter (&is_read))
    {
      limit = read_variable ();
      g_once_init_leave (&is_read, TRUE);
    }
  return limit;
}

void
mp_task_limit_count (MpJoinableQueue *queue)
{
  MpJoinableQueuePrivate *priv = mp_joinable_queue_get_private (queue);

  if (G_LIKELY (priv->max_tasks == 0))
    return;
  if ((guint) g_atomic_int_add (&priv->n_taken, 1) + 1 == priv->max_tasks)
    mp_queue_spend (MP_QUEUE (queue));
}
