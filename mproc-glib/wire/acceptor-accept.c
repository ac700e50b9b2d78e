/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "acceptor-private.h"

#include "base/mp-errno.h"
#include "mp-error.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Accepts connections from the kernel's backlog, as many as are expected. */

/* How long accepting pauses after the process has run out of descriptors, in microseconds. */
#define PAUSE_US (50 * 1000)

/* Checks that the peer runs as the same user as this process, if that is required. */
static gboolean
check_user (MpAcceptor *self,
            int         fd,
            GError    **error)
{
  struct ucred peer = {
    0,
  };
  socklen_t length = sizeof peer;

  if (!self->config.same_user_only ||
      (self->kind != MP_ADDRESS_UNIX && self->kind != MP_ADDRESS_ABSTRACT))
    return TRUE;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
    return mp_set_error_from_errno (error, errno, _ ("Getting the credentials of the peer "
                                                     "failed"));
  if (peer.uid == geteuid ())
    return TRUE;

  g_set_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
               _ ("The peer is user %u, and only user %u may connect"), peer.uid, geteuid ());
  return FALSE;
}

static void
pause_listening (MpAcceptor *self,
                 int         code)
{
  self->resume = g_get_monotonic_time () + PAUSE_US;
  self->pause_code = code;
}

/* Accepts one connection.  Returns FALSE if no other is waiting, or none can be accepted now. */
static gboolean
accept_one (MpAcceptor *self)
{
  MpSocketAddress  peer = { {
                              0,
                           },
                            sizeof peer.storage };
  g_autofree char *name = NULL;
  g_autofree char *address = NULL;
  GError          *error = NULL;
  int              fd =
    accept4 (self->listening.fd, (struct sockaddr *) &peer.storage, &peer.length, SOCK_CLOEXEC);

  if (fd < 0)
    {
      int code = errno;

      if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM)
        pause_listening (self, code);
      return code == EINTR || code == ECONNABORTED;
    }

  /* A peer may have bound its socket to any bytes. */
  name = mp_address_format (&peer, self->kind);
  address = g_utf8_make_valid (name, -1);
  if (check_user (self, fd, &error))
    {
      mp_acceptor_welcome (self, fd, address);
      return TRUE;
    }

  mp_acceptor_refuse (self, address, error);
  close (fd);
  return TRUE;
}

/* Whether a further connection is to be accepted.  Otherwise it stays in the kernel's backlog,
 * where another process that listens on the same socket can take it. */
static gboolean
has_capacity (MpAcceptor *self,
              gint64     *next_stall)
{
  guint n_active = mp_acceptor_count_active (self, next_stall);

  if (self->started)
    return self->accepted.length == 0 && n_active < self->config.max_pending;

  return self->accepted.length + n_active < (guint) MAX (1, self->n_expecting);
}

void
mp_acceptor_accept_many (MpAcceptor *self)
{
  gint64 next_stall;

  while (self->resume == 0 && has_capacity (self, &next_stall) && accept_one (self))
    continue;
}

/* Sets the timer to the next deadline, and polls the listening socket if a peer can be accepted. */
void
mp_acceptor_arrange_next (MpAcceptor *self)
{
  gint64            next = self->resume, next_stall;
  gboolean          has_room = has_capacity (self, &next_stall);
  gboolean          listens = self->resume == 0 && has_room;
  struct itimerspec when = { { 0, 0 }, { 0, 0 } };

  if (!has_room && next_stall > 0)
    next = next > 0 ? MIN (next, next_stall) : next_stall;
  if (self->pending.length > 0)
    {
      gint64 deadline = ((MpPendingPeer *) self->pending.head->data)->deadline;

      next = next > 0 ? MIN (next, deadline) : deadline;
    }

  when.it_value.tv_sec = next / G_USEC_PER_SEC;
  when.it_value.tv_nsec = (next % G_USEC_PER_SEC) * 1000;
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);

  if (listens != self->listens)
    mp_acceptor_watch (self, EPOLL_CTL_MOD, self->listening.fd, listens ? EPOLLIN : 0,
                       &self->listening);
  self->listens = listens;

  if (self->accepted.length > 0 || self->refused.length > 0)
    eventfd_write (self->event_fd, 1);
}
