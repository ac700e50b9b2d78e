/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A hostile process that uses a queue cannot harm other processes. */

#include "config.h"

#include "memory/layout.h"
#include "memory/lease.h"
#include "memory/slots.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/waiters.h"
#include "test-fork.h"
#include "test-usage.h"
#include "mp-error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define backend mp_shared_queue_backend

#define LARGE (8 << 20)

static gpointer
open_queue (guint64 max_bytes)
{
  const MpQueueSettings settings = { .max_bytes = max_bytes };
  MpQueueCall           call = { 0 };
  gpointer              queue = backend.open ("memory:", NULL, &settings, &call);

  g_assert_no_error (call.error);
  return queue;
}

static gpointer
open_again (GUnixFDList *fds)
{
  const MpQueueSettings settings = { 0 };
  MpQueueCall           call = { 0 };
  gpointer              queue = backend.open ("memory:", fds, &settings, &call);

  g_assert_no_error (call.error);
  return queue;
}

static void
put (gpointer queue,
     gsize    size)
{
  g_autofree guint8 *payload = g_malloc0 (size);
  const MpQueueItem  item = { payload, size, 2 };
  MpQueueCall        call = { 0 };
  guint              n_put;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_OK);
}

/* A message larger than the queue's max-bytes is refused whatever its header says. */
static void
test_size (void)
{
  const guint64         max_bytes = 1 << 20;
  gpointer              maker = open_queue (1 << 26);
  gpointer              reader;
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueDelivery       delivery = { 0 };
  MpQueueCall           call = { 0 };
  guint                 n_got;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (maker, fds, NULL);

  g_assert_nonnull (uri);
  g_assert_cmpint (pwrite (g_unix_fd_list_peek_fds (fds, NULL)[0], &max_bytes, sizeof max_bytes,
                           G_STRUCT_OFFSET (MpConfig, max_bytes)),
                   ==, sizeof max_bytes);
  reader = open_again (fds);
  put (maker, LARGE);
  g_assert_cmpint (backend.get (reader, &delivery, 1, &accepted, &call, &n_got), ==,
                   MP_QUEUE_DAMAGED);
  g_assert_null (delivery.data);
  backend.free (reader);
  backend.free (maker);
}

/* The pipe is full, and another process, which has the same open file description as the one that
 * was passed on, makes writes to it wait: wake-ups work all the same. */
static void
test_full_bell (void)
{
  gpointer maker = open_queue (0);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (maker, fds, NULL);
  gpointer         waiter = open_again (fds);
  MpQueueBell     *bell = backend.bell_new (waiter, MP_QUEUE_WAIT_ITEMS, NULL);
  struct pollfd    fd = { backend.bell_fd (bell), POLLIN, 0 };
  int              bell_fd = g_unix_fd_list_peek_fds (fds, NULL)[1];

  g_assert_nonnull (uri);
  while (write (bell_fd, "x", 1) == 1)
    ;
  g_assert_cmpint (errno, ==, EAGAIN);
  g_assert_cmpint (fcntl (bell_fd, F_SETFL, 0), ==, 0);
  backend.bell_arm (waiter, bell, TRUE);
  g_assert_cmpint (poll (&fd, 1, 0), ==, 0);
  put (maker, 10);
  g_assert_cmpint (poll (&fd, 1, 5000), ==, 1);

  g_assert_cmpint (fcntl (bell_fd, F_SETFL, O_NONBLOCK), ==, 0);
  while (write (bell_fd, "x", 1) == 1)
    ;
  g_assert_cmpint (fcntl (bell_fd, F_SETFL, 0), ==, 0);
  backend.bell_arm (waiter, bell, TRUE);
  put (waiter, 10);

  backend.bell_free (waiter, bell);
  backend.free (waiter);
  backend.free (maker);
}

/* A name without a terminator, or with invalid characters, counts as no name. */
static void
test_name (void)
{
  const char *const     names[] = { "a\033[2J", "/etc/passwd",
                                    "a23456789-123456789-123456789-123456789-123456789-123456789-1234" };
  const MpQueueSettings settings = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gpointer     maker = open_queue (0);
      MpQueueCall  call = { 0 };
      const gssize size = (gssize) MIN (strlen (names[i]) + 1, MP_QUEUE_NAME_SIZE);
      g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
      g_autofree char *uri = backend.describe (maker, fds, NULL);

      g_assert_nonnull (uri);
      g_assert_cmpint (pwrite (g_unix_fd_list_peek_fds (fds, NULL)[0], names[i], (gsize) size,
                               G_STRUCT_OFFSET (MpConfig, name)),
                       ==, size);
      g_assert_null (backend.open ("memory:", fds, &settings, &call));
      g_assert_error (call.error, MP_ERROR, MP_ERROR_DAMAGED);
      g_clear_error (&call.error);
      backend.free (maker);
    }
}

static MpQueueStatus
get (gpointer queue)
{
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueDelivery       delivery = { 0 };
  MpQueueCall           call = { 0 };
  guint                 n_got;
  MpQueueStatus         status = backend.get (queue, &delivery, 1, &accepted, &call, &n_got);

  if (status == MP_QUEUE_OK)
    g_free (delivery.data);
  return status;
}

/* A head that points to empty memory: the queue does not look empty for ever. */
static void
test_lost_head (void)
{
  gpointer      queue = open_queue (0);
  MpMemory     *memory = &((MpSharedQueue *) queue)->memory;
  const gint64  deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;
  guint64       word = memory->head->word;
  MpQueueStatus status;

  put (queue, 10);
  mp_store (&memory->head->word,
            mp_word (mp_word_count (word), mp_word_offset (word) + MP_SEGMENT_SIZE / 2));
  while ((status = get (queue)) == MP_QUEUE_EMPTY)
    g_assert_cmpint (g_get_monotonic_time (), <, deadline);
  g_assert_cmpint (status, ==, MP_QUEUE_DAMAGED);
  backend.free (queue);
}

/* A tail that counts messages that do not exist: the queue does not look full for ever. */
static void
test_lost_tail (void)
{
  gpointer          queue = open_queue (0);
  MpMemory         *memory = &((MpSharedQueue *) queue)->memory;
  const MpQueueItem item = { (const guint8 *) "x", 1, 2 };
  MpQueueCall       call = { 0 };
  guint64           word = memory->tail->word;
  guint             n_put;

  mp_store (&memory->tail->word, mp_word (MP_MAX_COUNT, mp_word_offset (word)));
  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_DAMAGED);
  backend.free (queue);
}

/* Whatever the counters say, a message can be put into an empty queue. */
static void
test_lost_count (void)
{
  gpointer  queue = open_queue (0);
  MpMemory *memory = &((MpSharedQueue *) queue)->memory;

  mp_store (&memory->tail->n_bytes, G_GUINT64_CONSTANT (1) << 40);
  for (guint i = 0; i < 3; i++)
    {
      put (queue, 10);
      g_assert_cmpint (get (queue), ==, MP_QUEUE_OK);
    }
  backend.free (queue);
}

static int
wait_for_space (gpointer queue)
{
  MpQueueCall call = { .timeout_us = -1 };

  return backend.wait (queue, MP_QUEUE_WAIT_SPACE, &call) == MP_QUEUE_DAMAGED ? 0 : 1;
}

/* Sleepers are woken by the process that finds the damage, not only by their own checks. */
static void
test_damage_wakes (void)
{
  const MpQueueSettings settings = { .max_size = 1 };
  MpQueueCall           call = { 0 };
  gpointer              queue = backend.open ("memory:", NULL, &settings, &call);
  MpMemory             *memory = &((MpSharedQueue *) queue)->memory;
  MpWaits              *waits = memory->waits[MP_QUEUE_WAIT_SPACE];
  MpQueueBell          *bell = backend.bell_new (queue, MP_QUEUE_WAIT_DONE, NULL);
  struct pollfd         fd = { backend.bell_fd (bell), POLLIN, 0 };
  pid_t                 pid;

  put (queue, 10);
  pid = test_fork (wait_for_space, queue);
  while (mp_waits_count_sleeping (waits) == 0)
    g_usleep (1000);
  backend.bell_arm (queue, bell, TRUE);

  mp_store (mp_memory_word_at (memory, mp_word_offset (memory->head->word)), G_MAXUINT64);
  g_assert_cmpint (get (queue), ==, MP_QUEUE_DAMAGED);
  g_assert_cmpuint (mp_waits_count_sleeping (waits), ==, 0);
  g_assert_cmpint (poll (&fd, 1, 0), ==, 1);
  test_wait_child (pid, 0);

  backend.bell_free (queue, bell);
  backend.free (queue);
}

static int
get_in_child (gpointer queue)
{
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueDelivery       delivery = { 0 };
  MpQueueCall           call = { .timeout_us = -1 };
  guint                 n_got;

  return backend.get (queue, &delivery, 1, &accepted, &call, &n_got) == MP_QUEUE_OK ? 0 : 1;
}

/* A sleeper that is no longer marked as one, so that nobody wakes it, finds out by itself. */
static void
test_lost_sleeper (void)
{
  gpointer queue = open_queue (0);
  MpWaits *waits = ((MpSharedQueue *) queue)->memory.waits[MP_QUEUE_WAIT_ITEMS];
  pid_t    pid = test_fork (get_in_child, queue);

  while (mp_waits_count_sleeping (waits) == 0)
    g_usleep (1000);
  test_wait_asleep (pid);
  for (guint i = 0; i < MP_N_WAIT_WORDS; i++)
    mp_store (&waits->words[i].sleeping, 0);
  put (queue, 10);
  alarm (60);
  test_wait_child (pid, 0);
  alarm (0);
  backend.free (queue);
}

/* --- Numbers that change all the time ---------------------------------------------------- */

#define N_READS 200000

static guint32 is_over;

static gpointer
change_counts (gpointer user_data)
{
  MpMemory *memory = user_data;

  for (guint32 n = 1; !mp_load (&is_over); n ^= G_MAXUINT32)
    {
      mp_store (&memory->state->n_participants, n);
      mp_store (&memory->arena->n_leases_used, n);
      mp_store (&memory->waits[MP_QUEUE_WAIT_ITEMS]->n_words, n);
    }
  return NULL;
}

/* A number that was checked is not read again. */
static void
test_changing_counts (void)
{
  const guint n = test_fewer_under_valgrind (N_READS);
  gpointer    queue = open_queue (0);
  MpMemory   *memory = &((MpSharedQueue *) queue)->memory;
  GThread    *thread = g_thread_new ("change", change_counts, memory);

  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (mp_slots_count (memory), <=, MP_N_PARTICIPANTS);
      g_assert_cmpuint (mp_lease_count_used (memory), <=, MP_N_LEASES);
      g_assert_cmpuint (mp_waits_count_words (memory->waits[MP_QUEUE_WAIT_ITEMS]), <=,
                        MP_N_WAIT_WORDS);
    }
  mp_store (&is_over, 1);
  g_thread_join (thread);
  mp_store (&memory->state->n_participants, 1);
  mp_store (&memory->arena->n_leases_used, 0);
  mp_store (&memory->waits[MP_QUEUE_WAIT_ITEMS]->n_words, 0);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hostile/name", test_name);
  g_test_add_func ("/hostile/size", test_size);
  g_test_add_func ("/hostile/full-bell", test_full_bell);
  g_test_add_func ("/hostile/lost-head", test_lost_head);
  g_test_add_func ("/hostile/lost-tail", test_lost_tail);
  g_test_add_func ("/hostile/lost-count", test_lost_count);
  g_test_add_func ("/hostile/damage-wakes", test_damage_wakes);
  g_test_add_func ("/hostile/lost-sleeper", test_lost_sleeper);
  g_test_add_func ("/hostile/changing-counts", test_changing_counts);
  return g_test_run ();
}
