/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks between processes, whose holders may be stopped or killed. */

#include "config.h"

#include "test-fork.h"
#include "test-memory.h"

static void
test_exclusive (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };

  test_memory_create (&one);
  test_memory_open (&other, &one);

  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  g_assert_cmpuint (mp_lock_owner (mp_load (one.locks[MP_LOCK_HEAD])), ==, one.participant);

  /* A thread does not wait long for a stopped holder; other locks can be taken. */
  g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
  g_assert_true (mp_lock_take (&other, MP_LOCK_TAIL));
  mp_unlock (&other, MP_LOCK_TAIL);

  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_true (mp_lock_take (&other, MP_LOCK_HEAD));
  mp_unlock (&other, MP_LOCK_HEAD);

  test_memory_close (&other);
  test_memory_close (&one);
}

static void
test_await (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));

  g_assert_cmpint (mp_lock_await (&other, g_get_monotonic_time () + 1000, NULL), ==,
                   MP_LOCK_WAIT_TIMED_OUT);
  g_assert_true (mp_lock_is_stuck (&other, MP_LOCK_HEAD));
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (mp_lock_await (&other, -1, cancellable), ==, MP_LOCK_WAIT_CANCELLED);

  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_cmpint (mp_lock_await (&other, -1, NULL), ==, MP_LOCK_WAIT_OVER);
  g_assert_true (mp_lock_take (&other, MP_LOCK_HEAD));
  mp_unlock (&other, MP_LOCK_HEAD);

  test_memory_close (&other);
  test_memory_close (&one);
}

typedef struct
{
  MpMemory  *memory;
  MpLockWait result;
  guint32    ended;
} Awaiting;

static gpointer
await_release (gpointer user_data)
{
  Awaiting *self = user_data;

  self->result = mp_lock_await (self->memory, g_get_monotonic_time () + TEST_TIMEOUT_US, NULL);
  mp_store_release (&self->ended, 1);
  return NULL;
}

/* A holder that releases the lock, and has it again before the waiter looks, is not stuck. */
static void
test_await_retaken (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  Awaiting awaiting = { &other, MP_LOCK_WAIT_TIMED_OUT, 0 };
  GThread *thread;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
  thread = g_thread_new ("await", await_release, &awaiting);
  /* What a release does last. */
  while (!mp_load_acquire (&awaiting.ended))
    {
      mp_futex_wake (one.locks[MP_LOCK_HEAD], 1);
      g_thread_yield ();
    }
  g_thread_join (thread);
  g_assert_cmpint (awaiting.result, ==, MP_LOCK_WAIT_OVER);

  mp_unlock (&one, MP_LOCK_HEAD);
  test_memory_close (&other);
  test_memory_close (&one);
}

/* The time that is waited for one holder begins anew when it takes the lock again. */
static void
test_await_again (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  gint64   first = 0, second;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
  second = mp_lock_extend_deadline (&other, 0, 0);
  /* What was found is soon forgotten, so try again if this process did not run meanwhile. */
  for (guint i = 0; i < 10 && second != first; i++)
    {
      first = second;
      g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
      second = mp_lock_extend_deadline (&other, 0, 0);
    }
  g_assert_cmpint (second, ==, first);

  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_cmpint (mp_lock_await (&other, -1, NULL), ==, MP_LOCK_WAIT_OVER);
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
  g_assert_cmpint (mp_lock_extend_deadline (&other, 0, 0), >, first);
  mp_unlock (&one, MP_LOCK_HEAD);

  test_memory_close (&other);
  test_memory_close (&one);
}

typedef struct
{
  MpMemory *memory;
  guint32   ended;
  gboolean  taken;
} Taking;

static gpointer
take_once (gpointer user_data)
{
  Taking *self = user_data;

  self->taken = mp_lock_take (self->memory, MP_LOCK_HEAD);
  mp_store_release (&self->ended, 1);
  return NULL;
}

/* A thread that takes the lock by spinning after it has slept leaves the flag set: others may still
 * sleep, of whom its release has to wake the next one. */
static void
test_keeps_waited (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  Taking   taking = { &other, 0, FALSE };
  gint64   deadline = g_get_monotonic_time () + TEST_TIMEOUT_US;
  guint32 *lock;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  lock = one.locks[MP_LOCK_HEAD];
  /* On a busy machine the thread may give up before it sees the release. */
  while (!taking.taken && g_get_monotonic_time () < deadline)
    {
      GThread *thread;

      g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
      taking.ended = 0;
      thread = g_thread_new ("take", take_once, &taking);
      while ((mp_load (lock) & MP_LOCK_WAITED) == 0 && !mp_load_acquire (&taking.ended))
        g_thread_yield ();
      mp_unlock (&one, MP_LOCK_HEAD);
      g_thread_join (thread);
    }
  g_assert_true (taking.taken);
  g_assert_cmphex (mp_load (lock) & MP_LOCK_WAITED, ==, MP_LOCK_WAITED);

  mp_unlock (&other, MP_LOCK_HEAD);
  test_memory_close (&other);
  test_memory_close (&one);
}

static int
take_and_die (gpointer data)
{
  MpMemory memory = { 0 };

  test_memory_open (&memory, data);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_HEAD));
  return 0;
}

/* The lock of a dead holder can be taken. */
static void
test_owner_dies (void)
{
  MpMemory memory = { 0 };

  test_memory_create (&memory);
  test_wait_child (test_fork (take_and_die, &memory), 0);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_HEAD));
  mp_unlock (&memory, MP_LOCK_HEAD);
  test_memory_close (&memory);
}

/* Takes the lock within two seconds, or some more if this machine is busy, by repeated attempts. */
static void
take_soon (MpMemory *memory,
           MpLockId  id)
{
  const gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while (!mp_lock_take (memory, id))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      mp_lock_await (memory, g_get_monotonic_time () + 20000, NULL);
    }
}

/* A stray store names a living participant, another or this one, as the holder of a lock that it
 * does not hold: the lock is taken away. */
static void
test_stray_store (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };

  test_memory_create (&one);
  test_memory_open (&other, &one);

  for (guint id = 0; id < MP_N_LOCKS; id++)
    {
      mp_store (one.locks[id], one.lock_word);
      take_soon (&other, id);
      mp_unlock (&other, id);
      mp_store (one.locks[id], one.lock_word);
      take_soon (&one, id);
      mp_unlock (&one, id);
    }
  g_assert_cmpuint (mp_load (&one.state->damaged), ==, 0);

  test_memory_close (&other);
  test_memory_close (&one);
}

/* A stopped holder keeps the lock; a word that was overwritten meanwhile is damage. */
static void
test_stray_store_while_held (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  gint64   end;

  test_memory_create (&one);
  test_memory_open (&other, &one);

  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  end = g_get_monotonic_time () + G_USEC_PER_SEC / 2;
  while (g_get_monotonic_time () < end)
    {
      g_assert_false (mp_lock_take (&other, MP_LOCK_HEAD));
      mp_lock_await (&other, end, NULL);
    }
  g_assert_cmpint (mp_lock_get_blocker (&other), ==, getpid ());
  mp_store (one.locks[MP_LOCK_HEAD], other.lock_word);
  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_cmpuint (mp_load (&one.state->damaged), ==, 1);

  test_memory_close (&other);
  test_memory_close (&one);
}

#define N_ROUNDS 20000

/* Increments a word that is protected only by the lock. */
static int
count_up (gpointer data)
{
  MpMemory memory = { 0 };

  test_memory_open (&memory, data);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      while (!mp_lock_take (&memory, MP_LOCK_TAIL))
        mp_lock_await (&memory, -1, NULL);
      memory.tail->seen_n_bytes++;
      mp_unlock (&memory, MP_LOCK_TAIL);
    }
  test_memory_close (&memory);
  return 0;
}

static void
test_contended (void)
{
  MpMemory memory = { 0 };
  pid_t    children[3];

  test_memory_create (&memory);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    children[i] = test_fork (count_up, &memory);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    test_wait_child (children[i], 0);
  g_assert_cmpuint (memory.tail->seen_n_bytes, ==, G_N_ELEMENTS (children) * N_ROUNDS);
  test_memory_close (&memory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memory/lock/exclusive", test_exclusive);
  g_test_add_func ("/memory/lock/await", test_await);
  g_test_add_func ("/memory/lock/await-again", test_await_again);
  g_test_add_func ("/memory/lock/await-retaken", test_await_retaken);
  g_test_add_func ("/memory/lock/keeps-waited", test_keeps_waited);
  g_test_add_func ("/memory/lock/owner-dies", test_owner_dies);
  g_test_add_func ("/memory/lock/stray-store", test_stray_store);
  g_test_add_func ("/memory/lock/stray-store-while-held", test_stray_store_while_held);
  g_test_add_func ("/memory/lock/contended", test_contended);

  return g_test_run ();
}
