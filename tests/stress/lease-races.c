/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leases that others end while their holder copies, refuses or returns the message, and leases that
 * cannot be ended or returned at once since somebody holds a lock. */

#include "config.h"

#include "memory/lock.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define HANG_SECONDS 60
#define LARGE        20000

/* For calls that have to succeed. */
#define PATIENCE_US (10 * G_USEC_PER_SEC)

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

/* Two handles on one queue. */
static gpointer queue, other;

static guint8 data[LARGE], buffer[LARGE];

static MpMemory *
memory_of (gpointer handle)
{
  return &((MpSharedQueue *) handle)->memory;
}

static void
open_queues (MpQueueMode mode,
             guint32     max_deliveries)
{
  const MpQueueSettings settings = { .mode = mode, .max_deliveries = max_deliveries };
  MpQueueCall           call = { 0 };
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
  g_autofree char *uri = NULL;

  alarm (HANG_SECONDS);
  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  uri = backend.describe (queue, descriptors, &call.error);
  g_assert_no_error (call.error);
  other = backend.open (uri, descriptors, NULL, &call);
  g_assert_no_error (call.error);
}

static void
close_queues (void)
{
  backend.free (other);
  backend.free (queue);
  alarm (0);
}

static void
put (gsize size)
{
  const MpQueueItem item = { data, size, 2 };
  MpQueueCall       call = { .timeout_us = PATIENCE_US };
  guint             n;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n), ==, MP_QUEUE_OK);
}

/* Gets a message into @buffer, for good or tentatively. */
static MpQueueStatus
get (gpointer         handle,
     gboolean         for_good,
     MpQueueDelivery *delivery,
     gint64           timeout_us)
{
  const MpQueueAccepted accepted = {
    .any = for_good ? MP_QUEUE_TAG (2) : 0,
    .sound = for_good ? 0 : MP_QUEUE_TAG (2),
  };
  MpQueueCall call = { .timeout_us = timeout_us };
  guint       n;

  *delivery = (MpQueueDelivery){ .buffer = buffer, .capacity = sizeof buffer };
  return backend.get (handle, delivery, 1, &accepted, &call, &n);
}

static MpQueueStatus
finish (gpointer            handle,
        const MpQueueToken *token,
        MpQueueFinish       how)
{
  MpQueueCall   call = { .timeout_us = PATIENCE_US };
  MpQueueStatus answer;

  backend.finish (handle, token, 1, how, &answer, &call);
  return answer;
}

static MpQueueStatus
finish_any (void)
{
  return finish (other, NULL, MP_QUEUE_FINISH_DONE);
}

static MpQueueStatus
settle (MpQueueDelivery *delivery,
        gboolean         take)
{
  MpQueueCall call = { 0 };

  return backend.settle (queue, delivery, take, &call);
}

static void
assert_empty (void)
{
  MpQueueCounts counts;
  MpQueueCall   call = { 0 };

  g_assert_cmpint (backend.count (queue, &counts, &call), ==, MP_QUEUE_OK);
  g_assert_cmpuint (counts.size, ==, 0);
  g_assert_cmpuint (counts.n_unfinished, ==, 0);
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);
}

/* --- Ended by others ------------------------------------------------------------------------ */

static MpQueueStatus answer_of_any;

/* The message is leased, and its copy out of the shared memory has not begun. */
static void
finish_leased (const char *name)
{
  if (!g_str_equal (name, "get/leased"))
    return;
  mp_step_hook = NULL;
  answer_of_any = finish_any ();
}

static void
test_copied (void)
{
  MpQueueDelivery delivery;

  open_queues (MP_QUEUE_MODE_ACKNOWLEDGED, 0);
  put (LARGE);
  mp_step_hook = finish_leased;
  g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_null (mp_step_hook);
  g_assert_cmpint (answer_of_any, ==, MP_QUEUE_EMPTY);
  g_assert_cmpint (finish_any (), ==, MP_QUEUE_OK);
  g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_DONE), ==, MP_QUEUE_STALE);
  assert_empty ();
  close_queues ();
}

static void
test_tentative (void)
{
  MpQueueDelivery delivery;

  open_queues (MP_QUEUE_MODE_ACKNOWLEDGED, 0);
  put (LARGE);
  for (guint i = 0; i < 2; i++)
    {
      gboolean take = i == 1;

      g_assert_cmpint (get (queue, FALSE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
      g_assert_true (delivery.tentative);
      g_assert_cmpint (finish_any (), ==, MP_QUEUE_EMPTY);
      g_assert_cmpint (settle (&delivery, take), ==, MP_QUEUE_OK);
    }
  g_assert_cmpuint (delivery.token.n_deliveries, ==, 1);
  g_assert_cmpint (finish_any (), ==, MP_QUEUE_OK);
  assert_empty ();
  close_queues ();
}

static gpointer
retry (gpointer token)
{
  return GINT_TO_POINTER (finish (queue, token, MP_QUEUE_FINISH_RETRY));
}

/* The message is finished by another process while its holder waits for the lock under which it
 * wants to return it. */
static void
test_retried (void)
{
  MpQueueDelivery delivery;
  GThread        *thread;

  open_queues (MP_QUEUE_MODE_ACKNOWLEDGED, 0);
  put (LARGE);
  g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_true (mp_lock_take (memory_of (other), MP_LOCK_HEAD));
  thread = g_thread_new ("retry", retry, &delivery.token);
  while ((mp_load (memory_of (other)->locks[MP_LOCK_HEAD]) & MP_LOCK_WAITED) == 0)
    g_thread_yield ();
  g_assert_cmpint (finish_any (), ==, MP_QUEUE_OK);
  mp_unlock (memory_of (other), MP_LOCK_HEAD);

  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, MP_QUEUE_STALE);
  g_assert_cmpint (get (queue, TRUE, &delivery, 0), ==, MP_QUEUE_EMPTY);
  assert_empty ();
  close_queues ();
}

/* A consumer whose messages were all finished by others waits for those that others may return,
 * like one that has never held any. */
static void
test_lost (void)
{
  MpQueueDelivery delivery, last;
  MpQueueCall     call = { 0 };

  open_queues (MP_QUEUE_MODE_ACKNOWLEDGED, 0);
  put (8);
  put (8);
  g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (other, TRUE, &last, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_cmpint (backend.shutdown (other, FALSE, &call), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (queue, TRUE, &delivery, 0), ==, MP_QUEUE_CLOSED);
  g_assert_cmpint (finish_any (), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (queue, TRUE, &delivery, 0), ==, MP_QUEUE_EMPTY);

  g_assert_cmpint (finish (other, &last.token, MP_QUEUE_FINISH_RETRY), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (queue, TRUE, &delivery, 0), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (other, TRUE, &last, 0), ==, MP_QUEUE_EMPTY);
  g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_DONE), ==, MP_QUEUE_OK);
  g_assert_cmpint (get (other, TRUE, &last, 0), ==, MP_QUEUE_CLOSED);
  assert_empty ();
  close_queues ();
}

/* --- Without a lock ------------------------------------------------------------------------- */

static gpointer
release_later (gpointer user_data)
{
  MpMemory *memory = memory_of (queue);

  /* Until the other thread sleeps. */
  while (mp_load (&memory->waits[MP_QUEUE_WAIT_ITEMS]->words[0].sleeping) == 0)
    g_thread_yield ();
  mp_unlock (memory_of (other), MP_LOCK_ARENA);
  return NULL;
}

/* A refused message goes back although the lock could not be had in time, and also if the handle
 * only waits from then on. */
static void
test_refused (gconstpointer user_data)
{
  const MpQueueMode mode = GPOINTER_TO_UINT (user_data);
  MpQueueDelivery   delivery;
  GThread          *thread;

  open_queues (mode, 0);
  put (LARGE);
  g_assert_cmpint (get (queue, FALSE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_true (mp_lock_take (memory_of (other), MP_LOCK_ARENA));
  g_assert_cmpint (settle (&delivery, FALSE), ==, MP_QUEUE_OK);
  g_assert_false (delivery.tentative);

  thread = g_thread_new ("release", release_later, NULL);
  g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_thread_join (thread);
  g_assert_cmpuint (delivery.size, ==, LARGE);
  if (mode == MP_QUEUE_MODE_ACKNOWLEDGED)
    {
      g_assert_cmpuint (delivery.token.n_deliveries, ==, 1);
      g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_DONE), ==, MP_QUEUE_OK);
    }
  assert_empty ();
  close_queues ();
}

/* The same in a main loop: the bell returns the message before it waits. */
static void
test_refused_bell (void)
{
  MpQueueDelivery delivery;
  MpQueueBell    *bell;

  open_queues (MP_QUEUE_MODE_PLAIN, 0);
  put (LARGE);
  g_assert_cmpint (get (queue, FALSE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_true (mp_lock_take (memory_of (other), MP_LOCK_HEAD));
  g_assert_cmpint (settle (&delivery, FALSE), ==, MP_QUEUE_OK);
  mp_unlock (memory_of (other), MP_LOCK_HEAD);
  g_assert_cmpint (get (other, TRUE, &delivery, 0), ==, MP_QUEUE_EMPTY);

  bell = backend.bell_new (queue, MP_QUEUE_WAIT_ITEMS, NULL);
  g_assert_nonnull (bell);
  backend.bell_arm (queue, bell, TRUE);
  g_assert_true (backend.check (queue, MP_QUEUE_WAIT_ITEMS));
  backend.bell_free (queue, bell);
  g_assert_cmpint (get (other, TRUE, &delivery, 0), ==, MP_QUEUE_OK);
  assert_empty ();
  close_queues ();
}

/* A message that could not be taken for want of a lock is still tentative. */
static void
test_taken_later (gconstpointer user_data)
{
  const MpQueueMode mode = GPOINTER_TO_UINT (user_data);
  MpQueueDelivery   delivery;

  open_queues (mode, 0);
  put (8);
  if (mode == MP_QUEUE_MODE_ACKNOWLEDGED)
    {
      /* One that was returned, and is not accepted as `sound`. */
      g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
      g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_RETRY), ==, MP_QUEUE_OK);
    }
  {
    const MpQueueAccepted accepted = { .by_content = MP_QUEUE_TAG (2) };
    MpQueueCall           call = { .timeout_us = PATIENCE_US };
    guint                 n;

    delivery = (MpQueueDelivery){ .buffer = buffer, .capacity = sizeof buffer };
    g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n), ==, MP_QUEUE_OK);
  }
  g_assert_true (delivery.tentative);
  g_assert_true (mp_lock_take (memory_of (other), MP_LOCK_HEAD));
  g_assert_cmpint (settle (&delivery, TRUE), ==, MP_QUEUE_BUSY);
  g_assert_true (delivery.tentative);
  mp_unlock (memory_of (other), MP_LOCK_HEAD);

  g_assert_cmpint (settle (&delivery, TRUE), ==, MP_QUEUE_OK);
  g_assert_false (delivery.tentative);
  g_assert_cmpint (get (other, TRUE, &(MpQueueDelivery){ 0 }, 0), ==, MP_QUEUE_EMPTY);
  if (mode == MP_QUEUE_MODE_ACKNOWLEDGED)
    g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_DONE), ==, MP_QUEUE_OK);
  assert_empty ();
  close_queues ();
}

/* The lock is taken by another process as soon as the dead letter was found. */
static void
take_arena (const char *name)
{
  if (!g_str_equal (name, "lock/released"))
    return;
  mp_step_hook = NULL;
  g_assert_true (mp_lock_take (memory_of (other), MP_LOCK_ARENA));
}

/* A dead letter that was delivered is not delivered again when its handle is closed. */
static void
test_letter (void)
{
  MpQueueDelivery delivery;
  MpQueueCall     call = { .timeout_us = PATIENCE_US };

  open_queues (MP_QUEUE_MODE_ACKNOWLEDGED, 1);
  put (LARGE);
  g_assert_cmpint (get (queue, TRUE, &delivery, PATIENCE_US), ==, MP_QUEUE_OK);
  g_assert_cmpint (finish (queue, &delivery.token, MP_QUEUE_FINISH_RETRY), ==, MP_QUEUE_OK);

  delivery = (MpQueueDelivery){ .buffer = buffer, .capacity = sizeof buffer };
  mp_step_hook = take_arena;
  g_assert_cmpint (backend.get_dead (queue, NULL, &delivery, &call), ==, MP_QUEUE_OK);
  g_assert_null (mp_step_hook);
  g_assert_cmpuint (delivery.size, ==, LARGE);
  mp_unlock (memory_of (other), MP_LOCK_ARENA);

  call = (MpQueueCall){ 0 };
  g_assert_cmpint (backend.get_dead (queue, NULL, &delivery, &call), ==, MP_QUEUE_EMPTY);
  assert_empty ();
  close_queues ();
}

int
main (int    argc,
      char **argv)
{
  static const struct
  {
    const char *name;
    MpQueueMode mode;
  } modes[] = {
    { "plain", MP_QUEUE_MODE_PLAIN },
    { "acknowledged", MP_QUEUE_MODE_ACKNOWLEDGED },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lease-races/copied", test_copied);
  g_test_add_func ("/lease-races/tentative", test_tentative);
  g_test_add_func ("/lease-races/retried", test_retried);
  g_test_add_func ("/lease-races/lost", test_lost);
  g_test_add_func ("/lease-races/refused/bell", test_refused_bell);
  g_test_add_func ("/lease-races/letter", test_letter);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *refused = g_strconcat ("/lease-races/refused/", modes[i].name, NULL);
      g_autofree char *later = g_strconcat ("/lease-races/taken-later/", modes[i].name, NULL);

      g_test_add_data_func (refused, GUINT_TO_POINTER (modes[i].mode), test_refused);
      g_test_add_data_func (later, GUINT_TO_POINTER (modes[i].mode), test_taken_later);
    }
  return g_test_run ();
}
