/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-mark.h"

#include <glib-unix.h>
#include <sys/socket.h>

int mp_mark_fd = -1;

/* A program that closes descriptors before it starts another one may leave the variable behind, so
 * that it names any descriptor.  Sysprof would write to it. */
static gboolean
is_unix_socket (int fd)
{
  int       domain = -1;
  socklen_t size = sizeof domain;

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static void __attribute__ ((constructor))
ask_environment (void)
{
  const char *value = g_getenv (MP_MARK_VARIABLE);
  guint64     fd;

  if (value != NULL && g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT, &fd, NULL) &&
      is_unix_socket ((int) fd))
    mp_mark_fd = (int) fd;
}
