/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"

#include <time.h>

G_BEGIN_DECLS

/* Whether spinning pays, for one condition as one handle sees it.
 *
 * A waiter spins at most about as long as a sleep and a wake-up cost, and only while recent
 * waits were shorter than that.  The cost is measured: a waker notes when it woke, and who
 * wakes up compares.  That also tells how long the wait itself was; otherwise two partners
 * that both sleep would each take the other's waking for a long wait, for ever.  When
 * spinning does not pay it is tried again ever more rarely.
 *
 * Threads race for these numbers, and none of them matters. */
typedef struct
{
  guint32 wait_ns;     /* moving average of waits, without the waking */
  guint32 waking_ns;   /* moving average of what waking costs; 0: not known yet */
  guint32 n_skipped;
  guint32 probe_every; /* power of two */
  guint32 lag_ns;      /* how long to look away before the first look */
  guint32 n_prompt;    /* waits without looking away, for trying it now and then */
} MpSpin;

#define MP_SPIN_PROBE_MIN      16u
#define MP_SPIN_PROBE_MAX      4096u
#define MP_SPIN_FIRST_GUESS_NS 25000u
#define MP_SPIN_LAG_MIN_NS     200u
#define MP_SPIN_LAG_MAX_NS     4000u
#define MP_SPIN_LAG_TRY_EVERY  16u

static inline gint64
mp_spin_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* How long to spin now, of @max_ns at most. */
static inline guint32
mp_spin_limit (MpSpin  *self,
               guint32  max_ns)
{
  guint32 waking_ns = mp_load (&self->waking_ns);
  guint32 probe_every = MAX (mp_load (&self->probe_every), MP_SPIN_PROBE_MIN);
  guint32 limit_ns = MIN (max_ns, 2 * (waking_ns != 0 ? waking_ns : MP_SPIN_FIRST_GUESS_NS));

  if (limit_ns == 0 || mp_load (&self->wait_ns) < limit_ns)
    return limit_ns;
  if ((__atomic_add_fetch (&self->n_skipped, 1, __ATOMIC_RELAXED) & (probe_every - 1)) == 0)
    return limit_ns;
  return 0;
}

static inline void
mp_spin_succeeded (MpSpin  *self,
                   guint32  waited_ns)
{
  mp_store (&self->probe_every, MP_SPIN_PROBE_MIN);
  mp_store (&self->wait_ns, MIN (mp_load (&self->wait_ns), waited_ns * 4) / 4 * 3 + waited_ns / 4);
}

/* Who takes each message while its producer writes the next one makes both wait for the same
 * cache lines.  Who finds several after a wait looks away for longer the next time, and then
 * takes them in one go; who finds one is answered at once. */
static inline guint32
mp_spin_get_lag (MpSpin *self)
{
  guint32 lag_ns = mp_load (&self->lag_ns);

  if (lag_ns != 0)
    return lag_ns;
  return __atomic_add_fetch (&self->n_prompt, 1, __ATOMIC_RELAXED) % MP_SPIN_LAG_TRY_EVERY == 0
           ? MP_SPIN_LAG_MIN_NS : 0;
}

static inline void
mp_spin_set_lag (MpSpin   *self,
                 gboolean  found_several)
{
  guint32 lag_ns = mp_load (&self->lag_ns);

  if (found_several)
    mp_store (&self->lag_ns, CLAMP (lag_ns * 2, MP_SPIN_LAG_MIN_NS, MP_SPIN_LAG_MAX_NS));
  else
    mp_store (&self->lag_ns, lag_ns > MP_SPIN_LAG_MIN_NS ? lag_ns / 2 : 0);
}

static inline void
mp_spin_failed (MpSpin  *self,
                guint32  limit_ns)
{
  guint32 wait_ns = mp_load (&self->wait_ns);
  guint32 probe_every = MAX (mp_load (&self->probe_every), MP_SPIN_PROBE_MIN);

  if (wait_ns >= limit_ns)
    mp_store (&self->probe_every, MIN (probe_every * 2, MP_SPIN_PROBE_MAX));
  mp_store (&self->wait_ns, wait_ns / 2 + limit_ns);
}

/* After a sleep from @start to @now that a waker ended at @woken_at. */
static inline void
mp_spin_slept (MpSpin *self,
               gint64  start,
               gint64  woken_at,
               gint64  now)
{
  const gint64 longest = 1000 * 1000;
  guint32 wait_ns = mp_load (&self->wait_ns);
  guint32 waking_ns = mp_load (&self->waking_ns);
  guint32 latest_wait, latest_waking;

  if (woken_at < start || woken_at > now)
    return;

  latest_wait = (guint32) MIN (woken_at - start, longest);
  latest_waking = (guint32) MIN (now - woken_at, longest);
  mp_store (&self->wait_ns, wait_ns / 4 * 3 + latest_wait / 4);
  mp_store (&self->waking_ns,
            waking_ns == 0 ? latest_waking : waking_ns / 8 * 7 + latest_waking / 8);
}

G_END_DECLS
