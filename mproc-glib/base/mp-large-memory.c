/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-large-memory.h"

#include <sys/mman.h>

/* How much freed memory is kept, in bytes, and in how many blocks: a reader that drops an array of
 * 64 MiB when it has got the next one uses two in turn. */
#define MAX_KEPT (96u * 1024 * 1024)
#define N_KEPT   4

/* Sizes are rounded up to a multiple of this. */
#define ROUND 65536

/* From this size on, large pages are requested, as NumPy does. */
#define MIN_HUGE  (4u * 1024 * 1024)
#define HUGE_PAGE (2u * 1024 * 1024)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Each slot is changed by exchanging its pointer, so no lock can be held by another thread when the
 * process forks. */
static MpLargeMemory *kept[N_KEPT];
static gsize          n_bytes_kept;
static guint          next_slot;

static void
unmap (MpLargeMemory *self)
{
  munmap (self->data, self->size);
  g_free (self);
}

static MpLargeMemory *
take_slot (guint          index,
           MpLargeMemory *replacement)
{
  MpLargeMemory *taken = __atomic_exchange_n (&kept[index], replacement, __ATOMIC_ACQ_REL);

  if (taken != NULL)
    __atomic_fetch_sub (&n_bytes_kept, taken->size, __ATOMIC_RELAXED);
  return taken;
}

static gboolean
fill_slot (guint          index,
           MpLargeMemory *memory)
{
  MpLargeMemory *nothing = NULL;

  return __atomic_compare_exchange_n (&kept[index], &nothing, memory, FALSE, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED);
}

/* Keeps @self for reuse, and frees other blocks, usually the oldest, if that is too much. */
static void
keep (MpLargeMemory *self)
{
  MpLargeMemory *evicted = NULL;
  guint          slot = 0;

  __atomic_fetch_add (&n_bytes_kept, self->size, __ATOMIC_RELAXED);
  while (slot < N_KEPT && !fill_slot (slot, self))
    slot++;
  if (slot == N_KEPT)
    {
      slot = __atomic_fetch_add (&next_slot, 1, __ATOMIC_RELAXED) % N_KEPT;
      evicted = take_slot (slot, self);
    }
  if (evicted != NULL)
    unmap (evicted);

  for (guint i = 1; i < N_KEPT && __atomic_load_n (&n_bytes_kept, __ATOMIC_RELAXED) > MAX_KEPT; i++)
    {
      evicted = take_slot ((slot + i) % N_KEPT, NULL);
      if (evicted != NULL)
        unmap (evicted);
    }
}

static gsize
round_up (gsize size)
{
  return (size + ROUND - 1) / ROUND * ROUND;
}

MpLargeMemory *
mp_large_memory_reuse (gsize size)
{
  for (guint i = 0; i < N_KEPT; i++)
    {
      MpLargeMemory *found = take_slot (i, NULL);

      if (found != NULL && found->size >= size && found->size / 2 <= size)
        return found;
      if (found != NULL)
        keep (found);
    }
  return NULL;
}

/* Maps memory that begins at a large page, by mapping more and returning the rest. */
static guint8 *
map_aligned (gsize size)
{
  guint8 *whole = mmap (NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
  gsize   before;

  if (whole == MAP_FAILED)
    return MAP_FAILED;
  before = -(guintptr) whole % HUGE_PAGE;
  if (before > 0)
    munmap (whole, before);
  if (before < HUGE_PAGE)
    munmap (whole + before + size, HUGE_PAGE - before);
  madvise (whole + before, size, MADV_HUGEPAGE);
  return whole + before;
}

MpLargeMemory *
mp_large_memory_new (gsize size)
{
  MpLargeMemory *self;
  guint8        *data;

  if (size > G_MAXSSIZE - HUGE_PAGE)
    return NULL;
  size = round_up (size);
  self = mp_large_memory_reuse (size);
  if (self != NULL)
    return self;

  if (size < MIN_HUGE)
    data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  else
    data = map_aligned (size);
  if (data == MAP_FAILED)
    return NULL;

  /* One call costs less than a page fault for each page.  If it fails, there are page faults. */
  madvise (data, size, MADV_POPULATE_WRITE);
  self = g_new (MpLargeMemory, 1);
  *self = (MpLargeMemory){ data, size };
  return self;
}

gboolean
mp_large_memory_grow (MpLargeMemory *self,
                      gsize          size)
{
  void *data;

  if (size > G_MAXSSIZE - ROUND)
    return FALSE;
  size = round_up (size);
  if (size <= self->size)
    return TRUE;
  data = mremap (self->data, self->size, size, MREMAP_MAYMOVE);
  if (data == MAP_FAILED)
    return FALSE;

  self->data = data;
  madvise (self->data + self->size, size - self->size, MADV_POPULATE_WRITE);
  self->size = size;
  return TRUE;
}

void
mp_large_memory_free (MpLargeMemory *self)
{
  if (self->size <= MAX_KEPT)
    keep (self);
  else
    unmap (self);
}
