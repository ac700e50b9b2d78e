/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The counters of the last samples of a queue: rates, and for how long the oldest message has
 * been queued, need no help from the queue. */

#define MP_N_SAMPLES 256

typedef struct
{
  struct
  {
    gint64  time; /* monotonic, in microseconds */
    guint64 n_put;
    guint64 n_got;
  } samples[MP_N_SAMPLES];
  guint n; /* ever added */
} MpSampleHistory;

void mp_sample_history_add (MpSampleHistory *self,
                            gint64           time,
                            guint64          n_put,
                            guint64          n_got);
/* A second of messages between the last two samples; 0 before there are two. */
double mp_sample_history_put_rate (const MpSampleHistory *self);
double mp_sample_history_get_rate (const MpSampleHistory *self);
/* For how long, in microseconds, the next message has been queued as far as the samples tell; 0
 * when nothing is queued. */
gint64 mp_sample_history_oldest (const MpSampleHistory *self);

G_END_DECLS
