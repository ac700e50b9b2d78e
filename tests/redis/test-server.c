/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-server.h"

#include "test-fork.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const programs[] = { "redis-server", "valkey-server", NULL };

static char *
find_program (void)
{
  char *program = NULL;

  for (guint i = 0; programs[i] != NULL && program == NULL; i++)
    program = g_find_program_in_path (programs[i]);
  return program;
}

/* Not left behind when the test is killed. */
static void
end_with_parent (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static int
open_connection (TestServer *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int                fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_strlcpy (address.sun_path, self->path, sizeof address.sun_path);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  close (fd);
  return -1;
}

char *
test_server_command (TestServer *self,
                     const char *command)
{
  g_autofree char *line = g_strconcat (command, "\r\n", NULL);
  char             reply[4096];
  gssize           n;
  int              fd = open_connection (self);

  if (fd == -1)
    return NULL;
  g_assert_cmpint (write (fd, line, strlen (line)), ==, strlen (line));
  do
    n = read (fd, reply, sizeof reply - 1);
  while (n == -1 && errno == EINTR);
  close (fd);
  if (n <= 0)
    return NULL;
  reply[n] = '\0';
  reply[strcspn (reply, "\r")] = '\0';
  return g_strdup (reply);
}

static gboolean
is_ready (TestServer *self)
{
  g_autofree char *reply = test_server_command (self, "PING");

  return reply != NULL && !g_str_has_prefix (reply, "-LOADING");
}

void
test_server_restart (TestServer        *self,
                     const char *const *options)
{
  g_autofree char *program = find_program ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();
  const char *fixed[] = { program, "--port", "0", "--unixsocket", self->path, "--dir", self->folder,
                          "--save", "", "--logfile", "log" };

  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (arguments, (gpointer) fixed[i]);
  for (guint i = 0; options != NULL && options[i] != NULL; i++)
    g_ptr_array_add (arguments, (gpointer) options[i]);
  g_ptr_array_add (arguments, NULL);

  g_spawn_async (NULL, (char **) arguments->pdata, NULL,
                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, end_with_parent, NULL,
                 &self->pid, &error);
  g_assert_no_error (error);
  test_wait_until (is_ready (self));
}

TestServer *
test_server_start (const char *const *options)
{
  g_autofree char *program = find_program ();
  g_autoptr (GError) error = NULL;
  TestServer *self;

  if (program == NULL)
    return NULL;
  self = g_new0 (TestServer, 1);
  self->folder = g_dir_make_tmp ("mproc-redis-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->folder, "socket", NULL);
  test_server_restart (self, options);
  return self;
}

void
test_server_kill (TestServer *self)
{
  kill (self->pid, SIGKILL);
  while (waitpid (self->pid, NULL, 0) == -1 && errno == EINTR)
    continue;
  self->pid = 0;
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      if (g_file_test (inner, G_FILE_TEST_IS_DIR))
        remove_folder (inner);
      else
        g_unlink (inner);
    }
  g_rmdir (path);
}

void
test_server_stop (TestServer *self)
{
  if (self->pid != 0)
    test_server_kill (self);
  remove_folder (self->folder);
  g_free (self->folder);
  g_free (self->path);
  g_free (self);
}

char *
test_server_find_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t          length = sizeof address;
  int                fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, length), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  close (fd);
  return g_strdup_printf ("%d", ntohs (address.sin_port));
}

char *
test_server_make_uri (TestServer *self,
                      const char *name,
                      const char *parameters)
{
  return g_strdup_printf ("redis+unix://%s?name=%s%s", self->path, name, parameters);
}

int
test_server_run_tests (int          argc,
                       char       **argv,
                       TestServer **server,
                       void (*add_tests) (void))
{
  int result;

  g_test_init (&argc, &argv, NULL);
  *server = test_server_start (NULL);
  if (*server == NULL)
    {
      g_print ("1..0 # SKIP there is no redis-server\n");
      return 0;
    }
  add_tests ();
  result = g_test_run ();
  test_server_stop (*server);
  return result;
}
