/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replaces libFuzzer: tries every file of a directory, one test case each. */

#include <glib.h>

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

static void
test_file (gconstpointer path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char   *contents = NULL;
  g_autofree guint8 *data = NULL;
  gsize              size;

  g_file_get_contents (path, &contents, &size, &error);
  g_assert_no_error (error);

  /* Copied without the NUL that GLib appends, so that a read past the end is detected. */
  data = g_memdup2 (contents, size);
  g_assert_cmpint (LLVMFuzzerTestOneInput (data, size), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GDir) folder = NULL;
  g_autoptr (GError) error = NULL;
  const char *name;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);

  folder = g_dir_open (argv[1], 0, &error);
  g_assert_no_error (error);

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *target = g_path_get_basename (argv[1]);
      g_autofree char *case_name = g_strdup_printf ("/fuzzing/%s/%s", target, name);

      g_test_add_data_func_full (case_name, g_build_filename (argv[1], name, NULL), test_file,
                                 g_free);
    }

  return g_test_run ();
}
