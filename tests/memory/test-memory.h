/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/lock.h"
#include "memory/memory.h"
#include "memory/attaching.h"
#include "memory/repair.h"
#include "memory/ring.h"

#include <signal.h>

/* The memory of a queue without the queue, and several handles on it like those of several
 * processes. */

static inline void
test_memory_attach (MpMemory *memory)
{
  g_autoptr (GError) error = NULL;

  memory->repair[MP_LOCK_HEAD] = mp_repair_head;
  memory->repair[MP_LOCK_TAIL] = mp_repair_tail;
  memory->repair[MP_LOCK_ARENA] = mp_repair_arena;
  mp_attach (memory, &error);
  g_assert_no_error (error);
}

static inline void
test_memory_create_bounded (MpMemory *memory,
                            guint32   max_messages)
{
  const MpConfig config = {
    .max_size = max_messages,
    .max_bytes = 1000 * MP_UNIT_SIZE,
    .n_units_cap = 1000,
  };
  g_autoptr (GError) error = NULL;

  mp_memory_init (memory);
  mp_memory_create (memory, &config, &error);
  g_assert_no_error (error);
  test_memory_attach (memory);
  g_assert_true (mp_ring_init (memory));
}

static inline void
test_memory_create (MpMemory *memory)
{
  test_memory_create_bounded (memory, MP_MAX_COUNT);
}

/* A handle on the memory behind these descriptors, which it takes. */
static inline void
test_memory_open_fds (MpMemory *memory,
                      int       fd,
                      int       bell_fd)
{
  g_autoptr (GError) error = NULL;

  mp_memory_init (memory);
  mp_memory_open (memory, fd, bell_fd, &error);
  g_assert_no_error (error);
  test_memory_attach (memory);
}

/* Another handle on the memory of @first. */
static inline void
test_memory_open (MpMemory *memory,
                  MpMemory *first)
{
  test_memory_open_fds (memory, dup (first->fd), dup (first->bell_fd));
}

static inline void
test_memory_close (MpMemory *memory)
{
  mp_detach (memory);
  mp_memory_close (memory);
}

/* Takes @lock of the queue behind these descriptors, stops this process, and gives the lock back
 * when the process is continued. */
static inline void
test_memory_hold_lock (int      fd,
                       int      bell_fd,
                       MpLockId lock)
{
  MpMemory memory;

  test_memory_open_fds (&memory, fd, bell_fd);
  while (!mp_lock_take (&memory, lock))
    continue;
  raise (SIGSTOP);
  mp_unlock (&memory, lock);
  test_memory_close (&memory);
}
