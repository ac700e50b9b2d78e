/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* put_data () and get_into () allocate no memory. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <stdlib.h>
#include <string.h>

#define N_ROUNDS 1000
#define LARGEST  (1024 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* A sanitizer replaces the allocator itself. */
static void
test_skipped (void)
{
  g_test_skip ("the sanitizer has replaced the allocator");
}

#else

/* The allocator of the C library, by the names under which it remains available when it is
 * replaced. */
extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *memory, size_t size);
extern void *__libc_memalign (size_t alignment, size_t size);

static guint n_allocations;

void *
malloc (size_t size)
{
  n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t n,
        size_t size)
{
  n_allocations++;
  return __libc_calloc (n, size);
}

void *
realloc (void  *memory,
         size_t size)
{
  n_allocations++;
  return __libc_realloc (memory, size);
}

void *
aligned_alloc (size_t alignment,
               size_t size)
{
  n_allocations++;
  return __libc_memalign (alignment, size);
}

static void
pass_round (MpQueue      *queue,
            const guint8 *data,
            guint8       *buffer,
            gsize         size)
{
  g_assert_true (mp_queue_put_data (queue, data, size, -1, NULL, NULL));
  g_assert_true (mp_queue_get_into (queue, buffer, LARGEST, -1, NULL, NULL) == (gssize) size);
}

/* Small messages are in the ring, large ones in blocks. */
static void
test_none (void)
{
  static const gsize sizes[] = { 0, 64, 2048, 5000, LARGEST };
  g_autofree guint8 *data = g_malloc0 (LARGEST);
  g_autofree guint8 *buffer = g_malloc0 (LARGEST);
  MpQueue           *queue = mp_queue_new (0, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint before;

      pass_round (queue, data, buffer, sizes[i]);
      before = n_allocations;
      for (guint n = 0; n < N_ROUNDS; n++)
        pass_round (queue, data, buffer, sizes[i]);
      g_assert_cmpuint (n_allocations - before, ==, 0);
    }

  g_assert_finalize_object (queue);
}

/* Nor does a wait, unless the caller passes a GError. */
static void
test_waiting (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  guint8   buffer[64];
  guint    before = n_allocations;

  g_assert_true (mp_queue_get_into (queue, buffer, sizeof buffer, 1000, NULL, NULL) == -1);
  g_assert_cmpuint (n_allocations - before, ==, 0);

  g_assert_finalize_object (queue);
}

/* Proves that allocations are counted. */
static void
test_counting (void)
{
  guint before = n_allocations;

  g_free (g_malloc (1));
  g_assert_cmpuint (n_allocations - before, ==, 1);
}

#endif

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_add_func ("/queue/allocation/skipped", test_skipped);
#else
  g_test_add_func ("/queue/allocation/counting", test_counting);
  g_test_add_func ("/queue/allocation/none", test_none);
  g_test_add_func ("/queue/allocation/waiting", test_waiting);
#endif

  return g_test_run ();
}
