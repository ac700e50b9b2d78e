/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The futexes of a queue are shared by processes, so FUTEX_PRIVATE_FLAG must not be used. */

/* Sleeps while *@word equals @seen, for at most @timeout_us.  Returns 0 or the errno. */
static inline int
mp_futex_wait (guint32 *word,
               guint32  seen,
               gint64   timeout_us)
{
  struct timespec timeout = { timeout_us / G_USEC_PER_SEC,
                              (timeout_us % G_USEC_PER_SEC) * 1000 };

  return syscall (SYS_futex, word, FUTEX_WAIT, seen, &timeout, NULL, 0) == -1 ? errno : 0;
}

/* Like mp_futex_wait (), but sleeps only while *@second also equals 0. */
static inline int
mp_futex_wait_two (guint32 *word,
                   guint32  seen,
                   guint32 *second,
                   gint64   timeout_us)
{
#ifdef FUTEX_32
  struct futex_waitv waits[] = {
    { .val = seen, .uaddr = (guintptr) word, .flags = FUTEX_32 },
    { .val = 0, .uaddr = (guintptr) second, .flags = FUTEX_32 },
  };
  gint64 end = g_get_monotonic_time () + timeout_us;

  /* This system call takes times of 64 bits on processors of 32 bits, too. */
  struct __kernel_timespec timeout = { .tv_sec = end / G_USEC_PER_SEC,
                                       .tv_nsec = (end % G_USEC_PER_SEC) * 1000 };

  return syscall (SYS_futex_waitv, waits, G_N_ELEMENTS (waits), 0, &timeout, CLOCK_MONOTONIC) == -1
           ? errno
           : 0;
#else
  return ENOSYS;
#endif
}

/* Wakes at most @n threads.  Returns how many were asleep. */
static inline int
mp_futex_wake (guint32 *word,
               int      n)
{
  return (int) syscall (SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}
