/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"

#include <time.h>

G_BEGIN_DECLS

/* Whether spinning pays, for one condition as one handle sees it.
 *
 * A waiter spins at most as long as a sleep and a wake-up cost, and only while recent
 * waits were shorter than that.  When it does not pay it is tried again ever more rarely.
 * Threads race for these numbers, and none of them matters. */
typedef struct
{
  guint32 average_ns;
  guint32 n_skipped;
  guint32 probe_every; /* power of two */
} MpSpin;

#define MP_SPIN_PROBE_MIN 16u
#define MP_SPIN_PROBE_MAX 4096u

static inline gint64
mp_spin_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static inline gboolean
mp_spin_should (MpSpin  *self,
                guint32  limit_ns)
{
  guint32 probe_every = MAX (mp_load (&self->probe_every), MP_SPIN_PROBE_MIN);

  if (limit_ns == 0)
    return FALSE;
  if (mp_load (&self->average_ns) < limit_ns)
    return TRUE;
  return (__atomic_add_fetch (&self->n_skipped, 1, __ATOMIC_RELAXED) & (probe_every - 1)) == 0;
}

static inline void
mp_spin_succeeded (MpSpin  *self,
                   guint32  waited_ns)
{
  guint32 average = mp_load (&self->average_ns);

  mp_store (&self->probe_every, MP_SPIN_PROBE_MIN);
  mp_store (&self->average_ns, MIN (average, waited_ns * 4) / 4 * 3 + waited_ns / 4);
}

static inline void
mp_spin_failed (MpSpin  *self,
                guint32  limit_ns)
{
  guint32 average = mp_load (&self->average_ns);
  guint32 probe_every = MAX (mp_load (&self->probe_every), MP_SPIN_PROBE_MIN);

  if (average >= limit_ns)
    mp_store (&self->probe_every, MIN (probe_every * 2, MP_SPIN_PROBE_MAX));
  mp_store (&self->average_ns, average / 2 + limit_ns);
}

G_END_DECLS
