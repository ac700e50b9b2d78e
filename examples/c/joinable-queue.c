/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two workers share tasks, and report their progress: joinable-queue */

#include "child.h"

#define N_WORKERS 2
#define N_TASKS   5
#define N_STEPS   4

static gboolean
process_task (MpTask  *task,
              GError **error)
{
  g_autoptr (GVariant) name = mp_message_get_variant (mp_task_get_message (task), error);

  if (name == NULL)
    return FALSE;

  g_print ("Processing %s\n", g_variant_get_string (name, NULL));
  for (int step = 1; step <= N_STEPS; step++)
    {
      g_autofree char *text = g_strdup_printf ("step %d", step);

      g_usleep (25000); /* stands for the actual work */
      if (!mp_task_set_progress (task, (double) step / N_STEPS, text, error))
        return FALSE;
    }

  return mp_task_done (task, error);
}

static gboolean
work (GError **error)
{
  g_autoptr (MpJoinableQueue) queue = MP_JOINABLE_QUEUE (mp_inherit ("queue", error));
  g_autoptr (GError) end = NULL;

  if (queue == NULL)
    return FALSE;

  while (end == NULL)
    {
      g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, -1, NULL, &end);

      if (task != NULL && !process_task (task, error))
        return FALSE;
    }

  /* There are no more tasks. */
  if (g_error_matches (end, MP_ERROR, MP_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&end));
  return FALSE;
}

static void
progress_cb (MpJoinableQueue *queue)
{
  g_print ("%.0f %% done\n", mp_joinable_queue_get_progress (queue) * 100);
}

static void
joined_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  GAsyncResult **joined = user_data;

  *joined = g_object_ref (result);
}

/* Puts the tasks, and waits in the main loop until all are done. */
static gboolean
finish_tasks (MpJoinableQueue *queue,
              GError         **error)
{
  g_autoptr (GAsyncResult) joined = NULL;

  g_signal_connect (queue, "notify::progress", G_CALLBACK (progress_cb), NULL);
  mp_joinable_queue_set_report_progress (queue, TRUE);
  for (int i = 0; i < N_TASKS; i++)
    {
      g_autofree char *name = g_strdup_printf ("task-%d", i);

      if (!mp_queue_put (MP_QUEUE (queue), g_variant_new_string (name), -1, NULL, error))
        return FALSE;
    }

  mp_joinable_queue_join_async (queue, G_PRIORITY_DEFAULT, NULL, joined_cb, &joined);
  while (joined == NULL)
    g_main_context_iteration (NULL, TRUE);
  mp_joinable_queue_set_report_progress (queue, FALSE);

  return mp_joinable_queue_join_finish (queue, joined, error);
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpJoinableQueue) queue = mp_joinable_queue_new (0, error);
  g_autoptr (GPtrArray) workers = g_ptr_array_new_with_free_func (g_object_unref);

  if (queue == NULL)
    return FALSE;

  for (guint i = 0; i < N_WORKERS; i++)
    {
      g_ptr_array_add (workers, make_child (program, "work", NULL));
      mp_process_give (workers->pdata[i], "queue", MP_SHAREABLE (queue));
      if (!mp_process_start (workers->pdata[i], error))
        return FALSE;
    }

  if (!finish_tasks (queue, error))
    return FALSE;

  g_print ("All tasks completed\n");
  if (!mp_queue_shutdown (MP_QUEUE (queue), FALSE, error))
    return FALSE;

  for (guint i = 0; i < N_WORKERS; i++)
    {
      if (!mp_process_join (workers->pdata[i], -1, NULL, error))
        return FALSE;
    }

  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done = argc == 1 ? run (argv[0], &error) : work (&error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
