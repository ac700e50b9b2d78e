/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* The most descriptors that travel with one message. */
#define MP_TRANSPORT_MAX_FDS 16

/* What send () and receive () return, with no error, when they would have to wait. */
#define MP_TRANSPORT_WOULD_BLOCK (-2)

typedef enum
{
  MP_WAIT_ERROR = -1,
  MP_WAIT_TIMED_OUT,
  MP_WAIT_READY,
  MP_WAIT_WOKEN,
  MP_WAIT_INTERRUPTED
} MpWaitStatus;

typedef struct _MpTransport MpTransport;

/* How a kind of channel moves bytes and descriptors.  It knows nothing of messages.  Every
 * slot is filled; only wait () blocks. */
typedef struct
{
  const char *name;

  /* Whether send () may have taken hold of what it said would block, so that the same
   * bytes have to come again. */
  gboolean holds_back;

  /* The number of bytes taken, -1 with an error, or MP_TRANSPORT_WOULD_BLOCK.  The
   * descriptors travel with the first byte. */
  gssize (*send) (MpTransport  *self,
                  struct iovec *vectors,
                  guint         n_vectors,
                  const int    *fds,
                  guint         n_fds,
                  GError      **error);

  /* The number of bytes received, 0 at the end of the stream, -1 with an error, or
   * MP_TRANSPORT_WOULD_BLOCK.  Descriptors that came along are the caller's, and belong to
   * the last byte received. */
  gssize (*receive) (MpTransport  *self,
                     struct iovec *vectors,
                     guint         n_vectors,
                     int          *fds,
                     guint        *n_fds,
                     GError      **error);

  /* Sleeps until @condition, the deadline of the monotonic clock (-1: none), a signal,
   * something to read on @wake_fd (-1: none), or cancellation.  Hang-up counts as ready.
   * With @condition 0 only the others count. */
  MpWaitStatus (*wait) (MpTransport  *self,
                        GIOCondition  condition,
                        int           wake_fd,
                        gint64        deadline,
                        GCancellable *cancellable,
                        GError      **error);

  /* A source that is ready when @condition holds, or a hang-up. */
  GSource *(*watch) (MpTransport *self,
                     GIOCondition condition);

  /* The descriptor to poll, or -1. */
  int (*get_fd) (MpTransport *self);

  /* Whether descriptors can travel, and whether the descriptor alone is the channel, so
   * that another process that has it can go on. */
  gboolean (*can_pass_fds) (MpTransport *self);
  gboolean (*can_share) (MpTransport *self);

  /* In a child that was forked, by a fork hook: what only one process can use is the parent's, so
   * that nothing that the child does later, not even closing it, reaches the peer. */
  void (*disown) (MpTransport *self);

  gboolean (*close) (MpTransport *self,
                     GError     **error);
  void (*free) (MpTransport *self);
} MpTransportFuncs;

/* The first member of each transport. */
struct _MpTransport
{
  const MpTransportFuncs *funcs;
};

/* Takes @fd when it succeeds: a connected socket or an end of a pipe. */
MpTransport *mp_socket_transport_new (int      fd,
                                      GError **error);
MpTransport *mp_stream_transport_new (GIOStream *stream,
                                      GError   **error);

/* Polls like wait (), for those who have no transport: @fd may be -1. */
MpWaitStatus mp_transport_poll (int           fd,
                                GIOCondition  condition,
                                int           wake_fd,
                                gint64        deadline,
                                GCancellable *cancellable,
                                GError      **error);

/* Puts a socket without a peer in the place of what @fd is, in this process alone.  Safe in fork
 * hooks. */
void mp_transport_disconnect_fd (int fd);

/* Messages are written whole, so that waiting for more of them only costs time. */
void mp_transport_set_no_delay (int fd);

G_END_DECLS
