/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The counters of the last samples of a queue.  From these, rates and the age of the oldest message
 * are computed, so that the queue does not have to record them. */

#define MP_N_SAMPLES 256

typedef enum
{
  MP_COUNTER_PUT, /* messages */
  MP_COUNTER_GOT,
  MP_COUNTER_BYTES_PUT,
  MP_COUNTER_BYTES_GOT,
  MP_N_COUNTERS,
} MpSampleCounter;

typedef struct
{
  struct
  {
    gint64  time; /* monotonic, in microseconds */
    guint64 counters[MP_N_COUNTERS];
  } samples[MP_N_SAMPLES];
  guint n; /* ever added */
} MpSampleHistory;

void mp_sample_history_add (MpSampleHistory *self,
                            gint64           time,
                            const guint64    counters[MP_N_COUNTERS]);
/* The time between the last two samples in microseconds; 0 before there are two. */
gint64 mp_sample_history_interval (const MpSampleHistory *self);
/* How much was counted a second in that time; 0 before there are two. */
double mp_sample_history_rate (const MpSampleHistory *self,
                               MpSampleCounter        counter);
/* For how long, in microseconds, the next message has been queued as far as the samples tell; 0
 * when nothing is queued. */
gint64 mp_sample_history_oldest (const MpSampleHistory *self);

G_END_DECLS
