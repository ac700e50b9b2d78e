/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "sample-history.h"

static guint
index_of (const MpSampleHistory *self,
          guint                  age)
{
  return (self->n - 1 - age) % MP_N_SAMPLES;
}

static guint
count (const MpSampleHistory *self)
{
  return MIN (self->n, MP_N_SAMPLES);
}

void
mp_sample_history_add (MpSampleHistory *self,
                       gint64           time,
                       guint64          n_put,
                       guint64          n_got)
{
  guint place = self->n++ % MP_N_SAMPLES;

  self->samples[place].time = time;
  self->samples[place].n_put = n_put;
  self->samples[place].n_got = n_got;
}

static double
rate_of (const MpSampleHistory *self,
         guint64                before,
         guint64                now)
{
  gint64 elapsed =
    self->samples[index_of (self, 0)].time - self->samples[index_of (self, 1)].time;

  return elapsed > 0 && now > before ? (double) (now - before) * G_USEC_PER_SEC / (double) elapsed
                                     : 0;
}

double
mp_sample_history_put_rate (const MpSampleHistory *self)
{
  return self->n < 2 ? 0
                     : rate_of (self, self->samples[index_of (self, 1)].n_put,
                                self->samples[index_of (self, 0)].n_put);
}

double
mp_sample_history_get_rate (const MpSampleHistory *self)
{
  return self->n < 2 ? 0
                     : rate_of (self, self->samples[index_of (self, 1)].n_got,
                                self->samples[index_of (self, 0)].n_got);
}

/* The next message is the one of the number that is taken next; it was put before the first sample
 * that knows of it. */
gint64
mp_sample_history_oldest (const MpSampleHistory *self)
{
  guint   n = count (self), age = 0;
  guint64 next;

  if (n == 0 || self->samples[index_of (self, 0)].n_put <= self->samples[index_of (self, 0)].n_got)
    return 0;

  next = self->samples[index_of (self, 0)].n_got;
  while (age + 1 < n && self->samples[index_of (self, age + 1)].n_put > next)
    age++;
  return self->samples[index_of (self, 0)].time - self->samples[index_of (self, age)].time;
}
