/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "sample-history.h"

#include <string.h>

static guint
index_of (const MpSampleHistory *self,
          guint                  age)
{
  return (self->n - 1 - age) % MP_N_SAMPLES;
}

static guint64
counter_of (const MpSampleHistory *self,
            guint                  age,
            MpSampleCounter        counter)
{
  return self->samples[index_of (self, age)].counters[counter];
}

void
mp_sample_history_add (MpSampleHistory *self,
                       gint64           time,
                       const guint64    counters[MP_N_COUNTERS])
{
  guint place = self->n++ % MP_N_SAMPLES;

  self->samples[place].time = time;
  memcpy (self->samples[place].counters, counters, sizeof self->samples[place].counters);
}

gint64
mp_sample_history_interval (const MpSampleHistory *self)
{
  return self->n < 2 ? 0
                     : self->samples[index_of (self, 0)].time -
                         self->samples[index_of (self, 1)].time;
}

double
mp_sample_history_rate (const MpSampleHistory *self,
                        MpSampleCounter        counter)
{
  const gint64 interval = mp_sample_history_interval (self);
  guint64      before, now;

  if (interval <= 0)
    return 0;
  before = counter_of (self, 1, counter);
  now = counter_of (self, 0, counter);
  return now > before ? (double) (now - before) * G_USEC_PER_SEC / (double) interval : 0;
}

/* The number of the next message is the number of those that were taken.  It was put before the
 * earliest sample whose number of messages put exceeds that. */
gint64
mp_sample_history_oldest (const MpSampleHistory *self)
{
  const guint n = MIN (self->n, MP_N_SAMPLES);
  guint       age = 0;
  guint64     next;

  if (n == 0 || counter_of (self, 0, MP_COUNTER_PUT) <= counter_of (self, 0, MP_COUNTER_GOT))
    return 0;

  next = counter_of (self, 0, MP_COUNTER_GOT);
  while (age + 1 < n && counter_of (self, age + 1, MP_COUNTER_PUT) > next)
    age++;
  return self->samples[index_of (self, 0)].time - self->samples[index_of (self, age)].time;
}
