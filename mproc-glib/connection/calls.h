/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "flushers.h"
#include "mp-message.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* The calls of one connection: those made by this end that wait for answers, and those of the peer
 * that this end has not answered yet.  It is the channel's filter, so any thread that reads from
 * the channel delivers the answers to all calls. */
typedef struct _MpCalls MpCalls;

/* A call of the peer that is not answered yet. */
typedef struct
{
  gatomicrefcount ref_count;
  guint64         id;
  MpFormat        format;
  GBytes         *payload;

  /* Cancelled in @context when the caller no longer waits. */
  GCancellable *cancellable;
  GMainContext *context;
} MpIncomingCall;

void mp_incoming_call_unref (MpIncomingCall *self);

/* Functions of the owner, a GObject that contains @format and the flushers.  They are called in a
 * main context. */
typedef struct
{
  /* Calls of the peer can be taken. */
  void (*incoming) (gpointer owner);
  /* Reading failed: the owner ends the calls. */
  void (*failed) (gpointer      owner,
                  const GError *error);
  /* The peer does not read its answers. */
  void (*unread) (gpointer      owner,
                  const GError *error);
} MpCallsFuncs;

MpCalls *mp_calls_new (gpointer            owner,
                       const MpCallsFuncs *funcs,
                       MpChannel          *channel,
                       const gint         *format,
                       MpFlushers         *flushers);
void     mp_calls_free (MpCalls *self);

/* Makes a call with @value.  Takes ownership of @task, which gets the answer as a message; its
 * source tag, priority and cancellable have been set. */
void mp_calls_begin (MpCalls   *self,
                     MpMessage *value,
                     gint64     timeout_us,
                     GTask     *task);

/* Fails all calls of this end, and cancels those of the peer. */
void mp_calls_end (MpCalls      *self,
                   const GError *reason);

/* Sets the main context in which calls of the peer are emitted; NULL means that of the thread that
 * reads them. */
void mp_calls_set_context (MpCalls      *self,
                           GMainContext *context);

/* Between these two calls, the thread takes calls itself and `incoming` is not called. */
void mp_calls_begin_taking (MpCalls *self);
void mp_calls_end_taking (MpCalls *self);

/* Returns the next call of the peer, or NULL. */
MpIncomingCall *mp_calls_take (MpCalls *self);

/* Whether there are so many unanswered calls of the peer that no more are to be read. */
gboolean mp_calls_are_many (MpCalls *self);

/* Answers @call; later answers are ignored.  Either @value or @error is NULL. */
void mp_calls_answer (MpCalls        *self,
                      MpIncomingCall *call,
                      MpMessage      *value,
                      const GError   *error);

G_END_DECLS
