/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-cancel.h"

typedef struct
{
  GTask           *task;
  MpPoolCancelFunc func;
} Call;

static Call *
call_new (GTask           *task,
          MpPoolCancelFunc func)
{
  Call *self = g_new (Call, 1);

  self->task = g_object_ref (task);
  self->func = func;
  return self;
}

static void
call_free (gpointer data)
{
  g_object_unref (((Call *) data)->task);
  g_free (data);
}

static gboolean
cancel_cb (gpointer user_data)
{
  Call *self = user_data;

  self->func (g_task_get_source_object (self->task), self->task);
  return G_SOURCE_REMOVE;
}

/* A cancellable may be cancelled in any thread, but the pool may be used only in its own.  In that
 * thread, @func is called directly: its main context is perhaps not iterated. */
static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  Call   *self = user_data;
  MpPool *pool = g_task_get_source_object (self->task);
  g_autoptr (GSource) source = NULL;

  if (pool->thread == g_thread_self ())
    {
      cancel_cb (self);
      return;
    }
  source = g_idle_source_new ();
  g_source_set_callback (source, cancel_cb, call_new (self->task, self->func), call_free);
  g_source_attach (source, pool->context);
}

gulong
mp_pool_watch_cancellable (MpPool          *self,
                           GTask           *task,
                           MpPoolCancelFunc func)
{
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (cancellable == NULL)
    return 0;
  return g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), call_new (task, func),
                                call_free);
}
