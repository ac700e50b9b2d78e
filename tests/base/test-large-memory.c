/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "base/mp-large-memory.h"

#include <string.h>
#include <sys/mman.h>

#define MIB ((gsize) 1024 * 1024)

static gboolean
is_mapped (gpointer data)
{
  guint8 resident;

  return mincore (data, 1, &resident) == 0;
}

static void
test_sizes (void)
{
  static const gsize sizes[] = { MP_LARGE_MEMORY_MIN, MP_LARGE_MEMORY_MIN + 1, MIB, 4 * MIB + 1,
                                 9 * MIB };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      MpLargeMemory *memory = mp_large_memory_new (sizes[i]);

      g_assert_nonnull (memory);
      g_assert_cmpuint (memory->size, >=, sizes[i]);
      g_assert_cmpuint ((guintptr) memory->data % 4096, ==, 0);
      memset (memory->data, 'x', memory->size);
      mp_large_memory_free (memory);
    }
}

static void
test_too_large (void)
{
  g_assert_null (mp_large_memory_new (G_MAXSIZE));
  g_assert_null (mp_large_memory_new (G_MAXSSIZE));
}

/* What was freed serves the next message of about that size, and no other. */
static void
test_reuse (void)
{
  MpLargeMemory *first = mp_large_memory_new (2 * MIB), *second;
  guint8        *data = first->data;

  mp_large_memory_free (first);
  second = mp_large_memory_new (MIB / 2);
  g_assert_true (second->data != data);
  mp_large_memory_free (second);
  second = mp_large_memory_new (2 * MIB + MIB / 4);
  g_assert_true (second->data != data);
  mp_large_memory_free (second);

  first = mp_large_memory_new (2 * MIB - 5);
  g_assert_true (first->data == data);
  second = mp_large_memory_new (2 * MIB);
  g_assert_true (second->data != data);
  mp_large_memory_free (first);
  mp_large_memory_free (second);
}

static void
test_grow (void)
{
  MpLargeMemory *memory = mp_large_memory_new (MIB / 4);

  memset (memory->data, 'x', MIB / 4);
  for (gsize size = MIB / 4; size <= 16 * MIB; size *= 2)
    {
      g_assert_true (mp_large_memory_grow (memory, size));
      g_assert_cmpuint (memory->size, >=, size);
      g_assert_cmpint (memory->data[MIB / 4 - 1], ==, 'x');
      memset (memory->data + MIB / 4, 'y', memory->size - MIB / 4);
    }
  g_assert_true (mp_large_memory_grow (memory, 1));
  g_assert_false (mp_large_memory_grow (memory, G_MAXSIZE));
  /* On 32 bit there may be as much. */
  if (GLIB_SIZEOF_SIZE_T == 8)
    g_assert_false (mp_large_memory_grow (memory, G_MAXSSIZE - 65536));
  g_assert_cmpint (memory->data[0], ==, 'x');
  mp_large_memory_free (memory);
}

/* A limited amount is kept: more is returned to the system, that which was kept longest first. */
static void
test_limit (void)
{
  MpLargeMemory *blocks[6];
  guint8        *data[G_N_ELEMENTS (blocks)];
  guint          n_mapped = 0;

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      blocks[i] = mp_large_memory_new (40 * MIB);
      data[i] = blocks[i]->data;
    }
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    mp_large_memory_free (blocks[i]);
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    n_mapped += is_mapped (data[i]);
  g_assert_cmpuint (n_mapped, <=, 2);
  g_assert_true (is_mapped (data[G_N_ELEMENTS (blocks) - 1]));

  blocks[0] = mp_large_memory_new (100 * MIB);
  data[0] = blocks[0]->data;
  mp_large_memory_free (blocks[0]);
  g_assert_false (is_mapped (data[0]));
}

static gpointer
use (gpointer user_data)
{
  const guint8 mark = (guint8) GPOINTER_TO_UINT (user_data);

  for (guint i = 0; i < 2000; i++)
    {
      MpLargeMemory *memory = mp_large_memory_new (MP_LARGE_MEMORY_MIN * (1 + i % 3));

      memory->data[0] = memory->data[MP_LARGE_MEMORY_MIN - 1] = mark;
      g_thread_yield ();
      g_assert_cmpuint (memory->data[0], ==, mark);
      g_assert_cmpuint (memory->data[MP_LARGE_MEMORY_MIN - 1], ==, mark);
      mp_large_memory_free (memory);
    }
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[6];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, use, GUINT_TO_POINTER (i + 1));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/large-memory/sizes", test_sizes);
  g_test_add_func ("/large-memory/too-large", test_too_large);
  g_test_add_func ("/large-memory/reuse", test_reuse);
  g_test_add_func ("/large-memory/limit", test_limit);
  g_test_add_func ("/large-memory/threads", test_threads);
  g_test_add_func ("/large-memory/grow", test_grow);

  return g_test_run ();
}
