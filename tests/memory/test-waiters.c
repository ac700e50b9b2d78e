/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads that sleep until a condition may hold, and which of them are woken. */

#include "config.h"

#include "memory/futex.h"
#include "memory/sleeper.h"
#include "memory/waiters.h"
#include "memory/watcher.h"
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

/* Few handles have the descriptors of a watcher, unless one insists. */
static void
test_watching_handles (void)
{
  MpMemory memories[MP_N_WATCHING_HANDLES + 2] = { 0 };

  test_memory_create (&memories[0]);
  for (guint i = 1; i < G_N_ELEMENTS (memories); i++)
    test_memory_open (&memories[i], &memories[0]);
  for (guint i = 0; i < MP_N_WATCHING_HANDLES; i++)
    {
      g_assert_true (mp_watcher_open (&memories[i], FALSE));
      g_assert_true (mp_watcher_open (&memories[i], FALSE));
    }
  g_assert_false (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES], FALSE));
  g_assert_true (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES], TRUE));
  g_assert_false (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES + 1], FALSE));

  /* One that closes them or leaves makes room for another one. */
  mp_watcher_close (&memories[MP_N_WATCHING_HANDLES]);
  g_assert_true (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES + 1], FALSE));
  g_assert_false (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES], FALSE));
  test_memory_close (&memories[MP_N_WATCHING_HANDLES + 1]);
  g_assert_true (mp_watcher_open (&memories[MP_N_WATCHING_HANDLES], FALSE));
  for (guint i = MP_N_WATCHING_HANDLES + 1; i-- > 0;)
    test_memory_close (&memories[i]);
}

static void
sleep_for (MpMemory *memory,
           gint64    duration_us)
{
  gint64    deadline = g_get_monotonic_time () + duration_us;
  MpSleeper sleeper;

  mp_sleeper_begin (&sleeper, memory, condition, NULL, NULL, 0);
  mp_sleeper_arm (&sleeper, 0);
  while (mp_sleeper_sleep (&sleeper, deadline) != MP_SLEEP_TIMED_OUT)
    ;
  mp_sleeper_disarm (&sleeper);
  mp_sleeper_end (&sleeper);
}

/* Closing them takes long, so a thread that is not a watcher this time does not do it while it
 * sleeps for a short time. */
static void
test_keeps_descriptors (void)
{
  MpMemory memory = { 0 };
  guint    slots[MP_N_WATCHERS];

  test_memory_create (&memory);
  while (memory.watch_fd == -1)
    sleep_for (&memory, 10000);
  for (guint i = 0; i < MP_N_WATCHERS; i++)
    {
      slots[i] = mp_waiters_claim_slot (&memory);
      mp_watcher_begin (&memory, i % 2 == 0 ? MP_WATCHER_THREAD : MP_WATCHER_LOOP, slots[i]);
    }
  g_assert_false (mp_watcher_is_wanted (&memory, MP_WATCHER_THREAD));
  sleep_for (&memory, 10000);
  g_assert_cmpint (memory.watch_fd, !=, -1);

  for (guint i = 0; i < MP_N_WATCHERS; i++)
    {
      mp_watcher_end (&memory, slots[i]);
      mp_waiters_release_slot (&memory, slots[i]);
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
  g_test_add_func ("/memory/waiters/watching-handles", test_watching_handles);
  g_test_add_func ("/memory/waiters/keeps-descriptors", test_keeps_descriptors);

  return g_test_run ();
}
