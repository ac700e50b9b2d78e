/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* If the system refuses resources to a queue, calls fail with an error, never a signal, and lose
 * nothing.  Each test sets its limit in a separate child. */

#include "config.h"

#include "memory/shared-queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The offset of the low half of a member of the seccomp data. */
#define LOW_WORD(member)                    \
  (offsetof (struct seccomp_data, member) + \
   (G_BYTE_ORDER == G_BIG_ENDIAN ? sizeof (guint32) : 0))

#define backend mp_shared_queue_backend

#define LARGE (100 * 1024)
#define SMALL 1000

/* More than a segment holds. */
#define N_BEFORE 100

static void
run_in_child (void (*func) (gconstpointer data),
              gconstpointer data)
{
  pid_t pid = fork ();
  int   status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      func (data);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (WTERMSIG (status), ==, 0);
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static gpointer
open_new (const MpQueueSettings *settings,
          GError               **error)
{
  MpQueueCall call = { 0 };
  gpointer    queue = backend.open (MP_SHARED_QUEUE_SCHEME ":", NULL, settings, &call);

  if (queue == NULL)
    g_propagate_error (error, call.error);
  return queue;
}

static gpointer
make_queue (MpQueueMode mode)
{
  const MpQueueSettings settings = { .mode = mode };
  g_autoptr (GError) error = NULL;
  gpointer queue = open_new (&settings, &error);

  g_assert_no_error (error);
  return queue;
}

static MpQueueStatus
put (gpointer queue,
     gsize    size,
     guint8   fill)
{
  g_autofree guint8 *payload = g_malloc (size);
  const MpQueueItem  item = { payload, size, 2 };
  MpQueueCall        call = { 0 };
  guint              n_put;

  memset (payload, fill, size);
  return backend.put (queue, &item, 1, &call, &n_put);
}

static void
get (gpointer queue,
     gsize    size,
     guint8   fill)
{
  g_autofree guint8    *buffer = g_malloc (size);
  MpQueueDelivery       delivery = { .buffer = buffer, .capacity = size };
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueCall           call = { 0 };
  MpQueueStatus         answer;
  guint                 n_got;

  g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n_got), ==, MP_QUEUE_OK);
  g_assert_cmpuint (delivery.size, ==, size);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint (buffer[i], ==, fill);
  if (delivery.token.lease != 0)
    g_assert_cmpint (backend.finish (queue, &delivery.token, 1, MP_QUEUE_FINISH_DONE, &answer,
                                     &call),
                     ==, MP_QUEUE_OK);
}

/* --- No memory ---------------------------------------------------------------------------- */

static void
limit_file_size (guint64 size)
{
  const struct rlimit limit = { size, size };

  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

#define POPULATE_WRITE 23

/* Makes all requests for memory fail from now on, as if the system had none. */
static void
refuse_memory (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, LOW_WORD (args[2])),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, POPULATE_WRITE, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSPC),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static guint64
get_file_size (gpointer queue)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (queue, fds, NULL);

  g_assert_nonnull (uri);
  return (guint64) lseek (g_unix_fd_list_peek_fds (fds, NULL)[0], 0, SEEK_END);
}

typedef struct
{
  const char *name;
  MpQueueMode mode;
  gsize       size;
  gboolean    by_file_size;
} Case;

static void
fill_up (gconstpointer data)
{
  const Case   *test = data;
  gpointer      queue = make_queue (test->mode);
  MpQueueStatus status = MP_QUEUE_OK;
  guint         n = 0;

  /* A queue in use has the memory that consumers need to empty it. */
  for (guint i = 0; i < N_BEFORE; i++)
    {
      put (queue, test->size, 0);
      get (queue, test->size, 0);
    }
  put (queue, test->size, 0);
  if (test->by_file_size)
    limit_file_size (get_file_size (queue) + 2 * 1024 * 1024);
  else
    refuse_memory ();

  while (status == MP_QUEUE_OK)
    status = put (queue, test->size, (guint8) ++n);
  g_assert_cmpint (status, ==, MP_QUEUE_NO_SPACE);
  for (guint i = 0; i < n; i++)
    get (queue, test->size, (guint8) i);

  /* Freed memory can be used again. */
  g_assert_cmpint (put (queue, test->size, 77), ==, MP_QUEUE_OK);
  get (queue, test->size, 77);
  backend.free (queue);
}

static void
test_no_memory (gconstpointer data)
{
  run_in_child (fill_up, data);
}

/* A queue that cannot be created. */
static void
make_without_memory (gconstpointer data)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  g_autoptr (GError) error = NULL;

  refuse_memory ();
  g_assert_null (open_new (&settings, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
}

static void
make_beyond_file_size (gconstpointer data)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  g_autoptr (GError) error = NULL;

  limit_file_size (1024 * 1024);
  g_assert_null (open_new (&settings, &error));
  g_assert_nonnull (error);
}

static void
test_make (void)
{
  run_in_child (make_without_memory, NULL);
  run_in_child (make_beyond_file_size, NULL);
}

/* --- No address space ----------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

static void
test_address_space (void)
{
  g_test_skip ("a sanitizer needs all of the address space");
}

#else

static void
limit_address_space (guint64 size)
{
  const struct rlimit limit = { size, size };

  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
}

/* Fails with the size that the queue needs. */
static void
assert_no_space (gpointer queue,
                 GError  *error)
{
  g_assert_null (queue);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM);
  g_assert_nonnull (strstr (error->message, "max-bytes"));
}

/* A queue with default settings adapts to the limit; one with a bound fails.  The first of these
 * needs a little more than 4 GiB, which would be little in 32 bits. */
static void
make_in_little_space (gconstpointer data)
{
  static const guint64 sizes[] = {
    G_GUINT64_CONSTANT (3) << 29,
    G_GUINT64_CONSTANT (4) << 30,
    G_GUINT64_CONSTANT (128) << 30,
  };
  gpointer queue;

  limit_address_space (G_GUINT64_CONSTANT (2) << 30);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const MpQueueSettings large = { .max_bytes = sizes[i] };
      g_autoptr (GError) error = NULL;

      queue = open_new (&large, &error);
      assert_no_space (queue, error);
    }

  queue = make_queue (MP_QUEUE_MODE_PLAIN);
  g_assert_cmpint (put (queue, LARGE, 1), ==, MP_QUEUE_OK);
  get (queue, LARGE, 1);
  backend.free (queue);
}

static void
test_address_space (void)
{
  run_in_child (make_in_little_space, NULL);
}

#endif

/* --- Core dumps ----------------------------------------------------------------------------- */

/* Returns the flags of the mapping of a queue's memory from /proc.  Another mapping, which nobody
 * can read, only keeps its description open. */
static char *
find_flags (const char *maps)
{
  g_auto (GStrv) lines = g_strsplit (maps, "\n", -1);
  guint i = 0;

  while (lines[i] != NULL && (strstr (lines[i], " rw-s ") == NULL ||
                              strstr (lines[i], "/memfd:mproc-glib-queue") == NULL))
    i++;
  while (lines[i] != NULL && !g_str_has_prefix (lines[i], "VmFlags:"))
    i++;
  return g_strdup (lines[i]);
}

static void
test_core_dump (void)
{
  gpointer         queue = make_queue (MP_QUEUE_MODE_PLAIN);
  g_autofree char *maps = NULL, *flags = NULL;

  if (g_file_get_contents ("/proc/self/smaps", &maps, NULL, NULL))
    flags = find_flags (maps);
  if (flags == NULL)
    g_test_skip ("the system does not list the flags of mappings");
  else
    g_assert_nonnull (strstr (flags, " dd"));
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  static const Case cases[] = {
    { "/exhaustion/file-size/plain/small", MP_QUEUE_MODE_PLAIN, SMALL, TRUE },
    { "/exhaustion/file-size/plain/large", MP_QUEUE_MODE_PLAIN, LARGE, TRUE },
    { "/exhaustion/file-size/acknowledged/small", MP_QUEUE_MODE_ACKNOWLEDGED, SMALL, TRUE },
    { "/exhaustion/file-size/acknowledged/large", MP_QUEUE_MODE_ACKNOWLEDGED, LARGE, TRUE },
    { "/exhaustion/memory/plain/small", MP_QUEUE_MODE_PLAIN, SMALL, FALSE },
    { "/exhaustion/memory/plain/large", MP_QUEUE_MODE_PLAIN, LARGE, FALSE },
    { "/exhaustion/memory/acknowledged/small", MP_QUEUE_MODE_ACKNOWLEDGED, SMALL, FALSE },
    { "/exhaustion/memory/acknowledged/large", MP_QUEUE_MODE_ACKNOWLEDGED, LARGE, FALSE },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].name, &cases[i], test_no_memory);
  g_test_add_func ("/exhaustion/make", test_make);
  g_test_add_func ("/exhaustion/address-space", test_address_space);
  g_test_add_func ("/exhaustion/core-dump", test_core_dump);
  return g_test_run ();
}
