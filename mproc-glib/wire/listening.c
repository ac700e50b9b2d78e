/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "listening.h"

#include "base/mp-errno.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "socket"

/* Creates a directory that only this user can access.  The path of XDG_RUNTIME_DIR may be too long
 * for the address of a socket.  If it is not set, g_get_user_runtime_dir () would return the cache
 * directory, where sockets left by killed processes would stay for ever; so use the temporary
 * directory. */
static char *
make_private_directory (GError **error)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  const char *parents[] = { runtime, g_get_tmp_dir (), "/tmp" };
  int         code = ENOENT;

  for (gsize i = 0; i < G_N_ELEMENTS (parents); i++)
    {
      g_autofree char *directory = NULL;
      gsize            length;

      if (parents[i] == NULL || !g_path_is_absolute (parents[i]))
        continue;
      directory = g_build_filename (parents[i], "mproc-XXXXXX", NULL);
      length = strlen (directory) + strlen ("/" SOCKET_NAME);
      if (length >= sizeof ((struct sockaddr_un *) 0)->sun_path)
        continue;
      if (g_mkdtemp_full (directory, 0700) != NULL)
        return g_steal_pointer (&directory);
      code = errno;
    }

  mp_set_error_from_errno (error, code, _ ("Making a directory for the socket failed"));
  return NULL;
}

static gboolean
choose_path (MpListening     *self,
             const MpAddress *address,
             GError         **error)
{
  if (address->kind != MP_ADDRESS_UNIX)
    return TRUE;

  if (*address->name != '\0')
    {
      self->path = g_strdup (address->name);
      return TRUE;
    }

  self->directory = make_private_directory (error);
  if (self->directory == NULL)
    return FALSE;

  self->path = g_build_filename (self->directory, SOCKET_NAME, NULL);
  return TRUE;
}

/* Whether the file is a socket on which no process listens any more. */
static gboolean
is_stale (const char            *path,
          const MpSocketAddress *address)
{
  struct stat status;
  gboolean    refused;
  int         fd;

  if (lstat (path, &status) < 0 || !S_ISSOCK (status.st_mode))
    return FALSE;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return FALSE;

  refused = connect (fd, (const struct sockaddr *) &address->storage, address->length) < 0 &&
            errno == ECONNREFUSED;
  close (fd);
  return refused;
}

static gboolean
bind_socket (MpListening           *self,
             const MpSocketAddress *address,
             GError               **error)
{
  const struct sockaddr *native = (const struct sockaddr *) &address->storage;
  int                    reuse = 1;

  /* Otherwise a port stays in use for minutes after its connections were closed. */
  if (address->storage.ss_family != AF_UNIX)
    setsockopt (self->fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);

  if (bind (self->fd, native, address->length) == 0)
    return TRUE;

  if (errno == EADDRINUSE && self->path != NULL && is_stale (self->path, address) &&
      unlink (self->path) == 0 && bind (self->fd, native, address->length) == 0)
    return TRUE;

  return mp_set_error_from_errno (error, errno, _ ("Binding the address failed"));
}

static void
remember_file (MpListening *self)
{
  struct stat status;

  if (self->path == NULL || lstat (self->path, &status) < 0)
    return;

  self->owner = getpid ();
  self->device = status.st_dev;
  self->inode = status.st_ino;
}

static gboolean
get_address (MpListening *self,
             GError     **error)
{
  MpSocketAddress *address = &self->address;

  address->length = sizeof address->storage;
  if (getsockname (self->fd, (struct sockaddr *) &address->storage, &address->length) == 0)
    return TRUE;

  return mp_set_error_from_errno (error, errno, _ ("Asking for the address failed"));
}

static gboolean
open_socket (MpListening           *self,
             const MpAddress       *address,
             const MpSocketAddress *found,
             guint                  backlog,
             GError               **error)
{
  const char     *name = self->path != NULL ? self->path : address->name;
  MpSocketAddress wanted;

  if (!mp_address_has_host (address))
    {
      if (!mp_address_fill_unix (address->kind, name, &wanted, error))
        return FALSE;
    }
  else
    {
      wanted = *found;
    }

  self->fd = socket (wanted.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    return mp_set_error_from_errno (error, errno, _ ("Making a socket failed"));
  mp_fd_identity_take (&self->identity, self->fd);
  if (!bind_socket (self, &wanted, error))
    return FALSE;

  remember_file (self);
  if (listen (self->fd, (int) backlog) < 0)
    return mp_set_error_from_errno (error, errno, _ ("Listening failed"));

  return get_address (self, error);
}

static int
get_option (int fd,
            int option)
{
  int       value = 0;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

/* Uses a socket that was passed to the program, which keeps the descriptor and the socket file. */
static gboolean
open_passed (MpListening *self,
             int          fd,
             GError     **error)
{
  int family = get_option (fd, SO_DOMAIN);

  if (family == -1)
    return mp_set_error_from_errno (error, errno, _ ("Descriptor %d is not a socket"), fd);
  if (get_option (fd, SO_ACCEPTCONN) != 1 || get_option (fd, SO_TYPE) != SOCK_STREAM ||
      (family != AF_UNIX && family != AF_INET && family != AF_INET6))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("Descriptor %d is not a stream socket that listens"), fd);
      return FALSE;
    }

  self->fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (self->fd < 0 || !mp_fd_identity_take (&self->identity, self->fd) ||
      fcntl (self->fd, F_SETFL, fcntl (self->fd, F_GETFL) | O_NONBLOCK) < 0)
    return mp_set_error_from_errno (error, errno, _ ("Making a socket failed"));

  return get_address (self, error);
}

gboolean
mp_listening_open (MpListening           *self,
                   const MpAddress       *address,
                   const MpSocketAddress *found,
                   guint                  backlog,
                   GError               **error)
{
  memset (self, 0, sizeof *self);
  self->fd = -1;

  if (address->kind == MP_ADDRESS_FD ? open_passed (self, address->fd, error)
                                     : choose_path (self, address, error) &&
                                         open_socket (self, address, found, backlog, error))
    return TRUE;

  mp_listening_close (self);
  return FALSE;
}

static void
remove_files (MpListening *self)
{
  struct stat status;

  if (self->owner == getpid () && lstat (self->path, &status) == 0 &&
      status.st_dev == self->device && status.st_ino == self->inode)
    unlink (self->path);

  if (self->directory != NULL && (self->owner == 0 || self->owner == getpid ()))
    rmdir (self->directory);
}

gboolean
mp_listening_has_socket (const MpListening *self)
{
  return self->fd >= 0 && mp_fd_identity_is_of (&self->identity, self->fd);
}

void
mp_listening_close (MpListening *self)
{
  if (mp_listening_has_socket (self))
    close (self->fd);
  self->fd = -1;

  if (self->path != NULL)
    remove_files (self);
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->directory, g_free);
}
