/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "flushers.h"
#include "mp-message.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* The calls of one connection: those of this end that wait for their answers, and those of the
 * peer that this end has not answered.  It is the filter of the channel, so that whoever reads
 * from it finds the answers for everybody. */
typedef struct _MpCalls MpCalls;

/* A call of the peer that is not answered yet. */
typedef struct
{
  gatomicrefcount ref_count;
  guint64         id;
  MpFormat        format;
  GBytes         *payload;

  /* Cancelled in @context when the caller does not wait any more. */
  GCancellable *cancellable;
  GMainContext *context;
} MpIncomingCall;

void mp_incoming_call_unref (MpIncomingCall *self);

/* What the owner, a GObject that has @format and the flushers in it, does in a main context. */
typedef struct
{
  /* There are calls to be taken. */
  void (*incoming) (gpointer owner);
  /* Reading failed, and all calls with it. */
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

/* Makes a call of @value.  @task, which is taken, is given the answer as a message; its source
 * tag, priority and cancellable are set. */
void mp_calls_begin (MpCalls   *self,
                     MpMessage *value,
                     gint64     timeout_us,
                     GTask     *task);

/* Fails all calls of this end, and cancels those of the peer. */
void mp_calls_end (MpCalls      *self,
                   const GError *reason);

/* Where calls of the peer are handed out; NULL for the context of the one who reads them. */
void mp_calls_set_context (MpCalls      *self,
                           GMainContext *context);

/* Between these the thread takes calls by itself, and is not told of them. */
void mp_calls_begin_taking (MpCalls *self);
void mp_calls_end_taking (MpCalls *self);

/* The next call of the peer, or NULL. */
MpIncomingCall *mp_calls_take (MpCalls *self);

/* Whether so many calls of the peer are not answered that no more are to be read. */
gboolean mp_calls_are_many (MpCalls *self);

/* Answers @call, once; @value or @error is NULL. */
void mp_calls_answer (MpCalls        *self,
                      MpIncomingCall *call,
                      MpMessage      *value,
                      const GError   *error);

G_END_DECLS
