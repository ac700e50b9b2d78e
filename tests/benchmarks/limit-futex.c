/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit of round trips that sleep: two processes that wake each other by futex, without any
 * message.  The numbers to verify are stored in shared memory. */

#include "bench.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct
{
  guint32 turn[2] __attribute__ ((aligned (128)));
  guint8  message[] __attribute__ ((aligned (128)));
} Table;

static gpointer
futex_set_up (const BenchOptions *options)
{
  return bench_shared (sizeof (Table) + options->size);
}

static void
give (guint32 *turn)
{
  __atomic_store_n (turn, 1, __ATOMIC_SEQ_CST);
  syscall (SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void
take (guint32 *turn)
{
  while (__atomic_exchange_n (turn, 0, __ATOMIC_SEQ_CST) == 0)
    syscall (SYS_futex, turn, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void
futex_produce (gpointer   user_data,
               BenchSide *side)
{
  Table *table = user_data;

  while (bench_fill (side, table->message))
    {
      give (&table->turn[0]);
      if (!side->has_ended)
        take (&table->turn[1]);
    }
}

static void
futex_consume (gpointer   user_data,
               BenchSide *side)
{
  Table *table = user_data;

  for (;;)
    {
      take (&table->turn[0]);
      if (!bench_check (side, table->message, (gssize) side->options->size))
        return;
      give (&table->turn[1]);
    }
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram program = { futex_set_up, NULL, futex_produce, futex_consume };
  static const BenchMode    modes[] = { { "futex", &program }, { NULL } };

  return bench_main (argc, argv, modes);
}
