/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-listener.h"
#include "mp-waitable.h"
#include "wire/acceptor.h"

G_BEGIN_DECLS

/* What the files of this class share. */
typedef struct
{
  char            *address;
  MpAcceptorConfig config;

  /* Guards what follows. */
  GMutex      lock;
  MpAcceptor *acceptor;
  gboolean    closed;
  char       *last_accepted;
  GSource    *started;
} MpListenerPrivate;

MpListenerPrivate *mp_listener_get_private (MpListener *self);

/* The acceptor, which begins to listen when it is asked for first. */
MpAcceptor *mp_listener_get_acceptor (MpListener *self,
                                      GError    **error);

void mp_listener_set_closed_error (GError **error);
void mp_listener_emit_incoming (MpListener   *self,
                                MpConnection *connection);
void mp_listener_emit_handshake_failed (MpListener *self,
                                        MpRefused  *refused);
void mp_listener_waitable_init (MpWaitableInterface *iface);

G_END_DECLS
