/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "numbers.h"

#include "test-fork.h"

MpQueue *
make (guint max_size)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (max_size, &error);

  g_assert_no_error (error);
  g_assert_nonnull (queue);
  return queue;
}

void
put_int (gpointer queue,
         gint64   value)
{
  g_autoptr (GError) error = NULL;
  GVariant *variant = g_variant_new_int64 (value);
  gboolean  is_put = mp_queue_put (queue, variant, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (is_put);
}

gint64
get_int (gpointer queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (queue, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64));
  return g_variant_get_int64 (value);
}

int
put_numbers (gpointer data)
{
  for (int i = 0; i < 10000; i++)
    put_int (data, i);
  return 0;
}
