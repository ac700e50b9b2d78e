/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "address.h"
#include "channel.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* A listening socket, and the connections whose handshake is in progress.
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

/* A peer that was accepted, after its handshake if there is one. */
typedef struct
{
  MpChannel *channel;
  char      *address;
} MpAccepted;

/* A peer that was refused. */
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

/* Stops listening, drops the peers that were not taken, removes the socket file, and makes the
 * descriptor readable for good. */
void     mp_acceptor_close (MpAcceptor *self);
gboolean mp_acceptor_is_closed (MpAcceptor *self);

/* Whether this process can accept at all: TLS needs threads that a forked child may not have. */
gboolean mp_acceptor_check (MpAcceptor *self,
                            GError    **error);

const char *mp_acceptor_get_address (MpAcceptor *self);
int         mp_acceptor_get_fd (MpAcceptor *self);

/* How many peers this process will serve: one, as many as there are calls that wait for one, each
 * of which is announced and revoked with @n_more 1 and -1, or all, with up to max_pending
 * handshakes at a time. */
void mp_acceptor_expect (MpAcceptor *self,
                         int         n_more);
void mp_acceptor_set_started (MpAcceptor *self,
                              gboolean    started);

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
