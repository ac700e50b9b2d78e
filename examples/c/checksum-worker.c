/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker of "checksum a tree": gets paths and puts digests until the queue of tasks is shut down.
 * The coordinator starts it and passes it both queues; or it opens those that the coordinator has
 * been given:
 *
 *   checksum-worker [--queue URI] [NAME]
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mproc-glib/mproc-glib.h>

#define CHUNK_SIZE (256 * 1024)

static char *queue_option;

static const GOptionEntry options[] = {
  { "queue", 0, 0, G_OPTION_ARG_STRING, &queue_option, "The coordinator's queue", "URI" },
  G_OPTION_ENTRY_NULL
};

/* Of files that take a while, `mproc top` shows how far they are. */
static void
report_progress (MpTask     *task,
                 const char *path,
                 gint64      done,
                 gint64      size)
{
  g_autofree char *name = g_filename_display_basename (path);

  if (size > CHUNK_SIZE)
    mp_task_set_progress (task, MIN ((double) done / size, 1), name, NULL);
}

/* Reads a file into @checksum; returns its size, or -1 with errno set. */
static gint64
digest_file (MpTask     *task,
             const char *path,
             GChecksum  *checksum)
{
  static guint8 chunk[CHUNK_SIZE];
  struct stat   status;
  gint64        size = 0;
  ssize_t       n;
  int           fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0 || fstat (fd, &status) < 0)
    return -1;

  while ((n = read (fd, chunk, sizeof chunk)) > 0)
    {
      g_checksum_update (checksum, chunk, n);
      size += n;
      report_progress (task, path, size, status.st_size);
    }

  if (n < 0)
    size = -1;

  close (fd);

  return size;
}

/* A path is bytes, since a file name need not be UTF-8. */
static GVariant *
checksum_file (const char *worker,
               MpTask     *task,
               GVariant   *path)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (path);
  g_autofree char *name = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  gint64           start = g_get_monotonic_time ();
  gint64           size = digest_file (task, name, checksum);
  GVariantDict     result;

  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert_value (&result, "path", path);
  g_variant_dict_insert (&result, "worker", "s", worker);
  if (size >= 0)
    {
      g_variant_dict_insert (&result, "digest", "s", g_checksum_get_string (checksum));
      g_variant_dict_insert (&result, "size", "x", size);
    }
  else
    {
      g_variant_dict_insert (&result, "error", "s", g_strerror (errno));
    }
  g_variant_dict_insert (&result, "seconds", "d",
                         (g_get_monotonic_time () - start) / (double) G_USEC_PER_SEC);

  return g_variant_dict_end (&result);
}

static gboolean
work (const char      *worker,
      MpJoinableQueue *tasks,
      MpQueue         *results,
      GError         **error)
{
  while (TRUE)
    {
      g_autoptr (MpTask) task = mp_joinable_queue_get_task (tasks, -1, NULL, error);
      g_autoptr (GVariant) path = NULL;

      if (task != NULL)
        path = mp_message_get_variant (mp_task_get_message (task), error);
      if (path == NULL)
        return FALSE;

      /* Put the result before marking the task as done: if the worker is killed in between, another
       * one repeats the task, and the coordinator gets the result twice. */
      if (!mp_queue_put (results, checksum_file (worker, task, path), -1, NULL, error) ||
          !mp_task_done (task, error))
        return FALSE;
    }
}

static gboolean
get_queues (MpJoinableQueue **tasks,
            MpQueue         **results,
            GError          **error)
{
  g_autofree char *uri = NULL;

  if (queue_option == NULL)
    {
      *tasks = (MpJoinableQueue *) mp_inherit ("tasks", error);
      *results = *tasks != NULL ? (MpQueue *) mp_inherit ("results", error) : NULL;
    }
  else
    {
      uri = g_strconcat (queue_option, "-results", NULL);
      *tasks = mp_joinable_queue_open (queue_option, NULL, error);
      *results = *tasks != NULL ? mp_queue_open (uri, NULL, error) : NULL;
    }

  return *results != NULL;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("[NAME]");
  g_autoptr (GError) error = NULL;
  g_autoptr (MpJoinableQueue) tasks = NULL;
  g_autoptr (MpQueue) results = NULL;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  if (get_queues (&tasks, &results, &error))
    work (argc > 1 ? argv[1] : "c", tasks, results, &error);

  /* The coordinator has shut the queue down: there are no more tasks. */
  if (g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED))
    return 0;

  g_printerr ("%s: %s\n", argv[0], error->message);

  return 1;
}
