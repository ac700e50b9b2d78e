/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "acceptor-private.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The descriptors of an acceptor: an epoll instance with the listening socket, the peers whose
 * handshake is in progress, a timer and an eventfd. */

gboolean
mp_acceptor_watch (MpAcceptor *self,
                   int         operation,
                   int         fd,
                   guint32     events,
                   gpointer    data)
{
  struct epoll_event event = { .events = events, .data.ptr = data };

  return epoll_ctl (self->epoll_fd, operation, fd, &event) == 0;
}

static gboolean
add (MpAcceptor *self,
     int         fd,
     gpointer    data)
{
  return mp_acceptor_watch (self, EPOLL_CTL_ADD, fd, EPOLLIN, data);
}

/* Stores a new descriptor in @fd.  If @fd is open, the new one takes over its number. */
static void
put_fd (int *fd,
        int  fresh)
{
  if (*fd < 0 || fresh < 0)
    {
      if (*fd >= 0)
        close (*fd);
      *fd = fresh;
      return;
    }

  dup3 (fresh, *fd, O_CLOEXEC);
  close (fresh);
}

/* Makes only system calls, since it runs in a fork hook. */
gboolean
mp_acceptor_open_fds (MpAcceptor *self)
{
  put_fd (&self->epoll_fd, epoll_create1 (EPOLL_CLOEXEC));
  put_fd (&self->timer_fd, timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  put_fd (&self->event_fd, eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK));
  self->listens = self->epoll_fd >= 0 && self->timer_fd >= 0 && self->event_fd >= 0 &&
                  mp_fd_identity_take (&self->fds_identity, self->epoll_fd) &&
                  add (self, self->timer_fd, &self->timer_fd) &&
                  add (self, self->event_fd, &self->event_fd) &&
                  add (self, self->listening.fd, &self->listening);
  return self->listens;
}

static gboolean
has_fd (MpAcceptor *self,
        int         fd)
{
  return fd >= 0 && mp_fd_identity_is_of (&self->fds_identity, fd);
}

static void
close_own (MpAcceptor *self,
           int        *fd)
{
  if (has_fd (self, *fd))
    close (*fd);
  *fd = -1;
}

void
mp_acceptor_close_fds (MpAcceptor *self)
{
  close_own (self, &self->epoll_fd);
  close_own (self, &self->timer_fd);
  close_own (self, &self->event_fd);
}

/* If the program has closed one of the descriptors, or that of the socket, the acceptor is closed:
 * their numbers may belong to other files.  Without the socket, none of them is closed here, since
 * eventfds and the like of the program cannot be told from those of the acceptor.  Makes only
 * system calls, since it runs in a fork hook, too. */
void
mp_acceptor_check_fds (MpAcceptor *self)
{
  gboolean has_socket = mp_listening_has_socket (&self->listening);

  if (self->closed || (has_socket && has_fd (self, self->epoll_fd) &&
                       has_fd (self, self->timer_fd) && has_fd (self, self->event_fd)))
    return;

  if (has_socket)
    {
      mp_acceptor_close_fds (self);
      close (self->listening.fd);
    }
  self->epoll_fd = self->timer_fd = self->event_fd = self->listening.fd = -1;
  self->listens = FALSE;
  self->closed = TRUE;
}

/* Makes the descriptor permanently readable, for a child whose listener is already closed. */
static void
open_closed (MpAcceptor *self)
{
  if (!has_fd (self, self->epoll_fd) || !has_fd (self, self->event_fd))
    return;

  put_fd (&self->epoll_fd, epoll_create1 (EPOLL_CLOEXEC));
  put_fd (&self->event_fd, eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (self->epoll_fd >= 0 && self->event_fd >= 0)
    add (self, self->event_fd, &self->event_fd);
}

/* Fork hook, runs in the child.  Pending and accepted connections belong to the parent, so
 * the child must not keep them open.  Epoll, timer and event descriptors share their state with the
 * parent, so the child replaces them by its own under the same numbers.
 *
 * Another thread of the parent may have been changing the lists.  They can be walked forward
 * nevertheless: elements are filled before they are linked, and unlinked before they are freed. */
void
mp_acceptor_in_child (MpForkHook *hook)
{
  MpAcceptor *self = MP_FORK_HOOK_OWNER (hook, MpAcceptor);

  mp_fork_reset_mutex (&self->lock);
  mp_acceptor_check_fds (self);
  for (GList *l = self->closed ? NULL : self->pending.head; l != NULL; l = l->next)
    mp_transport_disconnect_fd (((MpPendingPeer *) l->data)->fd);
  for (GList *l = self->closed ? NULL : self->accepted.head; l != NULL; l = l->next)
    mp_transport_disconnect_fd (mp_channel_get_fd (((MpAccepted *) l->data)->channel));

  g_queue_init (&self->pending);
  g_queue_init (&self->accepted);
  g_queue_init (&self->refused);
  self->resume = 0;
  self->n_expecting = 0;
  if (self->closed)
    open_closed (self);
  else
    self->closed = !mp_acceptor_open_fds (self);
}
