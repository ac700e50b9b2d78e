/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* The maximum number of descriptors that one message can carry. */
#define MP_TRANSPORT_MAX_FDS 16

/* The result of send () and receive (), without an error set, if they would block. */
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

/* The functions of a transport, which moves bytes and descriptors and knows nothing of messages.
 * Every slot is filled; only wait () blocks. */
typedef struct
{
  const char *name;

  /* Whether send () may have buffered data for which it returned WOULD_BLOCK, so that the next call
   * must pass the same bytes again. */
  gboolean holds_back;

  /* Whether send () and receive () may run code of the program's own, which may call the library or
   * wait for another thread that does, so that no lock may be held. */
  gboolean is_foreign;

  /* Returns the number of bytes sent, -1 with @error set, or MP_TRANSPORT_WOULD_BLOCK.  The
   * descriptors are sent with the first byte. */
  gssize (*send) (MpTransport  *self,
                  struct iovec *vectors,
                  guint         n_vectors,
                  const int    *fds,
                  guint         n_fds,
                  GError      **error);

  /* Returns the number of bytes received, 0 at the end of the stream, -1 with @error set, or
   * MP_TRANSPORT_WOULD_BLOCK.  Received descriptors are owned by the caller and belong to the last
   * byte received. */
  gssize (*receive) (MpTransport  *self,
                     struct iovec *vectors,
                     guint         n_vectors,
                     int          *fds,
                     guint        *n_fds,
                     GError      **error);

  /* Sleeps until @condition holds, the deadline on the monotonic clock (-1: none), a signal,
   * @wake_fd is readable (-1: none), or cancellation.  Hang-up counts as ready.  With @condition 0,
   * only the others end the sleep. */
  MpWaitStatus (*wait) (MpTransport  *self,
                        GIOCondition  condition,
                        int           wake_fd,
                        gint64        deadline,
                        GCancellable *cancellable,
                        GError      **error);

  /* Makes @source, which is not attached yet, ready when @condition holds or the peer has hung up.
   * Returns what unwatch () needs. */
  gpointer (*watch) (MpTransport *self,
                     GSource     *source,
                     GIOCondition condition);

  /* Undoes watch () before close (), even while another thread iterates the main context of
   * @source.  The channel is closed, so @source is ready from now on anyway. */
  void (*unwatch) (MpTransport *self,
                   GSource     *source,
                   gpointer     tag);

  /* Returns the descriptor to poll, or -1. */
  int (*get_fd) (MpTransport *self);

  /* Whether descriptors can be passed; and whether the descriptor alone makes up the channel, so
   * that another process that gets it can continue. */
  gboolean (*can_pass_fds) (MpTransport *self);
  gboolean (*can_share) (MpTransport *self);

  /* Called by a fork hook in the child: state that only one process can use is left to the parent,
   * so that nothing the child does later, including closing, reaches the peer. */
  void (*disown) (MpTransport *self);

  gboolean (*close) (MpTransport *self,
                     GError     **error);
  void (*free) (MpTransport *self);
} MpTransportFuncs;

/* The base of each transport, its first member. */
struct _MpTransport
{
  const MpTransportFuncs *funcs;
};

/* Creates a transport for a connected socket or an end of a pipe.  Takes ownership of @fd on
 * success. */
MpTransport *mp_socket_transport_new (int      fd,
                                      GError **error);
MpTransport *mp_stream_transport_new (GIOStream *stream,
                                      GError   **error);

/* Polls like wait (), without a transport.  @fd may be -1. */
MpWaitStatus mp_transport_poll (int           fd,
                                GIOCondition  condition,
                                int           wake_fd,
                                gint64        deadline,
                                GCancellable *cancellable,
                                GError      **error);

/* Replaces @fd by a socket without a peer, in this process only.  Safe in fork hooks. */
void mp_transport_disconnect_fd (int fd);

/* Sets TCP_NODELAY: messages are written as a whole, so waiting for further data only adds latency.
 */
void mp_transport_set_no_delay (int fd);

G_END_DECLS
