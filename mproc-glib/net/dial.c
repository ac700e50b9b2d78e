/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "dial.h"

#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "resolve.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* How often to try again while the backlog of a Unix listener is full: a descriptor cannot be
 * polled for that. */
#define RETRY_US (5 * 1000)

typedef enum
{
  STATE_RESOLVE,
  STATE_CONNECT,
  STATE_CONNECTING,
  STATE_DONE
} State;

struct _MpDial
{
  MpAddress    *address;
  MpTlsSettings settings;
  State         state;

  /* The addresses of the host, and the index of the one being tried. */
  GArray *candidates;
  guint   turn;

  int          fd;
  gint64       retry;    /* when to try again while the backlog is full; -1: it is not */
  gint64       deadline; /* of steps that block */
  MpTransport *transport;
};

MpDial *
mp_dial_new (MpAddress           *address,
             const MpTlsSettings *settings)
{
  MpDial *self = g_new0 (MpDial, 1);

  self->address = address;
  self->settings = *settings;
  self->fd = -1;
  self->retry = -1;
  self->deadline = MP_DEADLINE_NEVER;
  return self;
}

static void
close_socket (MpDial *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

void
mp_dial_free (MpDial *self)
{
  close_socket (self);
  if (self->transport != NULL)
    self->transport->funcs->free (self->transport);
  g_clear_pointer (&self->candidates, g_array_unref);
  mp_address_free (self->address);
  g_free (self);
}

gboolean
mp_dial_uses_tls (MpDial *self)
{
  return self->address->kind == MP_ADDRESS_TLS;
}

gboolean
mp_dial_must_block (MpDial *self)
{
  return mp_dial_uses_tls (self) || mp_address_needs_resolver (self->address);
}

void
mp_dial_set_deadline (MpDial *self,
                      gint64  deadline)
{
  self->deadline = deadline;
}

static const MpSocketAddress *
get_candidate (MpDial *self)
{
  return &g_array_index (self->candidates, MpSocketAddress, self->turn);
}

/* Continues with the next address of the host, if there is one. */
static MpDialStatus
try_next (MpDial  *self,
          int      code,
          GError **error)
{
  g_autofree char *tried = mp_address_format (get_candidate (self), self->address->kind);

  close_socket (self);
  if (++self->turn < self->candidates->len)
    {
      self->state = STATE_CONNECT;
      return MP_DIAL_RUNNING;
    }

  mp_set_error_from_errno (error, code, _ ("Connecting to %s failed"), tried);
  return MP_DIAL_FAILED;
}

static MpDialStatus
make_transport (MpDial       *self,
                GCancellable *cancellable,
                GError      **error)
{
  int fd = g_steal_fd (&self->fd);

  /* Code that gets the socket later expects a blocking one, which is the default. */
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
  mp_transport_set_no_delay (fd);
  if (mp_dial_uses_tls (self))
    {
      self->transport = mp_tls_connect (fd, self->address->name, self->address->port,
                                        &self->settings, self->deadline, cancellable, error);
    }
  else
    {
      self->transport = mp_socket_transport_new (fd, error);
      if (self->transport == NULL)
        close (fd);
    }

  if (self->transport == NULL)
    return MP_DIAL_FAILED;
  self->state = STATE_DONE;
  return MP_DIAL_DONE;
}

static MpDialStatus
connect_now (MpDial       *self,
             GCancellable *cancellable,
             GError      **error)
{
  const MpSocketAddress *candidate = get_candidate (self);
  int                    result;

  self->retry = -1;
  if (self->fd < 0)
    self->fd = socket (candidate->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    return try_next (self, errno, error);

  result = connect (self->fd, (const struct sockaddr *) &candidate->storage, candidate->length);
  if (result == 0)
    return make_transport (self, cancellable, error);

  if (errno == EAGAIN)
    {
      self->retry = g_get_monotonic_time () + RETRY_US;
      return MP_DIAL_RUNNING;
    }
  if (errno != EINPROGRESS && errno != EINTR)
    return try_next (self, errno, error);

  self->state = STATE_CONNECTING;
  return MP_DIAL_RUNNING;
}

static MpDialStatus
finish_connecting (MpDial       *self,
                   GCancellable *cancellable,
                   GError      **error)
{
  int       code = 0;
  socklen_t length = sizeof code;

  if (mp_transport_poll (self->fd, G_IO_OUT, -1, 0, NULL, NULL) != MP_WAIT_READY)
    return MP_DIAL_RUNNING;

  if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0)
    code = errno;
  if (code != 0)
    return try_next (self, code, error);

  return make_transport (self, cancellable, error);
}

static MpDialStatus
resolve (MpDial       *self,
         GCancellable *cancellable,
         GError      **error)
{
  self->candidates =
    mp_address_resolve (self->address, FALSE, self->deadline, cancellable, error);
  self->state = STATE_CONNECT;
  return self->candidates != NULL ? MP_DIAL_RUNNING : MP_DIAL_FAILED;
}

static MpDialStatus
step_once (MpDial       *self,
           GCancellable *cancellable,
           GError      **error)
{
  switch (self->state)
    {
    case STATE_RESOLVE:
      return resolve (self, cancellable, error);

    case STATE_CONNECT:
      return connect_now (self, cancellable, error);

    case STATE_CONNECTING:
      return finish_connecting (self, cancellable, error);

    case STATE_DONE:
    default:
      return MP_DIAL_DONE;
    }
}

MpDialStatus
mp_dial_step (MpDial       *self,
              GCancellable *cancellable,
              GError      **error)
{
  MpDialStatus status;
  State        before;
  guint        turn;

  /* Continue as long as a step completes and leads to the next one. */
  do
    {
      before = self->state;
      turn = self->turn;
      status = step_once (self, cancellable, error);
    }
  while (status == MP_DIAL_RUNNING && (self->state != before || self->turn != turn));

  return status;
}

void
mp_dial_get_wait (MpDial       *self,
                  int          *fd,
                  GIOCondition *condition,
                  gint64       *time)
{
  *fd = -1;
  *condition = 0;
  *time = -1;

  if (self->state == STATE_CONNECT)
    {
      *time = self->retry;
    }
  else if (self->state == STATE_CONNECTING)
    {
      *fd = self->fd;
      *condition = G_IO_OUT;
    }
}

MpTransport *
mp_dial_take_transport (MpDial *self,
                        char  **address)
{
  *address = mp_address_format (get_candidate (self), self->address->kind);
  return g_steal_pointer (&self->transport);
}
