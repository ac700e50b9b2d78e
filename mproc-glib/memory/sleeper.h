/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "watcher.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A thread that sleeps until a condition may hold: on the futex of its slot, or, when it is a
 * watcher, on descriptors that also tell of deaths. */

typedef enum
{
  MP_SLEEP_WOKEN,
  MP_SLEEP_LOOK, /* time to see who died meanwhile */
  MP_SLEEP_TIMED_OUT,
  MP_SLEEP_INTERRUPTED, /* a signal handler ran */
} MpSleepResult;

typedef struct
{
  MpMemory        *memory;
  MpQueueCondition condition;
  guint            slot; /* MP_N_WAITERS when the table was full */
  guint32          seen;
  gboolean         watches;
  gboolean         by_bell; /* as a watcher; without, it looks often */
  MpWatcherAlarm   alarm;
  GCancellable    *cancellable;
  gulong           cancelled_id;
} MpSleeper;

void mp_sleeper_begin (MpSleeper       *self,
                       MpMemory        *memory,
                       MpQueueCondition condition,
                       GCancellable    *cancellable);
void mp_sleeper_arm (MpSleeper *self);
/* Whether the bit was still there: if not, a waker has spent its wake-up on us. */
gboolean      mp_sleeper_disarm (MpSleeper *self);
MpSleepResult mp_sleeper_sleep (MpSleeper *self,
                                gint64     deadline);
/* After a look that found somebody dead. */
void mp_sleeper_calm (MpSleeper *self);
/* When it was last woken, in nanoseconds of monotonic time. */
gint64 mp_sleeper_get_woken_at (MpSleeper *self);
void   mp_sleeper_end (MpSleeper *self);

G_END_DECLS
