/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit: one producer and one consumer that spin on a ring in shared memory.  It cannot sleep,
 * is bounded only by its slots, has no kinds of messages, and does not survive a killed process. */

#include "bench.h"

#define LINE 128

/* A ring that stays in the caches is fast; one that uses more memory is not. */
#define SMALL_RING_BYTES (128 << 10)
#define MIN_SLOTS        2

typedef struct
{
  guint64 head __attribute__ ((aligned (LINE))); /* published by the consumer from time to time */
  gsize   stride __attribute__ ((aligned (LINE)));
  guint64 n_slots; /* power of two */
  guint64 publish_every;
  guint8  slots[] __attribute__ ((aligned (LINE)));
} Ring;

static gpointer
ring_set_up (const BenchOptions *options)
{
  gsize   stride = (options->size + 8 + 15) & ~(gsize) 15;
  guint64 n_slots = MIN_SLOTS;
  Ring   *ring;

  while (n_slots * 2 * stride <= SMALL_RING_BYTES)
    n_slots *= 2;

  ring = bench_shared (sizeof *ring + n_slots * stride);
  ring->stride = stride;
  ring->n_slots = n_slots;
  ring->publish_every = MAX (n_slots / 4, 1);
  return ring;
}

static guint8 *
ring_slot (Ring   *ring,
           guint64 position)
{
  return ring->slots + (position & (ring->n_slots - 1)) * ring->stride;
}

static void
ring_produce (gpointer   user_data,
              BenchSide *side)
{
  Ring              *ring = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  guint64            head = 0;

  for (guint64 tail = 0; bench_fill (side, buffer); tail++)
    {
      guint8 *slot = ring_slot (ring, tail);

      while (G_UNLIKELY (tail - head == ring->n_slots))
        {
          head = __atomic_load_n (&ring->head, __ATOMIC_ACQUIRE);
          bench_pause ();
        }
      memcpy (slot + 8, buffer, size);
      __atomic_store_n ((guint64 *) slot, tail + 1, __ATOMIC_RELEASE);
    }
}

static void
ring_consume (gpointer   user_data,
              BenchSide *side)
{
  Ring              *ring = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  for (guint64 head = 0;; head++)
    {
      guint8 *slot = ring_slot (ring, head);

      while (__atomic_load_n ((guint64 *) slot, __ATOMIC_ACQUIRE) != head + 1)
        bench_pause ();
      memcpy (buffer, slot + 8, size);
      if ((head + 1) % ring->publish_every == 0)
        __atomic_store_n (&ring->head, head + 1, __ATOMIC_RELEASE);
      if (!bench_check (side, buffer, (gssize) size))
        return;
    }
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram program = { ring_set_up, NULL, ring_produce, ring_consume };
  static const BenchMode    modes[] = { { "ring", &program }, { NULL } };

  return bench_main (argc, argv, modes);
}
