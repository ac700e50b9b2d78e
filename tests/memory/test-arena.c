/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The allocator of a queue's memory: blocks do not overlap, freed memory can be allocated again,
 * and a large block can be allocated where no single piece is large enough. */

#include "config.h"

#include "memory/arena.h"
#include "memory/lock.h"
#include "memory/units.h"

#include <string.h>

#define N_UNITS  1000
#define N_BLOCKS 200
#define N_ROUNDS 20000

typedef struct
{
  guint64 offset;
  gsize   size;
  guint8  fill;
} Block;

static void
open_memory (MpMemory *memory)
{
  const MpConfig config = { .max_bytes = N_UNITS * MP_UNIT_SIZE, .n_units_cap = N_UNITS };
  g_autoptr (GError) error = NULL;

  mp_memory_init (memory);
  mp_memory_create (memory, &config, &error);
  g_assert_no_error (error);
}

static guint64
allocate (MpMemory *memory,
          guint64   size)
{
  guint64 offset;

  return mp_arena_allocate (memory, size, &offset) == MP_ARENA_OK ? offset : 0;
}

static gsize
choose_size (void)
{
  switch (g_test_rand_int_range (0, 3))
    {
    case 0:
      return (gsize) g_test_rand_int_range (0, 2048);
    case 1:
      return (gsize) g_test_rand_int_range (2049, 20000);
    default:
      return (gsize) g_test_rand_int_range (20000, 300000);
    }
}

static void
begin_block (MpMemory *memory,
             Block    *block)
{
  block->size = choose_size ();
  block->fill = (guint8) g_test_rand_int ();
  block->offset = allocate (memory, block->size);
  if (block->offset == 0)
    return;
  g_assert_true (mp_memory_contains (memory, block->offset, block->size));
  g_assert_true (mp_arena_is_block (memory, block->offset, block->size));
  memset (mp_memory_at (memory, block->offset), block->fill, block->size);
}

static void
end_block (MpMemory *memory,
           Block    *block)
{
  const guint8 *data = mp_memory_at (memory, block->offset);

  for (gsize i = 0; i < block->size; i++)
    g_assert_cmpuint (data[i], ==, block->fill);
  mp_arena_free (memory, block->offset);
  block->offset = 0;
}

/* All memory is free: one block of nearly all of it can be allocated. */
static void
assert_all_free (MpMemory *memory)
{
  guint64 all;

  g_assert_cmpuint (mp_arena_get_n_used (memory), ==, 0);
  all = allocate (memory, N_UNITS * MP_UNIT_SIZE);
  g_assert_cmpuint (all, !=, 0);
  mp_arena_free (memory, all);
  g_assert_false (mp_load (&memory->state->damaged));
}

static void
test_random (void)
{
  Block    blocks[N_BLOCKS] = { 0 };
  MpMemory memory;

  open_memory (&memory);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      Block *block = &blocks[g_test_rand_int_range (0, N_BLOCKS)];

      if (block->offset != 0)
        end_block (&memory, block);
      else
        begin_block (&memory, block);
      if (i % 1000 == 0)
        mp_arena_rebuild (&memory);
    }
  for (guint i = 0; i < N_BLOCKS; i++)
    if (blocks[i].offset != 0)
      end_block (&memory, &blocks[i]);
  assert_all_free (&memory);
  mp_memory_close (&memory);
}

/* A block takes no more units than it needs. */
static void
test_exact (void)
{
  guint64  offset;
  MpMemory memory;

  open_memory (&memory);
  offset = allocate (&memory, 5 * MP_UNIT_SIZE);
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, 5);
  g_assert_true (mp_arena_is_block (&memory, offset, 5 * MP_UNIT_SIZE));
  g_assert_false (mp_arena_is_block (&memory, offset, 5 * MP_UNIT_SIZE + 1));
  mp_arena_free (&memory, offset);
  assert_all_free (&memory);
  mp_memory_close (&memory);
}

/* A small block is in the middle, so no free piece of the next power of two exists. */
static void
test_run (void)
{
  guint64  first, middle, large;
  MpMemory memory;

  open_memory (&memory);
  first = allocate (&memory, 300 * MP_UNIT_SIZE);
  middle = allocate (&memory, MP_SEGMENT_SIZE);
  mp_arena_free (&memory, first);
  large = allocate (&memory, 600 * MP_UNIT_SIZE);
  g_assert_cmpuint (large, !=, 0);
  g_assert_true (mp_arena_is_block (&memory, large, 600 * MP_UNIT_SIZE));
  mp_arena_rebuild (&memory);
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, 616);
  mp_arena_free (&memory, large);
  mp_arena_free (&memory, middle);
  assert_all_free (&memory);
  mp_memory_close (&memory);
}

/* Small blocks share units. */
static void
test_cells (void)
{
  guint64  offsets[3200];
  MpMemory memory;

  open_memory (&memory);
  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      offsets[i] = allocate (&memory, 64);
      g_assert_true (mp_arena_is_block (&memory, offsets[i], 128));
      g_assert_false (mp_arena_is_block (&memory, offsets[i], 129));
    }
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, 100);
  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      mp_arena_free (&memory, offsets[i]);
      g_assert_false (mp_arena_is_block (&memory, offsets[i], 0));
    }
  assert_all_free (&memory);
  mp_memory_close (&memory);
}

/* Unmarked blocks are freed, including single cells and blocks of several pieces. */
static void
test_sweep (void)
{
  guint64  kept, lost, kept_cell, lost_cell;
  guint32  marks[N_UNITS] = { 0 };
  MpMemory memory;

  open_memory (&memory);
  lost = allocate (&memory, 7 * MP_UNIT_SIZE);
  kept = allocate (&memory, 7 * MP_UNIT_SIZE);
  kept_cell = allocate (&memory, 100);
  lost_cell = allocate (&memory, 100);
  mp_arena_mark (&memory, kept, marks, N_UNITS);
  mp_arena_mark (&memory, kept_cell, marks, N_UNITS);
  mp_arena_sweep (&memory, marks, mp_units_count (&memory));

  g_assert_true (mp_arena_is_block (&memory, kept, 7 * MP_UNIT_SIZE));
  g_assert_true (mp_arena_is_block (&memory, kept_cell, 100));
  g_assert_false (mp_arena_is_block (&memory, lost, 0));
  g_assert_false (mp_arena_is_block (&memory, lost_cell, 0));
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, 8);
  mp_arena_free (&memory, kept);
  mp_arena_free (&memory, kept_cell);
  assert_all_free (&memory);
  mp_memory_close (&memory);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/arena/random", test_random);
  g_test_add_func ("/arena/exact", test_exact);
  g_test_add_func ("/arena/run", test_run);
  g_test_add_func ("/arena/cells", test_cells);
  g_test_add_func ("/arena/sweep", test_sweep);
  return g_test_run ();
}
