/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* The longest time that a waiter may spin before it sleeps, in microseconds. */
#define MP_SPIN_DEFAULT_US 100
#define MP_SPIN_MAX_US     1000

/* Adaptive spinning: statistics of one handle's waits for one condition.
 *
 * A waiter spins about as long as a sleep and a wake-up cost, and only while recent waits were
 * shorter than that.  The cost is measured: a waker stores the time, and the woken thread compares.
 * That also separates the wait itself from the wake-up; otherwise two partners that both sleep
 * would mistake each other's wake-up for a long wait, and never spin again.  When spinning is not
 * successful, it is tried less and less often.  If the kernel is the waker, which stores no time,
 * the cost is estimated, and the rare attempts correct the estimate.
 *
 * Threads update these numbers without locks; lost updates do no harm. */
typedef struct
{
  guint32 wait_ns;     /* moving average of waits without the wake-up */
  guint32 waking_ns;   /* moving average of the cost of a wake-up; 0: not known yet */
  guint32 n_skipped;   /* waits without spinning */
  guint32 probe_every; /* spin every so many waits; a power of two */
  guint32 lag_ns;      /* pause before the first check */
  guint32 n_prompt;    /* waits without that pause since it was last tried */
} MpSpin;

/* Returns whether the condition holds. */
typedef gboolean (*MpSpinLook) (gpointer data);

guint    mp_spin_choose_us (void);
gboolean mp_spin_until (MpSpin    *self,
                        guint32    max_ns,
                        gint64     deadline,
                        MpSpinLook look,
                        gpointer   data);
void     mp_spin_set_lag (MpSpin  *self,
                          gboolean found_several);
void     mp_spin_slept (MpSpin *self,
                        gint64  start,
                        gint64  woken_at,
                        gint64  now);

static inline gint64
mp_spin_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static inline void
mp_pause (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield" ::
                         : "memory");
#endif
}

G_END_DECLS
