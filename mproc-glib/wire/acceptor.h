/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "net/address.h"
#include "channel.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* A listening socket, and the connections whose handshake is in progress.
 *
 * One epoll descriptor covers the socket, all connections whose handshake is in progress, and a
 * timer.  So handshakes continue while others are accepted, whichever way the caller waits: poll
 * get_fd () until it is readable, call process (), and take the results.  All functions may be
 * called from any thread. */
typedef struct _MpAcceptor MpAcceptor;

typedef struct
{
  MpPeerSettings peer;
  gboolean       same_user_only;
  guint          backlog;
  guint          max_pending;
} MpAcceptorConfig;

/* An accepted peer, whose handshake, if any, is complete. */
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

/* Begins to listen, without waiting.  @config and what it points to are copied.  For @found see
 * mp_listening_open (). */
MpAcceptor *mp_acceptor_new (const MpAddress        *address,
                             const MpSocketAddress  *found,
                             const MpAcceptorConfig *config,
                             GError                **error);
MpAcceptor *mp_acceptor_ref (MpAcceptor *self);
void        mp_acceptor_unref (MpAcceptor *self);

/* Stops listening, drops peers that were not taken, removes the socket file, and makes the
 * descriptor permanently readable. */
void     mp_acceptor_close (MpAcceptor *self);
gboolean mp_acceptor_is_closed (MpAcceptor *self);

/* Checks that this process can accept connections: TLS uses threads, which a forked child may not
 * have. */
gboolean mp_acceptor_check (MpAcceptor *self,
                            GError    **error);

const char *mp_acceptor_get_address (MpAcceptor *self);
int         mp_acceptor_get_fd (MpAcceptor *self);

/* Sets how many peers are accepted before they are taken.  A call that waits for a peer passes 1
 * when it begins and -1 when it ends: as many peers are accepted as there are such calls, but at
 * least one.  Between start () and stop () all are, with up to max_pending handshakes at a time. */
void mp_acceptor_expect (MpAcceptor *self,
                         int         n_more);
void mp_acceptor_set_started (MpAcceptor *self,
                              gboolean    started);

/* Makes all progress that is possible without waiting. */
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
