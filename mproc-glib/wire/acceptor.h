/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "address.h"
#include "channel.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* A listening socket and the strangers at its door.
 *
 * One descriptor of epoll watches the socket, every peer that is still in its handshake, and
 * the clock, so that handshakes go on beside accepting, whoever waits and in whichever way:
 * poll get_fd () for something to read, then call process () and take what is there.  Any
 * thread may. */
typedef struct _MpAcceptor MpAcceptor;

typedef struct
{
  MpPeerSettings peer;
  gboolean       same_user_only;
  guint          backlog;
  guint          max_pending;
} MpAcceptorConfig;

/* Somebody who got in. */
typedef struct
{
  MpChannel *channel;
  char      *address;
} MpAccepted;

/* Somebody who did not. */
typedef struct
{
  char   *address;
  GError *error;
} MpRefused;

/* Begins to listen; what @config points to is copied. */
MpAcceptor *mp_acceptor_new (const MpAddress        *address,
                             const MpAcceptorConfig *config,
                             GError                **error);
MpAcceptor *mp_acceptor_ref (MpAcceptor *self);
void        mp_acceptor_unref (MpAcceptor *self);

/* Stops to listen, drops who is at the door, removes the socket file, and makes the
 * descriptor readable for good. */
void     mp_acceptor_close (MpAcceptor *self);
gboolean mp_acceptor_is_closed (MpAcceptor *self);

const char *mp_acceptor_get_address (MpAcceptor *self);
int         mp_acceptor_get_fd (MpAcceptor *self);

/* Does what can be done now, without waiting. */
void        mp_acceptor_process (MpAcceptor *self);
gboolean    mp_acceptor_has_accepted (MpAcceptor *self);
gboolean    mp_acceptor_has_news (MpAcceptor *self);
MpAccepted *mp_acceptor_take_accepted (MpAcceptor *self);
MpRefused  *mp_acceptor_take_refused (MpAcceptor *self);
guint       mp_acceptor_count_pending (MpAcceptor *self);

void mp_accepted_free (MpAccepted *accepted);
void mp_refused_free (MpRefused *refused);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpAcceptor, mp_acceptor_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpAccepted, mp_accepted_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpRefused, mp_refused_free)

G_END_DECLS
