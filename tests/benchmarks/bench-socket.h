/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "bench.h"

#include <gio/gio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Creates a pair of connected sockets in the parent: producers use the first. */

static inline gpointer
bench_socket_set_up (const BenchOptions *options)
{
  int *fds = g_new (int, 2);

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    bench_fail ("socketpair");
  return fds;
}

/* Returns the socket of this side, and closes the other one. */
static inline int
bench_socket_choose (int       *fds,
                     BenchSide *side)
{
  close (fds[side->is_producer ? 1 : 0]);
  return fds[side->is_producer ? 0 : 1];
}

static inline GIOStream *
bench_socket_open_stream (int       *fds,
                          BenchSide *side)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (bench_socket_choose (fds, side), &error);

  if (socket == NULL)
    bench_fail (error->message);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}
