/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Without /proc, and in an empty root directory: objects from before and new ones work, and what
 * needs /proc says so. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "test-fork.h"

#define SKIPPED 77

/* What exists before the process loses sight of the file system. */
typedef struct
{
  MpQueue      *queue;
  MpConnection *first;
  MpConnection *second;
  const char   *root;
} World;

typedef struct
{
  const char *path;
  gboolean (*enter) (const World *world);
  void (*use) (World *world);

  /* Whether a process that is forked before uses the objects. */
  gboolean in_child;
} Case;

/* --- Losing /proc ---------------------------------------------------------------------------- */

/* Hides /proc from this process only. */
static gboolean
hide_proc (const World *world)
{
  if (unshare (CLONE_NEWNS) == -1 && unshare (CLONE_NEWUSER | CLONE_NEWNS) == -1)
    return FALSE;

  return mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount ("none", "/proc", "tmpfs", 0, NULL) == 0;
}

static gboolean
change_root (const World *world)
{
  if (chroot (world->root) == -1 &&
      (unshare (CLONE_NEWUSER) == -1 || chroot (world->root) == -1))
    return FALSE;

  return chdir ("/") == 0 && access ("/proc", F_OK) == -1;
}

/* --- What works ------------------------------------------------------------------------------ */

static void
assert_round_trip (MpQueue *queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  mp_queue_put (queue, g_variant_new_int32 (7), 0, NULL, &error);
  g_assert_no_error (error);
  value = mp_queue_get (queue, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
}

static void
got_cb (GObject      *queue,
        GAsyncResult *result,
        gpointer      data)
{
  g_autoptr (GError) error = NULL;
  GVariant **value = data;

  *value = mp_queue_get_finish (MP_QUEUE (queue), result, &error);
  g_assert_no_error (error);
}

static void
assert_wakes_main_loop (MpQueue *queue)
{
  g_autoptr (GVariant) value = NULL;

  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, got_cb, &value);
  g_main_context_iteration (NULL, FALSE);
  g_assert_null (value);
  mp_queue_put (queue, g_variant_new_int32 (8), 0, NULL, NULL);
  while (value == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 8);
}

static void
use_queue (World *world)
{
  g_autoptr (GError) error = NULL;
  MpWaitable             *objects[] = { MP_WAITABLE (world->queue) };
  g_autofree MpWaitable **ready = NULL;
  gsize                   n_ready = 0;

  assert_round_trip (world->queue);
  assert_wakes_main_loop (world->queue);
  mp_queue_put (world->queue, g_variant_new_int32 (9), 0, NULL, &error);
  g_assert_no_error (error);
  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
}

static void
make_queue (World *world)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = mp_queue_new (0, &error);

  g_assert_no_error (error);
  assert_round_trip (queue);
  assert_wakes_main_loop (queue);
}

static void
use_connection (World *world)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  MpWaitable             *objects[] = { MP_WAITABLE (world->second) };
  g_autofree MpWaitable **ready = NULL;
  gsize                   n_ready = 0;

  mp_connection_send (world->first, g_variant_new_int32 (7), -1, NULL, &error);
  g_assert_no_error (error);
  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  value = mp_connection_recv (world->second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
}

static void
make_connection (World *world)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  World inside = { NULL };

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  inside.first = first;
  inside.second = second;
  use_connection (&inside);
}

static gpointer
open_in_thread (gpointer address)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("key", 3);
  g_autoptr (GError) error = NULL;
  MpConnection *connection = mp_connect (address, key, -1, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
assert_accepts (const char *wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) key = g_bytes_new_static ("key", 3);
  g_autoptr (MpListener) listener = mp_listener_new (wanted, key, &error);
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autofree char *address = NULL;
  GThread         *thread;
  World            inside = { NULL };

  g_assert_no_error (error);
  address = mp_listener_get_address (listener);
  thread = g_thread_new ("client", open_in_thread, address);
  second = mp_listener_accept (listener, -1, NULL, &error);
  g_assert_no_error (error);
  first = g_thread_join (thread);
  inside.first = first;
  inside.second = second;
  use_connection (&inside);
}

static void
make_listener (World *world)
{
  assert_accepts ("unix:");
  assert_accepts ("tcp:127.0.0.1:0");
}

/* --- What needs /proc ------------------------------------------------------------------------ */

static void
assert_needs_proc (const GError *error)
{
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "/proc"));
}

static int
put_in_child (gpointer queue)
{
  g_autoptr (GError) error = NULL;

  mp_queue_put (queue, g_variant_new_int32 (1), 0, NULL, &error);
  assert_needs_proc (error);
  return 0;
}

static void
pass_queue (World *world)
{
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GError) error = NULL;

  description = mp_shareable_describe (MP_SHAREABLE (world->queue), descriptors, &error);
  assert_needs_proc (error);
  test_wait_child (test_fork (put_in_child, world->queue), 0);
}

/* --- The cases ------------------------------------------------------------------------------- */

typedef struct
{
  const Case *one;
  World      *world;
} Run;

static int
run_inside (gpointer data)
{
  Run *run = data;

  if (!run->one->enter (run->world))
    return SKIPPED;

  run->one->use (run->world);
  return 0;
}

static int
run_case (gpointer data)
{
  Run   *run = data;
  World *world = run->world;
  g_autoptr (GError) error = NULL;
  int status;

  world->queue = mp_queue_new (0, &error);
  g_assert_no_error (error);
  mp_pipe (TRUE, &world->first, &world->second, &error);
  g_assert_no_error (error);
  if (!run->one->in_child)
    return run_inside (run);

  assert_round_trip (world->queue);
  g_assert_cmpint (waitpid (test_fork (run_inside, run), &status, 0), >, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 1;
}

static void
test_without_proc (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *root = g_dir_make_tmp ("mproc-glib-XXXXXX", &error);
  g_autofree char *temporary = g_build_filename (root, "tmp", NULL);
  World            world = { .root = root };
  Run              run = { data, &world };
  int              status = 0;
  int              child;

  g_assert_no_error (error);
  g_assert_cmpint (g_mkdir (temporary, 0700), ==, 0);
  child = test_fork (run_case, &run);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == SKIPPED)
    g_test_skip ("this process may not change what it sees of the file system");
  else
    g_assert_cmpint (status, ==, 0);

  g_assert_cmpint (g_rmdir (temporary), ==, 0);
  g_assert_cmpint (g_rmdir (root), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  static const Case cases[] = {
    { "/no-proc/queue/from-before", hide_proc, use_queue, FALSE },
    { "/no-proc/queue/new", hide_proc, make_queue, FALSE },
    { "/no-proc/queue/passed", hide_proc, pass_queue, FALSE },
    { "/no-proc/connection", hide_proc, make_connection, FALSE },
    { "/chroot/queue/from-before", change_root, use_queue, FALSE },
    { "/chroot/queue/in-child", change_root, use_queue, TRUE },
    { "/chroot/queue/new", change_root, make_queue, FALSE },
    { "/chroot/queue/passed", change_root, pass_queue, FALSE },
    { "/chroot/connection/from-before", change_root, use_connection, FALSE },
    { "/chroot/connection/in-child", change_root, use_connection, TRUE },
    { "/chroot/connection/new", change_root, make_connection, FALSE },
    { "/chroot/listener", change_root, make_listener, FALSE },
  };

  g_unsetenv ("XDG_RUNTIME_DIR");
  g_setenv ("TMPDIR", "/tmp", TRUE);
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i], test_without_proc);

  return g_test_run ();
}
