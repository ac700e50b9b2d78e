/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-listener.h"
#include "mp-waitable.h"
#include "base/mp-fork.h"
#include "wire/acceptor.h"

G_BEGIN_DECLS

/* The private data, shared by the files of this class. */
typedef struct
{
  MpAcceptorConfig config;

  /* Guards the members below. */
  GMutex      lock;
  MpForkHook  fork_hook;
  char       *address;
  MpAcceptor *acceptor;
  gboolean    closed;
  char       *last_accepted;
  GSource    *started;
} MpListenerPrivate;

enum
{
  MP_LISTENER_SIGNAL_INCOMING,
  MP_LISTENER_SIGNAL_HANDSHAKE_FAILED,
  MP_LISTENER_N_SIGNALS
};

/* Set when the class is initialised. */
extern int   mp_listener_private_offset;
extern guint mp_listener_signals[MP_LISTENER_N_SIGNALS];

static inline MpListenerPrivate *
mp_listener_get_private (MpListener *self)
{
  return G_STRUCT_MEMBER_P (self, mp_listener_private_offset);
}

/* Returns the acceptor, which is created, and begins to listen, on first use.  Until @deadline, the
 * name of the host may have to be looked up. */
MpAcceptor *mp_listener_get_acceptor (MpListener   *self,
                                      gint64        deadline,
                                      GCancellable *cancellable,
                                      GError      **error);

void mp_listener_set_closed_error (GError **error);
void mp_listener_waitable_init (MpWaitableInterface *iface);

G_END_DECLS
