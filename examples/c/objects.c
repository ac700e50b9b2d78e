/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sends objects of a class, and values of any type: objects */

#include <math.h>

#include "child.h"
#include "reading.h"

static gboolean
print_reading (MpQueue *objects,
               GError **error)
{
  g_autoptr (MpMessage) message = mp_queue_get_message (objects, -1, NULL, error);
  g_autoptr (GObject) object = NULL;
  Reading *reading;

  if (message == NULL)
    return FALSE;

  object = mp_message_get_object (message, TYPE_READING, error);
  if (object == NULL)
    return FALSE;

  reading = EXAMPLE_READING (object);
  g_print ("%s: %g C are %g F\n", reading_get_sensor (reading), reading_get_celsius (reading),
           reading_to_fahrenheit (reading));
  return TRUE;
}

static gboolean
print_values (MpQueue *values,
              GError **error)
{
  g_autoptr (GError) end = NULL;
  GVariant *value;

  while ((value = mp_queue_get (values, -1, NULL, &end)) != NULL)
    {
      g_autofree char *text = g_variant_print (value, FALSE);

      g_print ("%s: %s\n", g_variant_get_type_string (value), text);
      g_variant_unref (value);
    }

  /* The queue was shut down and is drained. */
  if (g_error_matches (end, MP_ERROR, MP_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&end));
  return FALSE;
}

static gboolean
work (GError **error)
{
  g_autoptr (MpQueue) objects = MP_QUEUE (mp_inherit ("objects", error));
  g_autoptr (MpQueue) values = NULL;

  if (objects == NULL)
    return FALSE;

  values = MP_QUEUE (mp_inherit ("values", error));
  if (values == NULL)
    return FALSE;

  return print_reading (objects, error) && print_values (values, error);
}

static gboolean
put_values (MpQueue *values,
            GError **error)
{
  GVariant *numbers = g_variant_new_parsed ("{1: 'one', 2: 'two'}");

  return mp_queue_put (values, g_variant_new_uint64 ((guint64) 1 << 63), -1, NULL, error) &&
         mp_queue_put (values, g_variant_new_double (-INFINITY), -1, NULL, error) &&
         mp_queue_put (values, numbers, -1, NULL, error) &&
         mp_queue_shutdown (values, FALSE, error);
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpQueue) objects = mp_queue_new (0, error);
  g_autoptr (MpQueue) values = objects != NULL ? mp_queue_new (0, error) : NULL;
  g_autoptr (MpProcess) worker = make_child (program, "work", NULL);
  g_autoptr (Reading) reading = reading_new ("attic", 21.5);
  g_autoptr (MpMessage) message = mp_message_new_object (G_OBJECT (reading));

  if (values == NULL)
    return FALSE;

  mp_process_give (worker, "objects", MP_SHAREABLE (objects));
  mp_process_give (worker, "values", MP_SHAREABLE (values));

  return mp_process_start (worker, error) &&
         mp_queue_put_message (objects, message, -1, NULL, error) &&
         put_values (values, error) &&
         mp_process_join (worker, -1, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done;

  /* Objects are created from messages only if their class is enabled. */
  mp_serializable_enable (TYPE_READING);

  done = argc == 1 ? run (argv[0], &error) : work (&error);
  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
