/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A producer and a consumer share a queue:  basic-queue */

#include "child.h"

static gboolean
produce (GError **error)
{
  const char *items[] = { "item1", "item2", "item3", "item4" };
  g_autoptr (MpQueue) queue = MP_QUEUE (mp_inherit ("queue", error));

  if (queue == NULL)
    return FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    {
      g_print ("Producing %s\n", items[i]);
      if (!mp_queue_put (queue, g_variant_new_string (items[i]), -1, NULL, error))
        return FALSE;
    }

  return mp_queue_shutdown (queue, FALSE, error);
}

static gboolean
consume (GError **error)
{
  g_autoptr (MpQueue) queue = MP_QUEUE (mp_inherit ("queue", error));
  g_autoptr (GError) end = NULL;
  GVariant *item;

  if (queue == NULL)
    return FALSE;

  while ((item = mp_queue_get (queue, -1, NULL, &end)) != NULL)
    {
      g_print ("Consuming %s\n", g_variant_get_string (item, NULL));
      g_variant_unref (item);
    }

  /* The producer has shut the queue down, and it is empty. */
  if (g_error_matches (end, MP_ERROR, MP_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&end));
  return FALSE;
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, error);
  g_autoptr (MpProcess) producer = make_child (program, "produce", NULL);
  g_autoptr (MpProcess) consumer = make_child (program, "consume", NULL);

  if (queue == NULL)
    return FALSE;

  mp_process_give (producer, "queue", MP_SHAREABLE (queue));
  mp_process_give (consumer, "queue", MP_SHAREABLE (queue));

  return mp_process_start (producer, error) && mp_process_start (consumer, error) &&
         mp_process_join (producer, -1, NULL, error) && mp_process_join (consumer, -1, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done;

  if (argc == 1)
    done = run (argv[0], &error);
  else if (g_str_equal (argv[1], "produce"))
    done = produce (&error);
  else
    done = consume (&error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
