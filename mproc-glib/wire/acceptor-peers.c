/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "acceptor-private.h"

#include "mp-error.h"
#include "tls.h"

#include <glib/gi18n-lib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The peers of an acceptor whose handshake is in progress, until they are accepted or refused. */

/* A peer whose handshake makes no progress for this long, in microseconds, no longer counts as
 * active, so that further peers are accepted.  The time is halved for each such peer, so that many
 * silent peers delay others only a little. */
#define STALL_US   (250 * 1000)
#define MOST_SHIFT 16

/* How many refused peers are remembered until the listener reports them. */
#define MAX_REFUSED 256

void
mp_accepted_free (MpAccepted *accepted)
{
  g_clear_pointer (&accepted->channel, mp_channel_unref);
  g_free (accepted->address);
  g_free (accepted);
}

void
mp_refused_free (MpRefused *refused)
{
  g_free (refused->address);
  g_clear_error (&refused->error);
  g_free (refused);
}

void
mp_acceptor_drop_pending (MpPendingPeer *pending)
{
  MpAcceptor *self = pending->acceptor;

  g_queue_unlink (&self->pending, &pending->link);
  if (pending->fd >= 0)
    epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, pending->fd, NULL);
  if (pending->raw)
    close (pending->fd);
  if (pending->tls != NULL)
    g_cancellable_cancel (pending->tls);
  g_clear_object (&pending->tls);
  g_clear_pointer (&pending->greeting, mp_greeting_free);
  g_free (pending->address);
  g_free (pending);
}

/* Takes ownership of @error.  Does not log: the lock is held, and log writers are foreign code. */
void
mp_acceptor_refuse (MpAcceptor *self,
                    const char *address,
                    GError     *error)
{
  MpRefused *refused = g_new0 (MpRefused, 1);

  refused->address = g_strdup (address);
  refused->error = error;
  g_queue_push_tail (&self->refused, refused);
  if (self->refused.length > MAX_REFUSED)
    mp_refused_free (g_queue_pop_head (&self->refused));
}

/* Takes ownership of @channel. */
static void
let_in (MpAcceptor *self,
        MpChannel  *channel,
        const char *address)
{
  MpAccepted *accepted = g_new0 (MpAccepted, 1);

  accepted->channel = channel;
  accepted->address = g_strdup (address);
  g_queue_push_tail (&self->accepted, accepted);
}

/* Continues the handshake of a peer.  May free @pending. */
static void
step_pending (MpPendingPeer *pending)
{
  MpAcceptor       *self = pending->acceptor;
  GError           *error = NULL;
  MpHandshakeStatus status = mp_greeting_step (pending->greeting, &error);
  GIOCondition      condition;

  pending->progress = g_get_monotonic_time ();
  if (status == MP_HANDSHAKE_RUNNING)
    {
      condition = mp_greeting_get_condition (pending->greeting);
      if (condition != pending->watched)
        mp_acceptor_watch (self, EPOLL_CTL_MOD, pending->fd, condition, pending);
      pending->watched = condition;
      return;
    }

  if (status == MP_HANDSHAKE_DONE)
    let_in (self, mp_greeting_take_channel (pending->greeting), pending->address);
  else
    mp_acceptor_refuse (self, pending->address, error);
  mp_acceptor_drop_pending (pending);
}

static MpPendingPeer *
add_pending (MpAcceptor *self,
             const char *address)
{
  MpPendingPeer *pending = g_new0 (MpPendingPeer, 1);

  pending->acceptor = self;
  pending->fd = -1;
  pending->address = g_strdup (address);
  pending->progress = g_get_monotonic_time ();
  pending->deadline = pending->progress + self->config.peer.handshake_timeout_us;
  pending->link.data = pending;
  g_queue_push_tail_link (&self->pending, &pending->link);

  if (self->pending.length > self->config.max_pending)
    {
      MpPendingPeer *oldest = self->pending.head->data;

      mp_acceptor_refuse (self, oldest->address,
                          g_error_new_literal (MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                                               "Too many peers are in their handshake, and it "
                                               "was the oldest"));
      mp_acceptor_drop_pending (oldest);
    }

  return pending;
}

/* Waits for the ClientHello before a thread is used, so that silent peers occupy none. */
static void
step_tls (MpPendingPeer *pending)
{
  MpAcceptor           *self = pending->acceptor;
  const MpPeerSettings *settings = &self->config.peer;
  int                   fd = pending->fd;
  GError               *error = NULL;

  switch (mp_tls_check_hello (fd, &error))
    {
    case MP_HANDSHAKE_RUNNING:
      return;

    case MP_HANDSHAKE_DONE:
      epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
      pending->fd = -1;
      pending->raw = FALSE;
      pending->tls = g_cancellable_new ();
      mp_tls_accept (fd, settings->certificate, settings->auth_key, settings->legacy_digests,
                     settings->handshake_timeout_us, pending->tls, self->tls_results,
                     self->event_fd);
      return;

    default:
      mp_acceptor_refuse (self, pending->address, error);
      mp_acceptor_drop_pending (pending);
    }
}

static void
begin_tls (MpAcceptor *self,
           int         fd,
           const char *address)
{
  MpPendingPeer *pending = add_pending (self, address);

  pending->fd = fd;
  pending->raw = TRUE;
  mp_acceptor_watch (self, EPOLL_CTL_ADD, fd, EPOLLIN, pending);
  step_tls (pending);
}

/* Begins to serve a new connection.  Takes ownership of @fd. */
void
mp_acceptor_welcome (MpAcceptor *self,
                     int         fd,
                     const char *address)
{
  GError        *error = NULL;
  MpTransport   *transport;
  MpChannel     *channel;
  MpPendingPeer *pending;

  mp_transport_set_no_delay (fd);
  if (self->kind == MP_ADDRESS_TLS)
    {
      begin_tls (self, fd, address);
      return;
    }

  transport = mp_socket_transport_new (fd, &error);
  if (transport == NULL)
    {
      mp_acceptor_refuse (self, address, error);
      close (fd);
      return;
    }

  channel = mp_channel_new (transport, TRUE, TRUE);
  if (self->config.peer.auth_key == NULL)
    {
      let_in (self, channel, address);
      return;
    }

  pending = add_pending (self, address);
  pending->fd = fd;
  pending->watched = G_IO_IN;
  pending->greeting = mp_greeting_new (channel, MP_HANDSHAKE_SERVER, self->config.peer.auth_key,
                                       self->config.peer.legacy_digests);
  mp_acceptor_watch (self, EPOLL_CTL_ADD, fd, EPOLLIN, pending);
  step_pending (pending);
}

void
mp_acceptor_step_pending (MpPendingPeer *pending)
{
  if (pending->raw)
    step_tls (pending);
  else
    step_pending (pending);
}

void
mp_acceptor_drop_expired (MpAcceptor *self)
{
  gint64 now = g_get_monotonic_time ();

  while (self->pending.length > 0)
    {
      MpPendingPeer *oldest = self->pending.head->data;
      GError        *error = NULL;

      if (oldest->deadline > now)
        break;

      if (oldest->greeting != NULL)
        mp_greeting_explain_silence (oldest->greeting, &error);
      else
        g_set_error_literal (&error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                             _ ("The peer did not finish the TLS handshake in time"));
      mp_acceptor_refuse (self, oldest->address, error);
      mp_acceptor_drop_pending (oldest);
    }
}

void
mp_acceptor_take_tls_results (MpAcceptor *self)
{
  MpTlsResult *result;

  while ((result = g_async_queue_try_pop (self->tls_results)) != NULL)
    {
      for (GList *l = self->pending.head; l != NULL; l = l->next)
        {
          MpPendingPeer *pending = l->data;

          if (pending->tls != result->cancellable)
            continue;

          if (result->channel != NULL)
            let_in (self, g_steal_pointer (&result->channel), pending->address);
          else
            mp_acceptor_refuse (self, pending->address, g_steal_pointer (&result->error));
          mp_acceptor_drop_pending (pending);
          break;
        }

      mp_tls_result_free (result);
    }
}

/* Returns how many handshakes make progress, and when the next of them will count as stalled, or -1
 * if there is none. */
guint
mp_acceptor_count_active (MpAcceptor *self,
                          gint64     *next_stall)
{
  gint64 now = g_get_monotonic_time ();
  guint  n_active = 0, n_stalled = 0;

  *next_stall = -1;
  for (GList *l = self->pending.head; l != NULL; l = l->next)
    {
      const MpPendingPeer *pending = l->data;
      gint64               stall = pending->progress + (STALL_US >> MIN (n_stalled, MOST_SHIFT));

      if (stall <= now)
        {
          n_stalled++;
          continue;
        }
      n_active++;
      *next_stall = *next_stall < 0 ? stall : MIN (*next_stall, stall);
    }
  return n_active;
}
