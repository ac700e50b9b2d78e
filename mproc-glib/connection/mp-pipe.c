/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-pipe.h"

#include "base/mp-errno.h"
#include "mp-connection-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/socket.h>
#include <unistd.h>

static MpConnection *
make_end (int      fd,
          gboolean readable,
          gboolean writable,
          GError **error)
{
  MpConnection *self = mp_connection_new_for_fd (fd, readable, writable, error);

  if (self == NULL)
    close (fd);
  return self;
}

/**
 * mp_pipe:
 * @duplex: whether messages go in both directions
 * @first: (out) (transfer full): return location for one end
 * @second: (out) (transfer full): return location for the other end
 * @error: return location for an error
 *
 * Creates two connections that are each other's peer.
 *
 * Without @duplex, @first can only receive and @second can only send. One end is usually passed to
 * another process.
 *
 * Both kinds are sockets, so descriptors can be sent with messages, and writing to an end whose
 * peer is gone is an error and never raises SIGPIPE.
 *
 * Returns: whether the ends were created
 *
 * Since: 1.0
 */
gboolean
mp_pipe (gboolean       duplex,
         MpConnection **first,
         MpConnection **second,
         GError       **error)
{
  g_autoptr (MpConnection) one = NULL;
  MpConnection *other;
  int           fds[2];

  g_return_val_if_fail (first != NULL && second != NULL, FALSE);

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return mp_set_error_from_errno (error, errno, _ ("Making a pipe failed"));

  /* Disable the unused direction. */
  if (!duplex)
    shutdown (fds[0], SHUT_WR);

  one = make_end (fds[0], TRUE, duplex, error);
  if (one == NULL)
    {
      close (fds[1]);
      return FALSE;
    }

  other = make_end (fds[1], duplex, TRUE, error);
  if (other == NULL)
    return FALSE;

  *first = g_steal_pointer (&one);
  *second = other;
  return TRUE;
}
