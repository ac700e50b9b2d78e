/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several producers and consumers share a queue:  producers-consumers */

#include "child.h"

#define N_PRODUCERS 2
#define N_CONSUMERS 3
#define N_ITEMS     5

static void
nap (void)
{
  g_usleep (g_random_int_range (10000, 50000));
}

static gboolean
produce (MpQueue    *queue,
         const char *id,
         GError    **error)
{
  for (int i = 0; i < N_ITEMS; i++)
    {
      g_autofree char *item = g_strdup_printf ("Producer-%s-Item-%d", id, i);

      if (!mp_queue_put (queue, g_variant_new_string (item), -1, NULL, error))
        return FALSE;

      g_print ("Produced: %s\n", item);
      nap ();
    }

  return TRUE;
}

static gboolean
consume (MpQueue    *queue,
         const char *id,
         GError    **error)
{
  g_autoptr (GError) end = NULL;
  GVariant *item;

  while ((item = mp_queue_get (queue, -1, NULL, &end)) != NULL)
    {
      g_print ("Consumer-%s consumed: %s\n", id, g_variant_get_string (item, NULL));
      g_variant_unref (item);
      nap ();
    }

  if (!g_error_matches (end, MP_ERROR, MP_ERROR_CLOSED))
    {
      g_propagate_error (error, g_steal_pointer (&end));
      return FALSE;
    }

  g_print ("Consumer-%s: nothing more to come\n", id);
  return TRUE;
}

static gboolean
play (const char *role,
      const char *id,
      GError    **error)
{
  g_autoptr (MpQueue) queue = MP_QUEUE (mp_inherit ("queue", error));

  if (queue == NULL)
    return FALSE;

  return g_str_equal (role, "produce") ? produce (queue, id, error) : consume (queue, id, error);
}

/* Starts @n processes, or returns NULL. */
static GPtrArray *
start (const char *program,
       const char *role,
       int         n,
       MpQueue    *queue,
       GError    **error)
{
  g_autoptr (GPtrArray) children = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("%d", i);
      MpProcess       *child = make_child (program, role, id);

      g_ptr_array_add (children, child);
      mp_process_give (child, "queue", MP_SHAREABLE (queue));
      if (!mp_process_start (child, error))
        return NULL;
    }

  return g_steal_pointer (&children);
}

static gboolean
join (GPtrArray *children,
      GError   **error)
{
  for (guint i = 0; i < children->len; i++)
    {
      if (!mp_process_join (g_ptr_array_index (children, i), -1, NULL, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpQueue) queue = mp_queue_new (4, error);
  g_autoptr (GPtrArray) producers = NULL;
  g_autoptr (GPtrArray) consumers = NULL;

  if (queue == NULL)
    return FALSE;

  producers = start (program, "produce", N_PRODUCERS, queue, error);
  if (producers == NULL)
    return FALSE;

  consumers = start (program, "consume", N_CONSUMERS, queue, error);
  if (consumers == NULL)
    return FALSE;

  return join (producers, error) && mp_queue_shutdown (queue, FALSE, error) &&
         join (consumers, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done = argc == 1 ? run (argv[0], &error) : play (argv[1], argv[2], &error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
