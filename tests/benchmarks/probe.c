/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Measures the distance of two processors: the nanoseconds in which a cache line goes back and
 * forth.  On virtual machines this changes by a factor of four within seconds, and all other
 * figures with it. */

#include "bench.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_CHUNKS        24
#define N_ROUNDS        400
#define TIMEOUT_SECONDS 5

static void
wait_for (int *word,
          int  value)
{
  while (__atomic_load_n (word, __ATOMIC_ACQUIRE) != value)
    bench_pause ();
}

static void
answer (int *word)
{
  for (int i = 0; i < N_CHUNKS * N_ROUNDS; i++)
    {
      wait_for (word, 2 * i + 1);
      __atomic_store_n (word, 2 * i + 2, __ATOMIC_RELEASE);
    }
}

/* Returns the best of several chunks, since the others were disturbed. */
static double
ask (int *word)
{
  double best = G_MAXDOUBLE;

  for (int i = 0, chunk = 0; chunk < N_CHUNKS; chunk++)
    {
      gint64 start = bench_now_ns ();

      for (int end = i + N_ROUNDS; i < end; i++)
        {
          __atomic_store_n (word, 2 * i + 1, __ATOMIC_RELEASE);
          wait_for (word, 2 * i + 2);
        }
      best = MIN (best, (double) (bench_now_ns () - start) / N_ROUNDS);
    }
  return best;
}

int
main (void)
{
  int  *word = bench_shared (4096);
  pid_t child = fork ();

  alarm (TIMEOUT_SECONDS);
  if (child == 0)
    {
      bench_pin (1);
      answer (word);
      _exit (0);
    }
  bench_pin (0);
  printf ("{\"near_ns\": %.1f}\n", ask (word));
  waitpid (child, NULL, 0);
  return 0;
}
