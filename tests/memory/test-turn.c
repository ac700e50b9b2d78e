/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of many waiters is served next: the one that was served least and whose message fits. */

#include "config.h"

#include "memory/lock.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/waiters.h"
#include "test-fork.h"

#define MAX_BYTES (1 << 20)
#define SMALL     64
#define LARGE     (100 << 10)

#define backend mp_shared_queue_backend

static MpSharedQueue *
open_queue (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN, .max_bytes = MAX_BYTES };
  MpQueueCall           call = { 0 };
  MpSharedQueue        *queue = backend.open ("memory:", NULL, &settings, &call);

  g_assert_no_error (call.error);
  return queue;
}

static void
put (MpSharedQueue *queue,
     gsize          size)
{
  g_autofree guint8 *data = g_malloc0 (size);
  const MpQueueItem  item = { data, size, 2 };
  MpQueueCall        call = { .timeout_us = TEST_TIMEOUT_US };
  guint              n_put;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_OK);
}

static void
get (MpSharedQueue *queue)
{
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  MpQueueDelivery       delivery = { 0 };
  MpQueueCall           call = { .timeout_us = TEST_TIMEOUT_US };
  guint                 n_got;

  g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n_got), ==, MP_QUEUE_OK);
  g_free (delivery.data);
}

static int
put_large (gpointer queue)
{
  put (queue, LARGE);
  return 0;
}

static int
put_small (gpointer queue)
{
  put (queue, SMALL);
  return 0;
}

/* --- By what fits --------------------------------------------------------------------------- */

static gboolean
is_asleep (MpSharedQueue   *queue,
           MpQueueCondition condition,
           guint            slot)
{
  return (mp_load (&queue->memory.waits[condition]->words[0].sleeping) >> slot & 1) != 0;
}

/* Waits until a put sleeps in each of the first @n slots. */
static void
await_sleepers (MpSharedQueue *queue,
                pid_t          child,
                guint          n)
{
  while (!is_asleep (queue, MP_QUEUE_WAIT_SPACE, n - 1))
    g_usleep (100);
  test_wait_asleep (child);
}

/* Stops a child that sleeps in @slot, so that it does nothing once it is woken. */
static void
stop_asleep (MpSharedQueue *queue,
             pid_t          child,
             guint          slot)
{
  int status;

  for (;;)
    {
      g_assert_cmpint (kill (child, SIGSTOP), ==, 0);
      g_assert_cmpint (waitpid (child, &status, WUNTRACED), ==, child);
      g_assert_true (WIFSTOPPED (status));
      if (is_asleep (queue, MP_QUEUE_WAIT_SPACE, slot))
        return;

      /* It was looking again. */
      g_assert_cmpint (kill (child, SIGCONT), ==, 0);
      await_sleepers (queue, child, slot + 1);
    }
}

/* The wake-up for a little room is not spent on a message that needs more. */
static void
test_small_behind_large (void)
{
  MpSharedQueue *queue = open_queue ();
  pid_t          large, small;
  guint32        seen;

  put (queue, SMALL);
  put (queue, MAX_BYTES - SMALL);
  large = test_fork (put_large, queue);
  await_sleepers (queue, large, 1);
  small = test_fork (put_small, queue);
  await_sleepers (queue, small, 2);

  /* When it ends it may wake the other one, to watch in its place. */
  stop_asleep (queue, small, 1);
  seen = mp_load (&mp_memory_waiter (&queue->memory, 0)->futex);
  get (queue);
  g_assert_cmpuint (mp_load (&mp_memory_waiter (&queue->memory, 0)->futex), ==, seen);
  kill (small, SIGCONT);
  test_wait_child (small, 0);

  get (queue);
  test_wait_child (large, 0);
  backend.free (queue);
}

/* --- By who was served least ------------------------------------------------------------------ */

static guint
pretend_to_wait (MpSharedQueue *queue,
                 guint32        served)
{
  MpMemory *memory = &queue->memory;
  guint     slot = mp_waiters_claim_slot (memory);

  mp_store (&mp_memory_waiter (memory, slot)->served, served);
  mp_waits_set (memory->waits[MP_QUEUE_WAIT_ITEMS], slot, MP_WAITS_WAITING);
  mp_waits_set (memory->waits[MP_QUEUE_WAIT_ITEMS], slot, MP_WAITS_SLEEPING);
  return slot;
}

static void
stop_pretending (MpSharedQueue *queue,
                 guint          slot)
{
  mp_waits_clear (queue->memory.waits[MP_QUEUE_WAIT_ITEMS], slot, MP_WAITS_SLEEPING);
  mp_waits_clear (queue->memory.waits[MP_QUEUE_WAIT_ITEMS], slot, MP_WAITS_WAITING);
  mp_waiters_release_slot (&queue->memory, slot);
}

static void
append (MpSharedQueue *queue)
{
  const MpQueueItem item = { (const guint8 *) "message", 8, 2, NULL };
  guint             n;

  g_assert_true (mp_lock_take (&queue->memory, MP_LOCK_TAIL));
  g_assert_cmpint (mp_ring_append (&queue->memory, &item, 1, 0, &n), ==, MP_RING_OK);
  mp_unlock (&queue->memory, MP_LOCK_TAIL);
}

/* Who never sleeps wakes the one that was served least, and not the next one. */
static void
test_least_served (void)
{
  MpSharedQueue *queue = open_queue ();
  guint          first, second;
  gint64         deadline = g_get_monotonic_time () + TEST_TIMEOUT_US;

  first = pretend_to_wait (queue, 1000);
  second = pretend_to_wait (queue, 500);
  mp_store (&queue->turns[MP_QUEUE_WAIT_ITEMS].n_served, 1000);

  /* Straight into the ring: a put would wake the next one. */
  while (is_asleep (queue, MP_QUEUE_WAIT_ITEMS, second) && g_get_monotonic_time () < deadline)
    {
      append (queue);
      get (queue);
    }
  g_assert_false (is_asleep (queue, MP_QUEUE_WAIT_ITEMS, second));
  g_assert_true (is_asleep (queue, MP_QUEUE_WAIT_ITEMS, first));

  stop_pretending (queue, first);
  stop_pretending (queue, second);
  backend.free (queue);
}

typedef struct
{
  MpSharedQueue *queue;
  guint          other; /* the slot of the waiter that is behind */
  guint32        seen;
} Watch;

/* Waits until another slot says that a thread waits. */
static gpointer
await_pause (gpointer user_data)
{
  Watch  *self = user_data;
  guint64 other = G_GUINT64_CONSTANT (1) << self->other;
  gint64  deadline = g_get_monotonic_time () + TEST_TIMEOUT_US;

  while (!mp_load (&self->seen) && g_get_monotonic_time () < deadline)
    {
      guint64 bits =
        mp_load (&self->queue->memory.waits[MP_QUEUE_WAIT_ITEMS]->words[0].waiting) & ~other;

      if (bits != 0)
        mp_store_release (&self->seen, 1);
      g_thread_yield ();
    }
  return NULL;
}

/* Who pauses since another one is behind counts as a waiter itself. */
static void
test_pause_counts (void)
{
  MpSharedQueue *queue = open_queue ();
  Watch          watch = { queue, pretend_to_wait (queue, 0), 0 };
  GThread       *thread = g_thread_new ("watch", await_pause, &watch);
  gint64         deadline = g_get_monotonic_time () + TEST_TIMEOUT_US;

  while (!mp_load_acquire (&watch.seen) && g_get_monotonic_time () < deadline)
    {
      mp_store (&queue->turns[MP_QUEUE_WAIT_ITEMS].n_served, 100000);
      mp_store (&queue->turns[MP_QUEUE_WAIT_ITEMS].n_futile, 0);
      for (guint i = 0; i < 16; i++)
        {
          append (queue);
          get (queue);
        }
    }
  g_assert_cmpuint (mp_load_acquire (&watch.seen), ==, 1);
  g_thread_join (thread);

  stop_pretending (queue, watch.other);
  g_assert_false (mp_waits_has_waiting (queue->memory.waits[MP_QUEUE_WAIT_ITEMS]));
  backend.free (queue);
}

/* A waiter that does not run after it was woken does not block others for ever. */
static void
test_absent (void)
{
  MpSharedQueue *queue = open_queue ();
  guint          slot;
  gint64         begin;

  for (guint i = 0; i < 20000; i++)
    put (queue, 8);
  slot = pretend_to_wait (queue, 0);
  mp_store (&queue->turns[MP_QUEUE_WAIT_ITEMS].n_served, 100000);
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < 20000; i++)
    get (queue);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_USEC_PER_SEC);

  stop_pretending (queue, slot);
  backend.free (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/turn/small-behind-large", test_small_behind_large);
  g_test_add_func ("/memory/turn/least-served", test_least_served);
  g_test_add_func ("/memory/turn/pause-counts", test_pause_counts);
  g_test_add_func ("/memory/turn/absent", test_absent);
  return g_test_run ();
}
