/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "transport.h"

#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "base/mp-fd-identity.h"
#include "base/mp-interrupts-private.h"
#include "base/mp-mark.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Messages up to this size are copied into one buffer before they are sent. */
#define MAX_SMALL 2048

/* A transport over one descriptor: a socket, an end of a pipe, or anything that can be read and
 * written.  O_NONBLOCK belongs to the open file description, which other processes may share, so a
 * socket's is not changed: each call uses MSG_DONTWAIT instead. */
typedef struct
{
  MpTransport  parent;
  int          fd;
  MpFdIdentity identity;
  gboolean     is_socket;
  gboolean     is_unix;
} MpSocketTransport;

typedef union
{
  struct cmsghdr header;
  char           space[CMSG_SPACE (MP_TRANSPORT_MAX_FDS * sizeof (int))];
} Control;

static gboolean
would_block (int code)
{
  return code == EAGAIN || code == EWOULDBLOCK;
}

static gssize
fail (const char *what,
      int         code,
      GError    **error)
{
  if (would_block (code))
    return MP_TRANSPORT_WOULD_BLOCK;

  mp_set_error_from_errno (error, code, _ ("%s failed"), what);
  return -1;
}

/* Writes to a descriptor other than a socket, for which no flag suppresses SIGPIPE: a signal raised
 * by this write is consumed before it is delivered. */
static gssize
write_without_signal (int                 fd,
                      const struct iovec *vectors,
                      guint               n_vectors)
{
  static const struct timespec no_time = { 0, 0 };
  sigset_t                     sigpipe, pending, before;
  gssize                       n;
  int                          code;

  sigemptyset (&sigpipe);
  sigaddset (&sigpipe, SIGPIPE);
  sigpending (&pending);
  pthread_sigmask (SIG_BLOCK, &sigpipe, &before);

  do
    n = writev (fd, vectors, (int) n_vectors);
  while (n < 0 && errno == EINTR);
  code = errno;

  if (n < 0 && code == EPIPE && !sigismember (&pending, SIGPIPE))
    {
      while (sigtimedwait (&sigpipe, NULL, &no_time) < 0 && errno == EINTR)
        continue;
    }

  pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = code;
  return n;
}

static void
put_fds (struct msghdr *message,
         Control       *control,
         const int     *fds,
         guint          n_fds)
{
  struct cmsghdr *header;

  memset (control, 0, sizeof *control);
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
  header = CMSG_FIRSTHDR (message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  memcpy (CMSG_DATA (header), fds, n_fds * sizeof (int));
}

/* Sends from one buffer, which takes less time for small messages than having the kernel process an
 * array of buffers. */
static gssize
send_small (int                 fd,
            const struct iovec *vectors,
            guint               n_vectors)
{
  guint8 bytes[MAX_SMALL];
  gsize  length = 0;

  for (guint i = 0; i < n_vectors; i++)
    {
      memcpy (bytes + length, vectors[i].iov_base, vectors[i].iov_len);
      length += vectors[i].iov_len;
    }

  /* sendto (), since a program may define a function called send () that would replace the C
   * library's. */
  return sendto (fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

static gboolean
is_small (const struct iovec *vectors,
          guint               n_vectors)
{
  gsize length = 0;

  for (guint i = 0; i < n_vectors && length <= MAX_SMALL; i++)
    length += vectors[i].iov_len;
  return length <= MAX_SMALL;
}

static gssize
send_to_socket (int            fd,
                struct msghdr *message)
{
  gssize n;

  do
    {
      if (message->msg_control == NULL && is_small (message->msg_iov, message->msg_iovlen))
        n = send_small (fd, message->msg_iov, message->msg_iovlen);
      else
        n = sendmsg (fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  while (n < 0 && errno == EINTR);

  return n;
}

static gssize
mp_socket_transport_send (MpTransport  *transport,
                          struct iovec *vectors,
                          guint         n_vectors,
                          const int    *fds,
                          guint         n_fds,
                          GError      **error)
{
  MpSocketTransport *self = (MpSocketTransport *) transport;
  struct msghdr      message = { .msg_iov = vectors, .msg_iovlen = n_vectors };
  Control            control;
  gssize             n;

  g_assert (n_fds <= MP_TRANSPORT_MAX_FDS);
  if (n_fds > 0)
    put_fds (&message, &control, fds, n_fds);

  if (self->is_socket)
    n = send_to_socket (self->fd, &message);
  else
    n = write_without_signal (self->fd, vectors, n_vectors);

  return n >= 0 ? n : fail ("Sending", errno, error);
}

/* Takes the descriptors out of @message.  Returns FALSE if there were too many. */
static gboolean
take_fds (struct msghdr *message,
          int           *fds,
          guint         *n_fds)
{
  struct cmsghdr *header;
  guint           n = 0;

  for (header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      guint here;

      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;

      here = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
      here = MIN (here, MP_TRANSPORT_MAX_FDS - n);
      memcpy (fds + n, CMSG_DATA (header), here * sizeof (int));
      n += here;
    }

  if (message->msg_flags & MSG_CTRUNC)
    {
      while (n > 0)
        close (fds[--n]);
      *n_fds = 0;
      return FALSE;
    }

  *n_fds = n;
  return TRUE;
}

static gssize
receive_from_socket (MpSocketTransport *self,
                     struct iovec      *vectors,
                     guint              n_vectors,
                     int               *fds,
                     guint             *n_fds,
                     GError           **error)
{
  Control       control;
  struct msghdr message = {
    .msg_iov = vectors,
    .msg_iovlen = n_vectors,
    .msg_control = self->is_unix ? &control : NULL,
    .msg_controllen = self->is_unix ? sizeof control : 0,
  };
  gssize n;

  do
    n = recvmsg (self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);

  if (n < 0)
    return fail ("Receiving", errno, error);

  if (self->is_unix && message.msg_controllen > 0 && !take_fds (&message, fds, n_fds))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("More than %d descriptors came at once, or more than this process may open"),
                   MP_TRANSPORT_MAX_FDS);
      return -1;
    }

  return n;
}

static gssize
mp_socket_transport_receive (MpTransport  *transport,
                             struct iovec *vectors,
                             guint         n_vectors,
                             int          *fds,
                             guint        *n_fds,
                             GError      **error)
{
  MpSocketTransport *self = (MpSocketTransport *) transport;
  gssize             n;

  *n_fds = 0;
  if (self->is_socket)
    return receive_from_socket (self, vectors, n_vectors, fds, n_fds, error);

  do
    n = readv (self->fd, vectors, (int) n_vectors);
  while (n < 0 && errno == EINTR);

  return n >= 0 ? n : fail ("Receiving", errno, error);
}

void
mp_transport_disconnect_fd (int fd)
{
  int ends[2];

  if (fd < 0 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return;

  close (ends[1]);
  dup3 (ends[0], fd, O_CLOEXEC);
  close (ends[0]);
}

void
mp_transport_set_no_delay (int fd)
{
  int on = 1;

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

MpWaitStatus
mp_transport_poll (int           fd,
                   GIOCondition  condition,
                   int           wake_fd,
                   gint64        deadline,
                   GCancellable *cancellable,
                   GError      **error)
{
  struct pollfd   fds[3] = { { fd, (short) condition, 0 }, { wake_fd, POLLIN, 0 }, { -1, 0, 0 } };
  struct timespec left;
  GPollFD         cancel_fd;
  gboolean        cancel = FALSE;
  gint64          mark;
  int             n, code;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return MP_WAIT_ERROR;

  if (cancellable != NULL && g_cancellable_make_pollfd (cancellable, &cancel_fd))
    {
      fds[2] = (struct pollfd){ cancel_fd.fd, (short) cancel_fd.events, 0 };
      cancel = TRUE;
    }

  mark = mp_mark_begin ();
  n = mp_interrupts_poll (fds, cancel ? 3 : 2, mp_deadline_fill_left (deadline, &left));
  code = errno;
  mp_mark_end (mark, "sleep", "socket");
  if (cancel)
    g_cancellable_release_fd (cancellable);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return MP_WAIT_ERROR;
  if (n > 0)
    return fds[1].revents != 0 ? MP_WAIT_WOKEN : MP_WAIT_READY;
  if (n == 0)
    return MP_WAIT_TIMED_OUT;
  if (code == EINTR)
    return MP_WAIT_INTERRUPTED;

  fail ("Waiting", code, error);
  return MP_WAIT_ERROR;
}

static MpWaitStatus
mp_socket_transport_wait (MpTransport  *transport,
                          GIOCondition  condition,
                          int           wake_fd,
                          gint64        deadline,
                          GCancellable *cancellable,
                          GError      **error)
{
  MpSocketTransport *self = (MpSocketTransport *) transport;

  return mp_transport_poll (condition != 0 ? self->fd : -1, condition, wake_fd, deadline,
                            cancellable, error);
}

static gpointer
mp_socket_transport_watch (MpTransport *transport,
                           GSource     *source,
                           GIOCondition condition)
{
  MpSocketTransport *self = (MpSocketTransport *) transport;

  return g_source_add_unix_fd (source, self->fd, condition | G_IO_ERR | G_IO_HUP);
}

/* A main context must not poll a descriptor whose number is used again. */
static void
mp_socket_transport_unwatch (MpTransport *transport,
                             GSource     *source,
                             gpointer     tag)
{
  g_source_remove_unix_fd (source, tag);
}

static int
mp_socket_transport_get_fd (MpTransport *transport)
{
  return ((MpSocketTransport *) transport)->fd;
}

static gboolean
mp_socket_transport_can_pass_fds (MpTransport *transport)
{
  return ((MpSocketTransport *) transport)->is_unix;
}

static gboolean
mp_socket_transport_can_share (MpTransport *transport)
{
  return TRUE;
}

/* A socket has no state outside the kernel, so a child may use it. */
static void
mp_socket_transport_disown (MpTransport *transport)
{
}

/* The program may have closed the descriptor, whose number belongs to another file now. */
static gboolean
mp_socket_transport_close (MpTransport *transport,
                           GError     **error)
{
  MpSocketTransport *self = (MpSocketTransport *) transport;
  int                fd = self->fd;

  self->fd = -1;
  return fd < 0 || !mp_fd_identity_is_of (&self->identity, fd) || g_close (fd, error);
}

static void
mp_socket_transport_free (MpTransport *transport)
{
  mp_socket_transport_close (transport, NULL);
  g_free (transport);
}

static const MpTransportFuncs socket_funcs = {
  .name = "socket",
  .send = mp_socket_transport_send,
  .receive = mp_socket_transport_receive,
  .wait = mp_socket_transport_wait,
  .watch = mp_socket_transport_watch,
  .unwatch = mp_socket_transport_unwatch,
  .get_fd = mp_socket_transport_get_fd,
  .can_pass_fds = mp_socket_transport_can_pass_fds,
  .can_share = mp_socket_transport_can_share,
  .disown = mp_socket_transport_disown,
  .close = mp_socket_transport_close,
  .free = mp_socket_transport_free,
};

/* Pipes have no MSG_DONTWAIT, so O_NONBLOCK has to be set.  Opening the pipe anew under the same
 * number gives it an open file description of its own, so that processes sharing the old one are
 * not affected. */
static gboolean
stop_blocking (int      fd,
               gboolean is_pipe)
{
  int  flags = fcntl (fd, F_GETFL);
  char path[32];
  int  again;

  if (flags < 0)
    return FALSE;
  if (flags & O_NONBLOCK)
    return TRUE;

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  again = is_pipe ? open (path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC) : -1;
  if (again < 0)
    return fcntl (fd, F_SETFL, flags | O_NONBLOCK) == 0;

  if (dup3 (again, fd, O_CLOEXEC) < 0)
    {
      close (again);
      return FALSE;
    }

  close (again);
  return TRUE;
}

static gboolean
is_unix_socket (int fd)
{
  int       domain = 0;
  socklen_t length = sizeof domain;

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* Frames need a stream socket: datagrams could be truncated. */
static gboolean
is_stream_socket (int fd)
{
  int       type = 0;
  socklen_t length = sizeof type;

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

MpTransport *
mp_socket_transport_new (int      fd,
                         GError **error)
{
  MpSocketTransport *self;
  struct stat        status;
  gboolean           is_socket;

  if (fstat (fd, &status) < 0)
    {
      fail ("Using the descriptor", errno, error);
      return NULL;
    }

  is_socket = S_ISSOCK (status.st_mode);
  if (is_socket && !is_stream_socket (fd))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("Descriptor %d is not a stream socket"),
                   fd);
      return NULL;
    }
  if (!is_socket && !stop_blocking (fd, S_ISFIFO (status.st_mode)))
    {
      fail ("Using the descriptor", errno, error);
      return NULL;
    }

  fcntl (fd, F_SETFD, FD_CLOEXEC);
  self = g_new0 (MpSocketTransport, 1);
  self->parent.funcs = &socket_funcs;
  self->fd = fd;
  mp_fd_identity_take (&self->identity, fd);
  self->is_socket = is_socket;
  self->is_unix = is_socket && is_unix_socket (fd);
  return &self->parent;
}
