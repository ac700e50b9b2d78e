/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory is requested from the system before it is needed, and hardly ever with the lock of the
 * head or the tail held: who is stopped meanwhile would stop all others. */

#include "config.h"

#include "one-message.h"

#include "memory/lock.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <string.h>

#define N_MESSAGES 4000
#define SIZE       1000

/* The first segment and the first leases of a queue. */
#define MAX_UNPREPARED 4

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static gpointer queue;
static guint    n_requests, n_under_head, n_under_tail;

static gboolean
holds (MpLockId id)
{
  MpMemory *memory = &((MpSharedQueue *) queue)->memory;

  return mp_load (&mp_memory_participant (memory, memory->participant)->holds[id]) != 0;
}

static void
count_requests (const char *name)
{
  if (!g_str_equal (name, "memory/requested"))
    return;
  n_requests++;
  n_under_head += holds (MP_LOCK_HEAD);
  n_under_tail += holds (MP_LOCK_TAIL);
}

/* A queue that grows to some megabytes, and then as many messages in hand. */
static void
test_requests (gconstpointer data)
{
  const MpQueueSettings settings = { .mode = GPOINTER_TO_UINT (data) };
  MpQueueCall           call = { 0 };

  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  n_requests = n_under_head = n_under_tail = 0;
  mp_step_hook = count_requests;
  for (guint i = 0; i < N_MESSAGES; i++)
    g_assert_cmpint (put_one (queue, SIZE), ==, MP_QUEUE_OK);
  for (guint i = 0; i < N_MESSAGES; i++)
    get_one (queue);
  mp_step_hook = NULL;

  g_test_message ("%u requests, %u with the lock of the head, %u with that of the tail", n_requests,
                  n_under_head, n_under_tail);
  g_assert_cmpuint (n_requests, >, N_MESSAGES * SIZE / MP_SEGMENT_SIZE / 2);
  g_assert_cmpuint (n_under_head, <=, MAX_UNPREPARED);
  g_assert_cmpuint (n_under_tail, <=, MAX_UNPREPARED);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/short-locks/plain", GUINT_TO_POINTER (MP_QUEUE_MODE_PLAIN),
                        test_requests);
  g_test_add_data_func ("/short-locks/acknowledged", GUINT_TO_POINTER (MP_QUEUE_MODE_ACKNOWLEDGED),
                        test_requests);
  return g_test_run ();
}
