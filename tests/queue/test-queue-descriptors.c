/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that close all their descriptors, as daemons do, and open other files under the same
 * numbers: they lose the queue, and harm neither those files nor other users of the queue. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <sys/eventfd.h>

#define FIRST      3
#define END        64
#define LARGE_SIZE (8 * 1024 * 1024)

static const char content[] = "nobody else writes here";

typedef struct
{
  MpQueue *queue;
  int      inherited[2]; /* pipes between parent and child, above what is closed */
  gboolean attached;     /* before the descriptors were closed */
  int (*open_one) (void);
} Program;

/* --- What is opened under the numbers ---------------------------------------------------- */

static int
open_file (void)
{
  g_autofree char *name = NULL;
  int              fd = g_file_open_tmp (NULL, &name, NULL);

  g_assert_cmpint (fd, !=, -1);
  unlink (name);
  g_assert_cmpint (write (fd, content, sizeof content), ==, sizeof content);
  return fd;
}

static int
open_eventfd (void)
{
  return eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int
open_nothing (void)
{
  return -1;
}

/* Whether the file is unchanged since it was opened. */
static gboolean
is_untouched (Program *program,
              int      fd)
{
  char    found[sizeof content + 1];
  guint64 count;

  if (program->open_one == open_eventfd)
    return read (fd, &count, sizeof count) == -1 && errno == EAGAIN;
  return lseek (fd, 0, SEEK_SET) == 0 && read (fd, found, sizeof found) == sizeof content &&
         memcmp (found, content, sizeof content) == 0;
}

static void
replace_descriptors (Program *program)
{
  for (int fd = FIRST; fd < END; fd++)
    close (fd);
  for (int fd = FIRST; fd < END && program->open_one != open_nothing; fd++)
    g_assert_cmpint (program->open_one (), ==, fd);
}

static gboolean
all_are_untouched (Program *program)
{
  for (int fd = FIRST; fd < END && program->open_one != open_nothing; fd++)
    if (!is_untouched (program, fd))
      return FALSE;
  return TRUE;
}

/* --- What the program still tries --------------------------------------------------------- */

static gboolean
is_error (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Repeats for a while until the loss is noticed: calls that need no descriptor may still succeed.
 */
static gboolean
loses_queue (MpQueue *queue)
{
  g_autofree guint8 *large = g_malloc0 (LARGE_SIZE);

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *data = NULL;
      gsize              length;

      if (!mp_queue_put_data (queue, large, LARGE_SIZE, 0, NULL, &error))
        return is_error (error);
      data = mp_queue_get_data (queue, 5000, NULL, &length, &error);
      if (data == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        return is_error (error);
      mp_queue_get_fd (queue);
    }
  return FALSE;
}

static void
say (Program *program)
{
  g_assert_cmpint (write (program->inherited[1], "x", 1), ==, 1);
}

static int
run_program (gpointer data)
{
  Program *program = data;
  gboolean lost, untouched;

  /* With a descriptor for a main loop, and after sleeping once, which opens descriptors too. */
  if (program->attached)
    {
      g_assert_cmpint (mp_queue_get_fd (program->queue), >=, 0);
      mp_queue_get_data (program->queue, 50000, NULL, &(gsize){ 0 }, NULL);
    }
  replace_descriptors (program);
  lost = loses_queue (program->queue);
  untouched = all_are_untouched (program);
  g_object_unref (program->queue);
  untouched = untouched && all_are_untouched (program);
  say (program);
  return (lost ? 0 : 1) + (untouched ? 0 : 2);
}

/* --- The others ---------------------------------------------------------------------------- */

static void
move_up (int *fd)
{
  int moved = fcntl (*fd, F_DUPFD_CLOEXEC, 200);

  close (*fd);
  *fd = moved;
}

static void
test_program (gconstpointer data)
{
  Program program = *(const Program *) data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) task = NULL;
  g_autoptr (MpJoinableQueue) queue = mp_joinable_queue_new (0, &error);

  g_assert_no_error (error);
  program.queue = MP_QUEUE (queue);
  g_assert_cmpint (pipe (program.inherited), ==, 0);
  move_up (&program.inherited[0]);
  move_up (&program.inherited[1]);

  /* Held by this process while the program loses its descriptors. */
  g_assert_true (mp_queue_put (program.queue, g_variant_new_int32 (1), 0, NULL, &error));
  task = mp_queue_get (program.queue, 0, NULL, &error);
  g_assert_no_error (error);

  test_wait_child (test_fork (run_program, &program), 0);

  /* The task was not taken away, and the queue is not damaged; the program's message may be queued.
   */
  g_assert_true (mp_joinable_queue_task_done (queue, &error));
  g_assert_no_error (error);
  g_assert_true (mp_queue_put (program.queue, g_variant_new_int32 (2), 0, NULL, &error));
  g_assert_no_error (error);
  close (program.inherited[0]);
  close (program.inherited[1]);
}

int
main (int   argc,
      char *argv[])
{
  static const Program programs[] = {
    { .attached = TRUE, .open_one = open_file },
    { .attached = TRUE, .open_one = open_eventfd },
    { .attached = TRUE, .open_one = open_nothing },
    { .attached = FALSE, .open_one = open_file },
    { .attached = FALSE, .open_one = open_nothing },
  };

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/queue/descriptors/files", &programs[0], test_program);
  g_test_add_data_func ("/queue/descriptors/eventfds", &programs[1], test_program);
  g_test_add_data_func ("/queue/descriptors/closed", &programs[2], test_program);
  g_test_add_data_func ("/queue/descriptors/files-at-first-use", &programs[3], test_program);
  g_test_add_data_func ("/queue/descriptors/closed-at-first-use", &programs[4], test_program);

  return g_test_run ();
}
