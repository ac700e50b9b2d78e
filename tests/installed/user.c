/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <mproc-glib/mproc-glib.h>

int
main (void)
{
  GError   *error = NULL;
  MpQueue  *queue = mp_queue_new (0, &error);
  GVariant *value = NULL;

  if (queue != NULL && mp_queue_put (queue, g_variant_new_string ("hello"), -1, NULL, &error))
    value = mp_queue_get (queue, -1, NULL, &error);

  g_assert_no_error (error);
  g_print ("%s\n", g_variant_get_string (value, NULL));
  g_variant_unref (value);
  g_object_unref (queue);

  return 0;
}
