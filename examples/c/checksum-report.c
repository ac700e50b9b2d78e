/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "checksum-report.h"

#include <string.h>
#include <unistd.h>

#define BAR_WIDTH        30
#define BAR_INTERVAL_MS  100
#define LINE_INTERVAL_MS 2000

/* The statistics of one worker. */
typedef struct
{
  guint   n_files;
  guint64 n_bytes;
  double  seconds;
} Share;

struct _ChecksumReport
{
  guint    n_files;
  guint64  n_bytes;
  Share    done;
  GTree   *shares;
  gint64   start;
  guint    timer;
  gboolean on_terminal;
};

static double
megabytes (guint64 n_bytes)
{
  return n_bytes / 1e6;
}

static double
elapsed (ChecksumReport *self)
{
  gint64 elapsed_us = g_get_monotonic_time () - self->start;

  return (double) MAX (elapsed_us, 1) / G_USEC_PER_SEC;
}

/* "1234 of 5678 files, 910.1 MB, 2345 files/s, 3 s left"; the remaining time is estimated from
 * bytes. */
static char *
describe (ChecksumReport *self)
{
  double seconds = elapsed (self);
  double left = self->done.n_bytes > 0 ? (double) self->n_bytes / self->done.n_bytes - 1 : 0;

  return g_strdup_printf ("%u of %u files, %.1f MB, %.0f files/s, %.0f MB/s, %.0f s left",
                          self->done.n_files, self->n_files, megabytes (self->done.n_bytes),
                          self->done.n_files / seconds, megabytes (self->done.n_bytes) / seconds,
                          MAX (left, 0) * seconds);
}

static gboolean
show_progress_cb (gpointer user_data)
{
  ChecksumReport  *self = user_data;
  g_autofree char *text = describe (self);

  if (self->on_terminal)
    {
      guint            n_files = MAX (self->n_files, 1);
      guint            filled = BAR_WIDTH * self->done.n_files / n_files;
      g_autofree char *bar = g_strnfill (BAR_WIDTH, ' ');

      for (guint i = 0; i < filled; i++)
        bar[i] = '#';
      g_print ("\r\033[K[%s] %s", bar, text);
    }
  else
    {
      g_print ("%s\n", text);
    }

  return G_SOURCE_CONTINUE;
}

static int
compare_names (gconstpointer a,
               gconstpointer b,
               gpointer      user_data)
{
  return strcmp (a, b);
}

ChecksumReport *
checksum_report_new (guint   n_files,
                     guint64 n_bytes)
{
  ChecksumReport *self = g_new0 (ChecksumReport, 1);

  self->n_files = n_files;
  self->n_bytes = n_bytes;
  self->shares = g_tree_new_full (compare_names, NULL, g_free, g_free);
  self->start = g_get_monotonic_time ();
  self->on_terminal = isatty (STDOUT_FILENO);
  self->timer = g_timeout_add (self->on_terminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS,
                               show_progress_cb, self);

  return self;
}

void
checksum_report_free (ChecksumReport *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_tree_unref (self->shares);
  g_free (self);
}

/* Prints a line above the progress bar. */
void
checksum_report_say (ChecksumReport *self,
                     const char     *format,
                     ...)
{
  g_autofree char *text = NULL;
  va_list          arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_print ("%s%s\n", self->on_terminal ? "\r\033[K" : "", text);
}

static void
add (Share  *share,
     guint64 size,
     double  seconds)
{
  share->n_files++;
  share->n_bytes += size;
  share->seconds += seconds;
}

void
checksum_report_count (ChecksumReport *self,
                       const char     *worker,
                       guint64         size,
                       double          seconds)
{
  Share *share = g_tree_lookup (self->shares, worker);

  if (share == NULL)
    {
      share = g_new0 (Share, 1);
      g_tree_insert (self->shares, g_strdup (worker), share);
    }

  add (share, size, seconds);
  add (&self->done, size, seconds);
}

static void
print_row (const char  *name,
           const Share *share)
{
  g_print ("%-12s %8u %12.1f %9.2f %9.1f\n", name, share->n_files, megabytes (share->n_bytes),
           share->seconds,
           share->seconds > 0 ? megabytes (share->n_bytes) / share->seconds : 0);
}

static gboolean
print_row_cb (gpointer key,
              gpointer value,
              gpointer user_data)
{
  print_row (key, value);

  return FALSE;
}

/* Ends the progress bar, and prints the statistics of each worker.  The seconds of a worker are
 * those spent on files; the seconds of all workers are elapsed time. */
void
checksum_report_table (ChecksumReport *self)
{
  Share total = self->done;

  total.seconds = elapsed (self);
  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->on_terminal)
    g_print ("\r\033[K");

  g_print ("\n%-12s %8s %12s %9s %9s\n", "worker", "files", "MB", "seconds", "MB/s");
  g_tree_foreach (self->shares, print_row_cb, NULL);
  print_row ("all", &total);
  g_print ("\n");
}
