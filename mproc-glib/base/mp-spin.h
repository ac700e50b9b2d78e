/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* The longest time that a waiter may spin before it sleeps, in microseconds. */
#define MP_SPIN_DEFAULT_US 100
#define MP_SPIN_MAX_US     1000

/* Whether spinning pays, for one condition as one handle sees it.
 *
 * A waiter spins at most about as long as a sleep and a wake-up cost, and only while recent
 * waits were shorter than that.  The cost is measured: a waker notes when it woke, and who
 * wakes up compares.  That also tells how long the wait itself was; otherwise two partners
 * that both sleep would each take the other's waking for a long wait, for ever.  When
 * spinning does not pay it is tried again ever more rarely.  Where the waker is the
 * kernel, and notes nothing, the cost is guessed, and those rare tries are what finds out.
 *
 * Threads race for these numbers, and none of them matters. */
typedef struct
{
  guint32 wait_ns;   /* moving average of waits, without the waking */
  guint32 waking_ns; /* moving average of what waking costs; 0: not known yet */
  guint32 n_skipped;
  guint32 probe_every; /* power of two */
  guint32 lag_ns;      /* how long to pause before the first look */
  guint32 n_prompt;    /* waits without that pause, to try it now and then */
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
