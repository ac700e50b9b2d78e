/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "watcher.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A thread that sleeps until a condition may hold: on the futex of its slot or, if it is a watcher,
 * in poll () on descriptors that also report deaths. */

typedef enum
{
  MP_SLEEP_WOKEN,
  MP_SLEEP_LOOK, /* time to check for deaths */
  MP_SLEEP_TIMED_OUT,
  MP_SLEEP_INTERRUPTED, /* a signal handler ran */
} MpSleepResult;

typedef struct
{
  MpMemory        *memory;
  MpQueueCondition condition;
  guint            slot;  /* MP_N_WAITERS if the table was full */
  guint32          seen;  /* the futex word when the thread was armed */
  gint64           begun; /* in coarse monotonic nanoseconds */
  gboolean         watches;
  gboolean         by_bell; /* polls descriptors; only as a watcher */
  MpWatcherAlarm   alarm;
  guint32         *interrupts; /* what ends the sleep when it is not 0; or NULL */
  GCancellable    *cancellable;
  gulong           cancelled_id;
  gint64           mark; /* see mp_mark_begin () */
} MpSleeper;

/* @interrupts: see mp_interrupts_get_word (); NULL if signals do not end the sleep. */
void mp_sleeper_begin (MpSleeper       *self,
                       MpMemory        *memory,
                       MpQueueCondition condition,
                       GCancellable    *cancellable,
                       guint32         *interrupts,
                       guint32          served);
/* @n_wanted: the number of bytes of room for which it waits, or 0. */
void mp_sleeper_arm (MpSleeper *self,
                     guint64    n_wanted);
/* Marks the sleeper as picky: room for which it was woken was too small or fragmented.  Returns
 * FALSE if it was marked before. */
gboolean mp_sleeper_set_picky (MpSleeper *self);
/* To be called if a sleeper that was armed again had been woken in vain: it is woken next. */
void mp_sleeper_keep_turn (MpSleeper *self);
/* Clears the thread's bit.  Returns FALSE if a waker had already cleared it, and so has spent a
 * wake-up on this thread. */
gboolean      mp_sleeper_disarm (MpSleeper *self);
MpSleepResult mp_sleeper_sleep (MpSleeper *self,
                                gint64     deadline);
/* Whether wakers do not find the thread any more although none has woken it: its bit was
 * overwritten, or one is about to wake it. */
gboolean mp_sleeper_is_forgotten (MpSleeper *self);
/* To be called after a check that found a dead participant: no second check is needed then. */
void mp_sleeper_calm (MpSleeper *self);
/* The time of the last wake-up, in nanoseconds of monotonic time. */
gint64 mp_sleeper_get_woken_at (MpSleeper *self);
void   mp_sleeper_end (MpSleeper *self);

G_END_DECLS
