/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads that sleep until a condition may hold, and which of them are woken. */

#include "config.h"

#include "memory/futex.h"
#include "memory/waiters.h"
#include "test-fork.h"
#include "test-memory.h"

static const MpQueueCondition condition = 0;

static guint
go_to_sleep (MpMemory *memory,
             guint32  *seen)
{
  guint slot = mp_waiters_claim_slot (memory);

  g_assert_cmpuint (slot, <, MP_N_WAITERS);
  *seen = mp_load (&mp_memory_waiter (memory, slot)->futex);
  mp_waits_set (memory->waits[condition], slot, MP_WAITS_SLEEPING);
  return slot;
}

static gboolean
is_woken (MpMemory *memory,
          guint     slot,
          guint32   seen)
{
  return mp_load (&mp_memory_waiter (memory, slot)->futex) != seen;
}

static void
test_slots (void)
{
  MpMemory memory = { 0 };
  guint    first, second;

  test_memory_create (&memory);
  first = mp_waiters_claim_slot (&memory);
  second = mp_waiters_claim_slot (&memory);
  g_assert_cmpuint (first, !=, second);
  mp_waiters_release_slot (&memory, first);
  mp_waiters_release_slot (&memory, second);
  g_assert_cmpuint (mp_waiters_count (&memory), ==, 0);
  test_memory_close (&memory);
}

static int
sleep_once (gpointer data)
{
  MpMemory memory = { 0 };
  guint32  seen;
  guint    slot;

  test_memory_open (&memory, data);
  slot = go_to_sleep (&memory, &seen);
  while (!is_woken (&memory, slot, seen))
    mp_futex_wait (&mp_memory_waiter (&memory, slot)->futex, seen, TEST_TIMEOUT_US);
  mp_waiters_release_slot (&memory, slot);
  test_memory_close (&memory);
  return 0;
}

#define N_SLEEPERS 6

/* As many as there are messages are woken, perhaps also a watcher, but not all. */
static void
test_wake_some (void)
{
  MpMemory memory = { 0 };
  pid_t    children[N_SLEEPERS];
  guint    n_woken = 0;

  test_memory_create (&memory);
  for (guint i = 0; i < N_SLEEPERS; i++)
    children[i] = test_fork (sleep_once, &memory);
  for (guint i = 0; i < N_SLEEPERS; i++)
    test_wait_asleep (children[i]);
  g_assert_cmpuint (mp_waits_count_sleeping (memory.waits[condition]), ==, N_SLEEPERS);

  mp_waiters_wake (&memory, condition, 2);
  for (; n_woken < 2; n_woken++)
    g_assert_cmpint (waitpid (-1, NULL, 0), >, 0);
  while (waitpid (-1, NULL, WNOHANG) > 0)
    n_woken++;
  g_assert_cmpuint (n_woken, <, N_SLEEPERS);

  mp_waiters_wake_all (&memory);
  for (; n_woken < N_SLEEPERS; n_woken++)
    g_assert_cmpint (waitpid (-1, NULL, 0), >, 0);
  g_assert_cmpuint (mp_waits_count_sleeping (memory.waits[condition]), ==, 0);
  test_memory_close (&memory);
}

/* A wake-up that comes before the sleep is noticed by the changed word. */
static void
test_not_lost (void)
{
  MpMemory memory = { 0 };
  guint32  seen;
  guint    slot;

  test_memory_create (&memory);
  slot = go_to_sleep (&memory, &seen);
  mp_waiters_wake (&memory, condition, 1);
  g_assert_cmpint (mp_futex_wait (&mp_memory_waiter (&memory, slot)->futex, seen, G_USEC_PER_SEC),
                   ==, EAGAIN);
  g_assert_false (mp_waits_clear (memory.waits[condition], slot, MP_WAITS_SLEEPING));
  mp_waiters_release_slot (&memory, slot);
  test_memory_close (&memory);
}

/* A waiter that gives up clears its bit, and is not woken any more. */
static void
test_give_up (void)
{
  MpMemory memory = { 0 };
  guint32  seen_first, seen_second;
  guint    first, second;

  test_memory_create (&memory);
  first = go_to_sleep (&memory, &seen_first);
  second = go_to_sleep (&memory, &seen_second);
  g_assert_true (mp_waits_clear (memory.waits[condition], first, MP_WAITS_SLEEPING));
  mp_waiters_wake (&memory, condition, 1);
  g_assert_false (is_woken (&memory, first, seen_first));
  g_assert_true (is_woken (&memory, second, seen_second));
  test_memory_close (&memory);
}

/* Who was woken in vain, since another thread was faster, is woken next, before those that came
 * later: the search begins with the first of them, in whatever order they go to sleep again. */
static void
test_in_vain (void)
{
  static const guint orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 }, { 2, 0, 1 } };
  MpMemory           memory = { 0 };
  MpWaits           *waits;

  test_memory_create (&memory);
  waits = memory.waits[condition];
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    for (guint first = 0; first < 64; first += 21)
      {
        mp_cover (&waits->n_words, 1);
        mp_store (&waits->turn, first + 3);
        for (guint j = 0; j < 3; j++)
          mp_waits_keep_turn (waits, (first + orders[i][j]) % 64);
        g_assert_cmpuint (mp_load (&waits->turn), ==, first);
      }
  test_memory_close (&memory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memory/waiters/slots", test_slots);
  g_test_add_func ("/memory/waiters/wake-some", test_wake_some);
  g_test_add_func ("/memory/waiters/not-lost", test_not_lost);
  g_test_add_func ("/memory/waiters/give-up", test_give_up);
  g_test_add_func ("/memory/waiters/in-vain", test_in_vain);

  return g_test_run ();
}
