/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "acceptor.h"

#include "greeting.h"
#include "listening.h"
#include "base/mp-errno.h"
#include "base/mp-fork.h"
#include "mp-error.h"
#include "tls.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_PER_CALL 64

/* A peer whose handshake makes no progress for this long, in microseconds, no longer counts as
 * active, so that further peers are accepted.  The time is halved for each such peer, so that many
 * silent peers delay others only a little. */
#define STALL_US   (250 * 1000)
#define MOST_SHIFT 16

/* How many refused peers are remembered until the listener reports them. */
#define MAX_REFUSED 256

/* How long accepting pauses after the process has run out of descriptors, in microseconds. */
#define PAUSE_US (50 * 1000)

/* A connection whose handshake is in progress.  A TLS handshake runs in a thread, which puts its
 * result into `tls_results`. */
typedef struct
{
  MpAcceptor   *acceptor;
  GList         link;
  MpGreeting   *greeting;
  int           fd;
  char         *address;
  gint64        deadline;
  gint64        progress; /* time of the last step */
  GIOCondition  watched;
  GCancellable *tls;

  /* Whether the descriptor belongs to this struct, since no channel or thread has it yet. */
  gboolean raw;
} Pending;

struct _MpAcceptor
{
  gatomicrefcount  ref_count;
  MpForkHook       fork_hook;
  MpAcceptorConfig config;
  MpAddressKind    kind;
  char            *address;

  int epoll_fd;
  int timer_fd;

  /* Readable while there are peers to take, and permanently once closed. */
  int event_fd;

  GMutex       lock;
  MpListening  listening;
  gboolean     closed;
  gboolean     listens;
  gint64       resume;
  int          pause_code;  /* the error that made it pause, until it is logged */
  int          n_expecting; /* accept calls that are waiting */
  gboolean     started;     /* between start () and stop (): accept all peers */
  GQueue       pending;
  GQueue       accepted;
  GQueue       refused;
  GAsyncQueue *tls_results;
};

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

/* The epoll data of an event points to a Pending or to one of these. */
static int listening_mark, timer_mark, event_mark;

static gboolean
watch (MpAcceptor *self,
       int         operation,
       int         fd,
       guint32     events,
       gpointer    data)
{
  struct epoll_event event = { .events = events, .data.ptr = data };

  return epoll_ctl (self->epoll_fd, operation, fd, &event) == 0;
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
static gboolean
open_descriptors (MpAcceptor *self)
{
  put_fd (&self->epoll_fd, epoll_create1 (EPOLL_CLOEXEC));
  put_fd (&self->timer_fd, timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  put_fd (&self->event_fd, eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK));
  self->listens = self->epoll_fd >= 0 && self->timer_fd >= 0 && self->event_fd >= 0 &&
                  watch (self, EPOLL_CTL_ADD, self->timer_fd, EPOLLIN, &timer_mark) &&
                  watch (self, EPOLL_CTL_ADD, self->event_fd, EPOLLIN, &event_mark) &&
                  watch (self, EPOLL_CTL_ADD, self->listening.fd, EPOLLIN, &listening_mark);
  return self->listens;
}

/* Makes the descriptor permanently readable, for a child whose listener is already closed. */
static void
open_closed (MpAcceptor *self)
{
  put_fd (&self->epoll_fd, epoll_create1 (EPOLL_CLOEXEC));
  put_fd (&self->event_fd, eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK));
  if (self->epoll_fd >= 0 && self->event_fd >= 0)
    watch (self, EPOLL_CTL_ADD, self->event_fd, EPOLLIN, &event_mark);
}

/* Fork hook, runs in the child.  Pending and accepted connections belong to the parent, so the
 * child must not keep them open.  Epoll, timer and event descriptors share their state with the
 * parent, so the child replaces them by its own under the same numbers.
 *
 * Another thread of the parent may have been changing the lists.  They can be walked forward
 * nevertheless: elements are filled before they are linked, and unlinked before they are freed. */
static void
in_child (MpForkHook *hook)
{
  MpAcceptor *self = MP_FORK_HOOK_OWNER (hook, MpAcceptor);

  mp_fork_reset_mutex (&self->lock);
  for (GList *l = self->pending.head; l != NULL; l = l->next)
    mp_transport_disconnect_fd (((Pending *) l->data)->fd);
  for (GList *l = self->accepted.head; l != NULL; l = l->next)
    mp_transport_disconnect_fd (mp_channel_get_fd (((MpAccepted *) l->data)->channel));

  g_queue_init (&self->pending);
  g_queue_init (&self->accepted);
  g_queue_init (&self->refused);
  self->resume = 0;
  self->n_expecting = 0;
  if (self->closed)
    open_closed (self);
  else
    self->closed = !open_descriptors (self);
}

/* A socket that was passed to the program is of the kind that it would be if it was made here. */
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
  if (!open_descriptors (self))
    {
      mp_set_error_from_errno (error, errno, _ ("Preparing to listen failed"));
      return NULL;
    }

  mp_fork_hook_add (&self->fork_hook, in_child);
  self->address = mp_address_format (&self->listening.address, self->kind);
  return g_steal_pointer (&self);
}

MpAcceptor *
mp_acceptor_ref (MpAcceptor *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

static void
close_descriptor (int fd)
{
  if (fd >= 0)
    close (fd);
}

void
mp_acceptor_unref (MpAcceptor *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  mp_acceptor_close (self);
  mp_fork_hook_remove (&self->fork_hook);
  g_queue_clear_full (&self->refused, (GDestroyNotify) mp_refused_free);
  close_descriptor (self->epoll_fd);
  close_descriptor (self->timer_fd);
  close_descriptor (self->event_fd);
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

static void
pending_free (Pending *pending)
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

void
mp_acceptor_close (MpAcceptor *self)
{
  g_mutex_lock (&self->lock);
  if (!self->closed)
    {
      self->closed = TRUE;
      while (self->pending.length > 0)
        pending_free (self->pending.head->data);
      g_queue_clear_full (&self->accepted, (GDestroyNotify) mp_accepted_free);
      if (self->listening.fd >= 0 && self->epoll_fd >= 0)
        epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, self->listening.fd, NULL);
      mp_listening_close (&self->listening);
      if (self->event_fd >= 0)
        eventfd_write (self->event_fd, 1);
    }
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

/* Takes ownership of @error.  Does not log: the lock is held, and log writers are foreign code. */
static void
refuse (MpAcceptor *self,
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
step_pending (Pending *pending)
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
        watch (self, EPOLL_CTL_MOD, pending->fd, condition, pending);
      pending->watched = condition;
      return;
    }

  if (status == MP_HANDSHAKE_DONE)
    let_in (self, mp_greeting_take_channel (pending->greeting), pending->address);
  else
    refuse (self, pending->address, error);
  pending_free (pending);
}

static Pending *
add_pending (MpAcceptor *self,
             const char *address)
{
  Pending *pending = g_new0 (Pending, 1);

  pending->acceptor = self;
  pending->fd = -1;
  pending->address = g_strdup (address);
  pending->progress = g_get_monotonic_time ();
  pending->deadline = pending->progress + self->config.peer.handshake_timeout_us;
  pending->link.data = pending;
  g_queue_push_tail_link (&self->pending, &pending->link);

  if (self->pending.length > self->config.max_pending)
    {
      Pending *oldest = self->pending.head->data;

      refuse (self, oldest->address,
              g_error_new_literal (MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                                   "Too many peers are in their handshake, and it was the oldest"));
      pending_free (oldest);
    }

  return pending;
}

/* Waits for the ClientHello before a thread is used, so that silent peers occupy none. */
static void
step_tls (Pending *pending)
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
      refuse (self, pending->address, error);
      pending_free (pending);
    }
}

static void
begin_tls (MpAcceptor *self,
           int         fd,
           const char *address)
{
  Pending *pending = add_pending (self, address);

  pending->fd = fd;
  pending->raw = TRUE;
  watch (self, EPOLL_CTL_ADD, fd, EPOLLIN, pending);
  step_tls (pending);
}

/* Begins to serve a new connection.  Takes ownership of @fd. */
static void
welcome (MpAcceptor *self,
         int         fd,
         const char *address)
{
  GError      *error = NULL;
  MpTransport *transport;
  MpChannel   *channel;
  Pending     *pending;

  mp_transport_set_no_delay (fd);
  if (self->kind == MP_ADDRESS_TLS)
    {
      begin_tls (self, fd, address);
      return;
    }

  transport = mp_socket_transport_new (fd, &error);
  if (transport == NULL)
    {
      refuse (self, address, error);
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
  watch (self, EPOLL_CTL_ADD, fd, EPOLLIN, pending);
  step_pending (pending);
}

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
      welcome (self, fd, address);
      return TRUE;
    }

  refuse (self, address, error);
  close (fd);
  return TRUE;
}

/* Returns how many handshakes make progress, and when the next of them will count as stalled, or -1
 * if there is none. */
static guint
count_active (MpAcceptor *self,
              gint64     *next_stall)
{
  gint64 now = g_get_monotonic_time ();
  guint  n_active = 0, n_stalled = 0;

  *next_stall = -1;
  for (GList *l = self->pending.head; l != NULL; l = l->next)
    {
      const Pending *pending = l->data;
      gint64         stall = pending->progress + (STALL_US >> MIN (n_stalled, MOST_SHIFT));

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

/* Whether a further connection is to be accepted.  Otherwise it stays in the kernel's backlog,
 * where another process that listens on the same socket can take it. */
static gboolean
has_capacity (MpAcceptor *self,
              gint64     *next_stall)
{
  guint n_active = count_active (self, next_stall);

  if (self->started)
    return self->accepted.length == 0 && n_active < self->config.max_pending;

  return self->accepted.length + n_active < (guint) MAX (1, self->n_expecting);
}

static void
accept_many (MpAcceptor *self)
{
  gint64 next_stall;

  while (self->resume == 0 && has_capacity (self, &next_stall) && accept_one (self))
    continue;
}

static void
drop_expired (MpAcceptor *self)
{
  gint64 now = g_get_monotonic_time ();

  while (self->pending.length > 0)
    {
      Pending *oldest = self->pending.head->data;
      GError  *error = NULL;

      if (oldest->deadline > now)
        break;

      if (oldest->greeting != NULL)
        mp_greeting_explain_silence (oldest->greeting, &error);
      else
        g_set_error_literal (&error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                             _ ("The peer did not finish the TLS handshake in time"));
      refuse (self, oldest->address, error);
      pending_free (oldest);
    }
}

static void
take_tls_results (MpAcceptor *self)
{
  MpTlsResult *result;

  while ((result = g_async_queue_try_pop (self->tls_results)) != NULL)
    {
      for (GList *l = self->pending.head; l != NULL; l = l->next)
        {
          Pending *pending = l->data;

          if (pending->tls != result->cancellable)
            continue;

          if (result->channel != NULL)
            let_in (self, g_steal_pointer (&result->channel), pending->address);
          else
            refuse (self, pending->address, g_steal_pointer (&result->error));
          pending_free (pending);
          break;
        }

      mp_tls_result_free (result);
    }
}

/* Sets the timer to the next deadline, and polls the listening socket if a peer can be accepted. */
static void
arrange_next (MpAcceptor *self)
{
  gint64            next = self->resume, next_stall;
  gboolean          has_room = has_capacity (self, &next_stall);
  gboolean          listens = self->resume == 0 && has_room;
  struct itimerspec when = { { 0, 0 }, { 0, 0 } };

  if (!has_room && next_stall > 0)
    next = next > 0 ? MIN (next, next_stall) : next_stall;
  if (self->pending.length > 0)
    {
      gint64 deadline = ((Pending *) self->pending.head->data)->deadline;

      next = next > 0 ? MIN (next, deadline) : deadline;
    }

  when.it_value.tv_sec = next / G_USEC_PER_SEC;
  when.it_value.tv_nsec = (next % G_USEC_PER_SEC) * 1000;
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);

  if (listens != self->listens)
    watch (self, EPOLL_CTL_MOD, self->listening.fd, listens ? EPOLLIN : 0, &listening_mark);
  self->listens = listens;

  if (self->accepted.length > 0 || self->refused.length > 0)
    eventfd_write (self->event_fd, 1);
}

static void
step_peer (Pending *pending)
{
  if (pending->raw)
    step_tls (pending);
  else
    step_pending (pending);
}

static void
process_event (MpAcceptor         *self,
               struct epoll_event *event)
{
  eventfd_t value;
  guint64   expirations;

  if (event->data.ptr == &listening_mark)
    accept_many (self);
  else if (event->data.ptr == &event_mark)
    eventfd_read (self->event_fd, &value);
  else if (event->data.ptr != &timer_mark)
    step_peer (event->data.ptr);
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
  if (!self->closed)
    {
      n = epoll_wait (self->epoll_fd, events, EVENTS_PER_CALL, 0);
      if (self->resume > 0 && self->resume <= g_get_monotonic_time ())
        self->resume = 0;

      /* Continuing a handshake frees at most that peer, so the other events stay valid.  Accepting
       * may evict the oldest peer, so it comes last. */
      for (int i = 0; i < n; i++)
        {
          if (events[i].data.ptr != &listening_mark)
            process_event (self, &events[i]);
        }
      for (int i = 0; i < n; i++)
        {
          if (events[i].data.ptr == &listening_mark)
            process_event (self, &events[i]);
        }

      take_tls_results (self);
      drop_expired (self);
      arrange_next (self);
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
    arrange_next (self);
  g_mutex_unlock (&self->lock);
}

void
mp_acceptor_set_started (MpAcceptor *self,
                         gboolean    started)
{
  g_mutex_lock (&self->lock);
  self->started = started;
  if (!self->closed)
    arrange_next (self);
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
    arrange_next (self);
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
