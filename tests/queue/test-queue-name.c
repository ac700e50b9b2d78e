/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The name of a queue, by which tools show it. */

#include "config.h"

#include <gio/gunixfdlist.h>
#include <mproc-glib/mproc-glib.h>

#define LONGEST "a23456789-123456789-123456789-123456789-123456789-123456789-123"

static MpQueue *
new_named (GType       type,
           const char *name,
           GError    **error)
{
  g_autoptr (MpQueue) queue = g_object_new (type, "name", name, NULL);

  /* The error of a queue that could not be created is reported by its first use. */
  return mp_queue_put (queue, g_variant_new_boolean (TRUE), 0, NULL, error)
           ? g_steal_pointer (&queue)
           : NULL;
}

static void
test_shared (void)
{
  const GType types[] = { MP_TYPE_QUEUE, MP_TYPE_JOINABLE_QUEUE, MP_TYPE_SIMPLE_QUEUE };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpQueue) queue = new_named (types[i], "tasks", &error);
      g_autoptr (MpShareable) again = NULL;
      g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
      g_autoptr (GVariant) description = NULL;
      g_autofree char *path = NULL;
      g_autofree char *target = NULL;

      g_assert_no_error (error);
      description = mp_shareable_describe (MP_SHAREABLE (queue), descriptors, &error);
      g_assert_no_error (error);
      path = g_strdup_printf ("/proc/self/fd/%d",
                              g_unix_fd_list_peek_fds (descriptors, NULL)[0]);
      target = g_file_read_link (path, &error);
      g_assert_no_error (error);
      g_assert_nonnull (strstr (target, "mproc-glib-queue:tasks"));

      again = mp_shareable_open (description, descriptors, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (mp_queue_get_name (MP_QUEUE (again)), ==, "tasks");
    }
}

static void
test_none (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = new_named (MP_TYPE_QUEUE, NULL, &error);

  g_assert_no_error (error);
  g_assert_null (mp_queue_get_name (queue));
}

static void
test_rules (void)
{
  const char *good[] = { "a", "Tasks-2.of_mine", LONGEST };
  const char *bad[] = { "", "4", "_a", "a b", "a/b", "\303\244", "a\n", "a\033[0m", LONGEST "4" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpQueue) queue = new_named (MP_TYPE_QUEUE, good[i], &error);

      g_assert_no_error (error);
      g_assert_cmpstr (mp_queue_get_name (queue), ==, good[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (new_named (MP_TYPE_QUEUE, bad[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue-name/shared", test_shared);
  g_test_add_func ("/queue-name/none", test_none);
  g_test_add_func ("/queue-name/rules", test_rules);

  return g_test_run ();
}
