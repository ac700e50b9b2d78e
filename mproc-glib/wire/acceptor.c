/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "acceptor-private.h"

#include "base/mp-errno.h"
#include "tls.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_PER_CALL 64

/* Returns the kind of address of a socket that was passed to the program, which MP_ADDRESS_FD does
 * not tell: TLS is used over TCP if there is a certificate. */
static MpAddressKind
get_kind (MpAcceptor *self)
{
  if (self->listening.address.storage.ss_family == AF_UNIX)
    return MP_ADDRESS_UNIX;

  return self->config.peer.certificate != NULL ? MP_ADDRESS_TLS : MP_ADDRESS_TCP;
}

MpAcceptor *
mp_acceptor_new (const MpAddress        *address,
                 const MpSocketAddress  *found,
                 const MpAcceptorConfig *config,
                 GError                **error)
{
  g_autoptr (MpAcceptor) self = g_new0 (MpAcceptor, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->epoll_fd = self->timer_fd = self->event_fd = -1;
  self->tls_results = mp_tls_results_new ();
  self->kind = address->kind;
  self->config = *config;
  mp_peer_settings_copy (&self->config.peer, &config->peer);

  if (!mp_listening_open (&self->listening, address, found, config->backlog, error))
    return NULL;
  if (self->kind == MP_ADDRESS_FD)
    self->kind = get_kind (self);
  if (!mp_acceptor_open_fds (self))
    {
      mp_set_error_from_errno (error, errno, _ ("Preparing to listen failed"));
      return NULL;
    }

  mp_fork_hook_add (&self->fork_hook, mp_acceptor_in_child);
  self->address = mp_address_format (&self->listening.address, self->kind);
  return g_steal_pointer (&self);
}

MpAcceptor *
mp_acceptor_ref (MpAcceptor *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
mp_acceptor_unref (MpAcceptor *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  mp_acceptor_close (self);
  mp_fork_hook_remove (&self->fork_hook);
  g_queue_clear_full (&self->refused, (GDestroyNotify) mp_refused_free);
  mp_acceptor_close_fds (self);
  g_async_queue_unref (self->tls_results);
  mp_peer_settings_clear (&self->config.peer);
  g_mutex_clear (&self->lock);
  g_free (self->address);
  g_free (self);
}

gboolean
mp_acceptor_check (MpAcceptor *self,
                   GError    **error)
{
  return self->kind != MP_ADDRESS_TLS || mp_fork_check_threads (error);
}

const char *
mp_acceptor_get_address (MpAcceptor *self)
{
  return self->address;
}

int
mp_acceptor_get_fd (MpAcceptor *self)
{
  return self->epoll_fd;
}

void
mp_acceptor_close (MpAcceptor *self)
{
  g_mutex_lock (&self->lock);
  mp_acceptor_check_fds (self);
  if (!self->closed)
    {
      self->closed = TRUE;
      while (self->pending.length > 0)
        mp_acceptor_drop_pending (self->pending.head->data);
      g_queue_clear_full (&self->accepted, (GDestroyNotify) mp_accepted_free);
      if (self->listening.fd >= 0 && self->epoll_fd >= 0)
        epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, self->listening.fd, NULL);
      if (self->event_fd >= 0)
        eventfd_write (self->event_fd, 1);
    }
  mp_listening_close (&self->listening);
  g_mutex_unlock (&self->lock);
}

gboolean
mp_acceptor_is_closed (MpAcceptor *self)
{
  gboolean closed;

  g_mutex_lock (&self->lock);
  closed = self->closed;
  g_mutex_unlock (&self->lock);
  return closed;
}

static void
process_event (MpAcceptor         *self,
               struct epoll_event *event)
{
  eventfd_t value;
  guint64   expirations;

  if (event->data.ptr == &self->listening)
    mp_acceptor_accept_many (self);
  else if (event->data.ptr == &self->event_fd)
    eventfd_read (self->event_fd, &value);
  else if (event->data.ptr != &self->timer_fd)
    mp_acceptor_step_pending (event->data.ptr);
  else
    while (read (self->timer_fd, &expirations, sizeof expirations) < 0 && errno == EINTR)
      continue;
}

void
mp_acceptor_process (MpAcceptor *self)
{
  struct epoll_event events[EVENTS_PER_CALL];
  int                n, pause_code;

  g_mutex_lock (&self->lock);
  mp_acceptor_check_fds (self);
  if (!self->closed)
    {
      n = epoll_wait (self->epoll_fd, events, EVENTS_PER_CALL, 0);
      if (self->resume > 0 && self->resume <= g_get_monotonic_time ())
        self->resume = 0;

      /* Continuing a handshake frees at most that peer, so the other events stay valid.  Accepting
       * may evict the oldest peer, so it comes last. */
      for (int i = 0; i < n; i++)
        {
          if (events[i].data.ptr != &self->listening)
            process_event (self, &events[i]);
        }
      for (int i = 0; i < n; i++)
        {
          if (events[i].data.ptr == &self->listening)
            process_event (self, &events[i]);
        }

      mp_acceptor_take_tls_results (self);
      mp_acceptor_drop_expired (self);
      mp_acceptor_arrange_next (self);
    }
  pause_code = self->pause_code;
  self->pause_code = 0;
  g_mutex_unlock (&self->lock);

  if (pause_code != 0)
    g_info ("No peer can be accepted for now: %s", g_strerror (pause_code));
}

void
mp_acceptor_expect (MpAcceptor *self,
                    int         n_more)
{
  g_mutex_lock (&self->lock);
  self->n_expecting += n_more;
  if (!self->closed)
    mp_acceptor_arrange_next (self);
  g_mutex_unlock (&self->lock);
}

void
mp_acceptor_set_started (MpAcceptor *self,
                         gboolean    started)
{
  g_mutex_lock (&self->lock);
  self->started = started;
  if (!self->closed)
    mp_acceptor_arrange_next (self);
  g_mutex_unlock (&self->lock);
}

gboolean
mp_acceptor_has_accepted (MpAcceptor *self)
{
  gboolean has;

  g_mutex_lock (&self->lock);
  has = self->accepted.length > 0;
  g_mutex_unlock (&self->lock);
  return has;
}

/* Whether there is an accepted peer to take or a refused one to report. */
gboolean
mp_acceptor_has_news (MpAcceptor *self)
{
  gboolean has;

  g_mutex_lock (&self->lock);
  has = self->closed || self->accepted.length > 0 || self->refused.length > 0;
  g_mutex_unlock (&self->lock);
  return has;
}

MpAccepted *
mp_acceptor_take_accepted (MpAcceptor *self)
{
  MpAccepted *accepted;

  g_mutex_lock (&self->lock);
  accepted = g_queue_pop_head (&self->accepted);
  if (accepted != NULL && !self->closed)
    mp_acceptor_arrange_next (self);
  g_mutex_unlock (&self->lock);
  return accepted;
}

MpRefused *
mp_acceptor_take_refused (MpAcceptor *self)
{
  MpRefused *refused;

  g_mutex_lock (&self->lock);
  refused = g_queue_pop_head (&self->refused);
  g_mutex_unlock (&self->lock);
  return refused;
}

guint
mp_acceptor_count_pending (MpAcceptor *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->pending.length;
  g_mutex_unlock (&self->lock);
  return n;
}
