/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "acceptor.h"
#include "greeting.h"
#include "listening.h"

#include "base/mp-fd-identity.h"
#include "base/mp-fork.h"

G_BEGIN_DECLS

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
  GIOCondition  watched;  /* what the epoll instance polls for */
  GCancellable *tls;      /* of the TLS handshake in a thread, or NULL */

  /* Whether the descriptor belongs to this struct, since no channel or thread has it yet. */
  gboolean raw;
} MpPendingPeer;

struct _MpAcceptor
{
  gatomicrefcount  ref_count;
  MpForkHook       fork_hook;
  MpAcceptorConfig config;
  MpAddressKind    kind;
  char            *address;

  /* The data of an event points to an MpPendingPeer, or to `timer_fd`, `event_fd`, `listening`. */
  int epoll_fd;
  int timer_fd;

  /* Readable while there are peers to take, and permanently once closed. */
  int event_fd;

  /* Of these three: see mp-fd-identity.h. */
  MpFdIdentity fds_identity;

  GMutex       lock;
  MpListening  listening;
  gboolean     closed;
  gboolean     listens;     /* the epoll instance polls the listening socket */
  gint64       resume;      /* when accepting goes on after a pause; 0: it is not paused */
  int          pause_code;  /* the error that made it pause, until it is logged */
  int          n_expecting; /* accept calls that are waiting */
  gboolean     started;     /* between start () and stop (): accept all peers */
  GQueue       pending;
  GQueue       accepted;
  GQueue       refused;
  GAsyncQueue *tls_results;
};

/* The descriptors: see acceptor-fds.c. */
gboolean mp_acceptor_open_fds (MpAcceptor *self);
void     mp_acceptor_close_fds (MpAcceptor *self);
void     mp_acceptor_check_fds (MpAcceptor *self);
gboolean mp_acceptor_watch (MpAcceptor *self,
                            int         operation,
                            int         fd,
                            guint32     events,
                            gpointer    data);
void     mp_acceptor_in_child (MpForkHook *hook);

/* The peers whose handshake is in progress, and the results: see acceptor-peers.c. */
void  mp_acceptor_refuse (MpAcceptor *self,
                          const char *address,
                          GError     *error);
void  mp_acceptor_welcome (MpAcceptor *self,
                           int         fd,
                           const char *address);
void  mp_acceptor_step_pending (MpPendingPeer *pending);
void  mp_acceptor_drop_pending (MpPendingPeer *pending);
void  mp_acceptor_drop_expired (MpAcceptor *self);
void  mp_acceptor_take_tls_results (MpAcceptor *self);
guint mp_acceptor_count_active (MpAcceptor *self,
                                gint64     *next_stall);

/* Accepting: see acceptor-accept.c. */
void mp_acceptor_accept_many (MpAcceptor *self);
void mp_acceptor_arrange_next (MpAcceptor *self);

G_END_DECLS
