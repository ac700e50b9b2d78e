/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "memory.h"

#include "base/mp-errno.h"
#include "bell-pipe.h"
#include "mp-error.h"
#include "named-folder.h"
#include "queue-name.h"
#include "step.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Without these seals another process could truncate the file, and reading it would raise SIGBUS.
 */
#define REQUIRED_SEALS  (F_SEAL_SHRINK | F_SEAL_SEAL)
#define ARENA_ALIGNMENT ((guint64) MP_SEGMENT_SIZE)
#define MAX_UNITS       (G_GUINT64_CONSTANT (1) << 27)

static gboolean
fail_damaged (GError    **error,
              const char *what)
{
  g_set_error (error, MP_ERROR, MP_ERROR_DAMAGED, _ ("Not the memory of a queue: %s"), what);
  return FALSE;
}

static guint64
links_offset (const MpConfig *config)
{
  return (MP_OFFSET_UNITS + config->n_units_cap + MP_CACHE_LINE - 1) &
         ~(guint64) (MP_CACHE_LINE - 1);
}

static guint64
arena_offset (const MpConfig *config)
{
  guint64 end = links_offset (config) + config->n_units_cap * sizeof (MpUnitLink);

  return (end + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
}

static gboolean
fail_to_map (MpMemory *self,
             GError  **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
               _ ("There is no address space for a queue with max-bytes %" PRIu64
                  ": it needs %" PRIu64 " MiB, and less with a smaller max-bytes"
                  " (see also ulimit -v): %s"),
               self->config.max_bytes, self->mapped_size >> 20, g_strerror (ENOMEM));
  return FALSE;
}

/* A file that only this user can open, on tmpfs, as queues with names have: sealing is impossible
 * there, so a process of the same user could truncate it while it is in use. */
static gboolean
is_private (int fd)
{
  struct stat   status;
  struct statfs system;

  return fstat (fd, &status) == 0 && fstatfs (fd, &system) == 0 && status.st_uid == geteuid () &&
         (status.st_mode & 0077) == 0 &&
         ((guint32) system.f_type == TMPFS_MAGIC || (guint32) system.f_type == RAMFS_MAGIC);
}

static gboolean
note_descriptors (MpMemory *self,
                  GError  **error)
{
  return (mp_fd_identity_take (&self->identity, self->fd) &&
          mp_fd_identity_take (&self->bell_identity, self->bell_fd)) ||
         mp_set_error_from_errno (error, errno, _ ("Cannot examine the memory of the queue"));
}

/* Async-signal-safe, so that it can be called between fork () and exec (). */
gboolean
mp_memory_owns_descriptors (MpMemory *self)
{
  if (mp_load (&self->is_lost))
    return FALSE;
  if (mp_fd_identity_is_of (&self->identity, self->fd) &&
      mp_fd_identity_is_of (&self->bell_identity, self->bell_fd))
    return TRUE;

  mp_store (&self->is_lost, 1);
  mp_store (&self->fork_count, 0);
  return FALSE;
}

/* The maximum size is mapped at once, beyond the end of the file, so that growing the file needs no
 * new mapping in any process.  The mapping is excluded from core dumps: they would be as large as
 * the maximum size, and a dying process keeps its locks and leases until its dump is written. */
static gboolean
map (MpMemory *self,
     GError  **error)
{
  gpointer base = MAP_FAILED;

  if (!note_descriptors (self, error))
    return FALSE;

  self->arena_offset = arena_offset (&self->config);
  self->mapped_size = self->arena_offset + self->config.n_units_cap * MP_UNIT_SIZE;

  errno = ENOMEM;
  if (self->mapped_size <= G_MAXSIZE)
    base = mmap (NULL, (gsize) self->mapped_size, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_NORESERVE, self->fd, 0);
  if (base == MAP_FAILED && errno == ENOMEM)
    return fail_to_map (self, error);
  if (base == MAP_FAILED)
    return mp_set_error_from_errno (error, errno, _ ("Cannot map the memory of the queue"));
  madvise (base, (gsize) self->mapped_size, MADV_DONTDUMP);

  self->base = base;
  self->tail = mp_memory_at (self, MP_OFFSET_TAIL);
  self->head = mp_memory_at (self, MP_OFFSET_HEAD);
  self->state = mp_memory_at (self, MP_OFFSET_STATE);
  self->arena = mp_memory_at (self, MP_OFFSET_ARENA);
  for (guint i = 0; i < MP_N_CONDITIONS; i++)
    self->waits[i] = mp_memory_at (self, MP_OFFSET_WAITS + i * MP_WAITS_SIZE);
  self->locks[MP_LOCK_HEAD] = &self->head->lock;
  self->locks[MP_LOCK_TAIL] = &self->tail->lock;
  self->locks[MP_LOCK_ARENA] = &self->arena->lock;
  self->lease_map = mp_memory_at (self, MP_OFFSET_LEASE_MAP);
  self->units = mp_memory_at (self, MP_OFFSET_UNITS);
  self->links = mp_memory_at (self, links_offset (&self->config));
  return TRUE;
}

void
mp_memory_init (MpMemory *self)
{
  memset (self, 0, sizeof *self);
  self->fd = -1;
  self->bell_fd = -1;
  self->watch_fd = self->death_fd = -1;
  g_mutex_init (&self->attach_mutex);
}

/* The name of the queue is in that of the file, where lsof and ls show it.  Forks are blocked
 * meanwhile, so that no child has a description of which the fork hook does not know. */
static gboolean
create_file (MpMemory       *self,
             const MpConfig *config,
             GError        **error)
{
  g_autofree char *name = g_strconcat ("mproc-glib-queue", config->name[0] != '\0' ? ":" : "",
                                       config->name, NULL);
  int              saved_errno;

  mp_fork_block ();
  self->fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  saved_errno = errno;
  mp_fork_unblock ();

  return self->fd != -1 ||
         mp_set_error_from_errno (error, saved_errno, _ ("Cannot make memory for the queue"));
}

/* Like create_file (), but in a folder. */
static gboolean
create_file_in (MpMemory *self,
                int       folder,
                GError  **error)
{
  int saved_errno;

  mp_fork_block ();
  self->fd = openat (folder, MP_NAMED_MEMORY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  saved_errno = errno;
  mp_fork_unblock ();

  return self->fd != -1 ||
         mp_set_error_from_errno (error, saved_errno, _ ("Cannot make memory for the queue"));
}

/* Gives the empty file of a queue its size, seals and config, and maps it. */
static gboolean
fill (MpMemory       *self,
      const MpConfig *config,
      int             seals,
      GError        **error)
{
  self->config = *config;
  self->config.magic = MP_LAYOUT_MAGIC;
  self->config.release = MP_LAYOUT_RELEASE;
  self->config.layout_check = arena_offset (config);
  self->config.bell_id = mp_bell_pipe_get_id (self->bell_fd);

  if (!mp_memory_extend (self, arena_offset (config)) ||
      !mp_memory_back (self, 0, MP_OFFSET_PARTICIPANTS) ||
      !mp_memory_back (self, MP_OFFSET_LEASE_MAP, G_STRUCT_OFFSET (MpLeaseMap, used)) ||
      (seals != 0 && fcntl (self->fd, F_ADD_SEALS, seals) == -1))
    return mp_set_error_from_errno (error, errno, _ ("Cannot size the memory of the queue"));
  self->known_size = arena_offset (config);

  if (!map (self, error))
    return FALSE;

  memcpy (self->base, &self->config, sizeof self->config);
  return TRUE;
}

/* Creates empty memory for a queue.  The caller initialises the lines; no other process can open
 * the queue until the caller hands it over. */
gboolean
mp_memory_create (MpMemory       *self,
                  const MpConfig *config,
                  GError        **error)
{
  if (!create_file (self, config, error))
    return FALSE;

  self->bell_fd = mp_bell_pipe_new ();
  if (self->bell_fd == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot make a pipe for the queue"));

  return fill (self, config, REQUIRED_SEALS, error);
}

/* Like mp_memory_create (), but as files in a folder: with a FIFO, that is, a pipe with a name. */
gboolean
mp_memory_create_in (MpMemory       *self,
                     int             folder,
                     const MpConfig *config,
                     GError        **error)
{
  if (!create_file_in (self, folder, error))
    return FALSE;
  MP_STEP ("memory/file-made");
  if (mkfifoat (folder, MP_NAMED_BELL, 0600) == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot make a FIFO for the queue"));
  MP_STEP ("memory/fifo-made");
  self->bell_fd = openat (folder, MP_NAMED_BELL, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (self->bell_fd == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot make a FIFO for the queue"));

  return fill (self, config, 0, error);
}

static gboolean
is_text (const char *text,
         gsize       size)
{
  return memchr (text, '\0', size) != NULL &&
         (text[0] == '\0' || mp_queue_is_name (text));
}

static gboolean
check_config (const MpConfig *config,
              guint64         file_size,
              GError        **error)
{
  if (config->magic != MP_LAYOUT_MAGIC)
    return fail_damaged (error, "wrong magic number");
  if (config->release != MP_LAYOUT_RELEASE)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_DAMAGED,
                   _ ("The memory of the queue has layout %u, and this library knows %u"),
                   config->release, MP_LAYOUT_RELEASE);
      return FALSE;
    }
  if (config->mode > MP_QUEUE_MODE_ACKNOWLEDGED)
    return fail_damaged (error, "unknown mode");
  if (config->max_size > MP_MAX_COUNT)
    return fail_damaged (error, "max-size out of range");
  if (!is_text (config->name, sizeof config->name) || !is_text (config->kind, sizeof config->kind))
    return fail_damaged (error, "what it is called is no name");
  if (config->n_units_cap == 0 || config->n_units_cap > MAX_UNITS)
    return fail_damaged (error, "size of the arena out of range");
  if (config->layout_check != arena_offset (config) || config->layout_check > file_size)
    return fail_damaged (error, "the file is shorter than it declares");
  return TRUE;
}

/* If the system has run out of huge pages, touching one within the file's size raises SIGBUS. */
static gboolean
has_huge_pages (int fd)
{
  struct statfs status;

  return fstatfs (fd, &status) == 0 && (guint32) status.f_type == HUGETLBFS_MAGIC;
}

static gboolean
is_pipe (int      fd,
         GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (path, NULL);

  if (target == NULL && !mp_check_proc (error))
    return FALSE;
  return (target != NULL && g_str_has_prefix (target, "pipe:[")) ||
         fail_damaged (error, "the second descriptor is no pipe");
}

/* The library writes to this descriptor, and anything but a pipe, or a FIFO that only this user can
 * open, could block or do harm. */
static gboolean
check_bell (int      bell_fd,
            GError **error)
{
  struct stat status;

  return (fstat (bell_fd, &status) == 0 && S_ISFIFO (status.st_mode) && is_private (bell_fd)) ||
         is_pipe (bell_fd, error);
}

static gboolean
check_seals (int      fd,
             GError **error)
{
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals == -1)
    return fail_damaged (error, "the file is not sealed");
  if (seals & (F_SEAL_WRITE | F_SEAL_GROW))
    return fail_damaged (error, "the file is sealed against writing");
  return (seals & REQUIRED_SEALS) == REQUIRED_SEALS || is_private (fd) ||
         fail_damaged (error, "the file is not sealed");
}

/* Reads and checks the config of a queue.  The process that created the file may be hostile.  A
 * caller that is going to map the file uses mp_memory_read_config () instead, which also checks the
 * seals. */
gboolean
mp_memory_look_at_config (int       fd,
                          MpConfig *config,
                          guint64  *file_size,
                          GError  **error)
{
  struct stat status;

  if (has_huge_pages (fd))
    return fail_damaged (error, "the file is made of huge pages");
  if (fstat (fd, &status) == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot examine the memory of the queue"));
  if (status.st_size < MP_OFFSET_UNITS)
    return fail_damaged (error, "the file is too short");
  if (pread (fd, config, sizeof *config, 0) != sizeof *config)
    return fail_damaged (error, "the file cannot be read");

  *file_size = (guint64) status.st_size;
  return check_config (config, *file_size, error);
}

gboolean
mp_memory_read_config (int       fd,
                       MpConfig *config,
                       guint64  *file_size,
                       GError  **error)
{
  return check_seals (fd, error) && mp_memory_look_at_config (fd, config, file_size, error);
}

/* Others may have the same open file description, and would keep the record lock of this handle, so
 * use another one.  Forks are blocked as in create_file (). */
static gboolean
open_own_file (MpMemory *self,
               int       fd,
               GError  **error)
{
  int saved_errno;

  mp_fork_block ();
  self->fd = mp_fd_reopen (fd);
  saved_errno = errno;
  mp_fork_unblock ();

  return self->fd != -1 ||
         (mp_check_proc (error) &&
          mp_set_error_from_errno (error, saved_errno, _ ("Cannot open the memory of the queue")));
}

/* Whoever has the same open file description could make writes to the pipe wait, so use another.
 */
static gboolean
open_own_bell (MpMemory *self,
               int       bell_fd,
               GError  **error)
{
  if (!check_bell (bell_fd, error))
    return FALSE;

  self->bell_fd = mp_fd_reopen (bell_fd);
  return self->bell_fd != -1 ||
         (mp_check_proc (error) &&
          mp_set_error_from_errno (error, errno, _ ("Cannot open the pipe of the queue")));
}

/* Opens memory that another, possibly hostile process created.  Takes ownership of both
 * descriptors, also on failure. */
gboolean
mp_memory_open (MpMemory *self,
                int       fd,
                int       bell_fd,
                GError  **error)
{
  gboolean opened;

  opened = mp_memory_read_config (fd, &self->config, &self->known_size, error) &&
           open_own_bell (self, bell_fd, error) && open_own_file (self, fd, error) &&
           map (self, error);
  close (fd);
  close (bell_fd);
  return opened;
}

void
mp_memory_close (MpMemory *self)
{
  gboolean has_descriptors = self->base == NULL || mp_memory_owns_descriptors (self);

  if (self->base != NULL)
    munmap (self->base, (gsize) self->mapped_size);
  self->base = NULL;

  if (has_descriptors && self->bell_fd != -1)
    close (self->bell_fd);
  if (has_descriptors && self->fd != -1)
    close (self->fd);
  self->fd = self->bell_fd = -1;
  g_mutex_clear (&self->attach_mutex);
}

/* Another process may have extended the file since `known_size` was read. */
gboolean
mp_memory_extend_known_size (MpMemory *self,
                             guint64   end)
{
  struct stat status;

  if (end > self->mapped_size || !mp_memory_owns_descriptors (self) ||
      fstat (self->fd, &status) == -1 || end > (guint64) status.st_size)
    return FALSE;

  mp_store (&self->known_size, MIN ((guint64) status.st_size, self->mapped_size));
  return TRUE;
}

/* Exceeding the limit would raise SIGXFSZ, which kills a process that does not handle it. */
static gboolean
is_beyond_limit (guint64 size)
{
  struct rlimit limit;

  return getrlimit (RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         size > limit.rlim_cur;
}

static gboolean
is_sure (MpMemory *self)
{
  if (self->base == NULL || mp_memory_owns_descriptors (self))
    return TRUE;

  errno = EBADF;
  return FALSE;
}

gboolean
mp_memory_extend (MpMemory *self,
                  guint64   size)
{
  struct stat status;

  if (!is_sure (self) || fstat (self->fd, &status) == -1)
    return FALSE;
  if ((guint64) status.st_size >= size)
    return TRUE;
  if (is_beyond_limit (size))
    {
      errno = EFBIG;
      return FALSE;
    }
  return ftruncate (self->fd, (off_t) size) == 0;
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Allocates and maps the pages in one call, which costs less than a page fault for each. */
static gboolean
populate (MpMemory *self,
          guint64   offset,
          guint64   size)
{
  const guint64 page = (guint64) sysconf (_SC_PAGESIZE);
  const guint64 begin = offset & ~(page - 1);
  int           result;

  if (self->base == NULL)
    {
      errno = EINVAL;
      return FALSE;
    }
  do
    result = madvise (self->base + begin, (gsize) (offset + size - begin), MADV_POPULATE_WRITE);
  while (result == -1 && errno == EINTR);

  /* A plain access would have raised SIGBUS. */
  if (result == -1 && errno == EFAULT)
    errno = ENOSPC;
  return result == 0;
}

gboolean
mp_memory_back (MpMemory *self,
                guint64   offset,
                guint64   size)
{
  int result;

  MP_STEP ("memory/requested");
  if (populate (self, offset, size))
    return TRUE;
  if (errno != EINVAL || !is_sure (self))
    return FALSE;

  do
    result = fallocate (self->fd, FALLOC_FL_KEEP_SIZE, (off_t) offset, (off_t) size);
  while (result == -1 && errno == EINTR);

  return result == 0;
}
