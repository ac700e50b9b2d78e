/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "calls.h"

#include "base/mp-fork.h"
#include "formats/envelope.h"

G_BEGIN_DECLS

struct _MpCalls
{
  gpointer            owner;
  const MpCallsFuncs *funcs;
  MpChannel          *channel;
  const gint         *format;
  MpFlushers         *flushers;

  /* Guards the members below; see mp_calls_lock (). */
  GMutex      mutex;
  MpForkHook  fork_hook;
  gboolean    is_unsound; /* another thread of the parent was changing them during a fork */
  guint64     last_id;
  GHashTable *outstanding; /* tasks by id */
  GSList     *pumps;

  GQueue        incoming;   /* calls of the peer that were not passed to a handler yet */
  GHashTable   *unanswered; /* calls of the peer by id, including those in `incoming` */
  GMainContext *context;    /* in which the owner is told of calls of the peer */
  GThread      *taker;      /* between begin_taking () and end_taking (), or NULL */
  gboolean      told;       /* the owner will be told, by a source */
};

/* calls-shared.c */
void mp_calls_make_tables (MpCalls *self);
void mp_calls_in_child (MpForkHook *hook);

/* While the lock is held, no code of the program is called, and no reference is dropped whose
 * destroy function may be the program's: that code may call the library, or wait for a thread that
 * does. */
void mp_calls_lock (MpCalls *self);
void mp_calls_unlock (MpCalls *self);
void mp_calls_run_in_context (GMainContext  *context,
                              int            priority,
                              GSourceFunc    callback,
                              gpointer       data,
                              GDestroyNotify destroy);
void mp_calls_unref_owner (gpointer data);

/* Sends an envelope.  Returns FALSE with @error set on failure.  Takes ownership of @envelope.
 *
 * If @is_alone, no other is likely to follow in this iteration of the main context, and it is sent
 * at once: a source to send it costs four system calls.  Otherwise a source sends all envelopes of
 * the iteration together. */
gboolean mp_calls_send (MpCalls          *self,
                        GBytes           *envelope,
                        gboolean          is_alone,
                        GMainContext     *context,
                        int               io_priority,
                        MpChannelSentFunc sent,
                        gpointer          user_data,
                        GError          **error);
void     mp_calls_ignore_sent_cb (const GError *error,
                                  gpointer      user_data);

/* calls-made.c; the caller holds the lock for those that take the calls. */

/* Takes a call of this end out of the list.  Returns NULL if another thread has taken it. */
GTask *mp_calls_take_made (MpCalls  *self,
                           guint64   id,
                           GSource **pump);
void   mp_calls_fail_made (MpCalls      *self,
                           const GError *reason);

/* Takes ownership of @task, @payload and @error. */
void mp_calls_give_answer (GTask         *task,
                           GSource       *pump,
                           MpEnvelopeKind kind,
                           MpFormat       format,
                           GBytes        *payload,
                           GError        *error);

/* calls-received.c; the caller holds the lock. */
gboolean mp_calls_add_incoming (MpCalls *self,
                                MpFormat format,
                                guint64  id,
                                GBytes  *payload,
                                GError **error);
void     mp_calls_cancel_incoming (MpCalls *self,
                                   guint64  id);
void     mp_calls_drop_incoming (MpCalls *self);

G_END_DECLS
