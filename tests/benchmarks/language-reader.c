/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <mproc-glib/mproc-glib.h>

/* The worker in C of language_peer.py: reads messages of Python and JavaScript as GVariant.
 *
 * bench-language-reader get dict SIZE N */

static MpQueue *
inherit (const char *name)
{
  g_autoptr (GError) error = NULL;
  MpShareable *queue = mp_inherit (name, &error);

  if (queue == NULL)
    g_error ("%s: %s", name, error->message);
  return MP_QUEUE (queue);
}

static gint64
read_number (MpQueue *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (values, -1, NULL, &error);
  gint64 number;

  if (value == NULL || !g_variant_lookup (value, "id", "x", &number))
    g_error ("No dictionary: %s", error != NULL ? error->message : "it has no number");
  return number;
}

static void
report (MpQueue  *reports,
        GVariant *facts)
{
  if (!mp_queue_put (reports, facts, -1, NULL, NULL))
    g_error ("Nobody listens");
}

int
main (int    argc,
      char **argv)
{
  guint64 n = argc == 5 ? g_ascii_strtoull (argv[4], NULL, 10) : 0;
  g_autoptr (MpQueue) values = inherit ("values");
  g_autoptr (MpQueue) reports = inherit ("reports");
  g_autoptr (MpQueue) starts = inherit ("starts");
  g_autoptr (GVariant) start = NULL;
  gint64 sum = 0;

  report (reports, g_variant_new_parsed ("@a{sv} {}"));
  start = mp_queue_get (starts, -1, NULL, NULL);
  for (guint64 i = 0; i < n; i++)
    sum += read_number (values);
  report (reports, g_variant_new_parsed ("{'end': <%d>, 'sum': <%x>}",
                                         (double) g_get_monotonic_time (), sum));
  return 0;
}
