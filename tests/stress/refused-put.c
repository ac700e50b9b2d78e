/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A put that is refused since the queue is full, while a consumer makes room: the refused call must
 * not take this for a lack of memory, for which it would then wait. */

#include "config.h"

#include "one-message.h"

#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>

#define SIZE 8

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static gpointer queue;

/* Called when the put has released the lock under which it found no room. */
static void
make_room (const char *name)
{
  if (!g_str_equal (name, "lock/released"))
    return;
  mp_step_hook = NULL;
  get_one (queue);
}

static void
test_room_meanwhile (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN, .max_size = 2 };
  MpQueueCall           call = { 0 };

  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  g_assert_cmpint (put_one (queue, SIZE), ==, MP_QUEUE_OK);
  g_assert_cmpint (put_one (queue, SIZE), ==, MP_QUEUE_OK);
  g_assert_false (backend.check (queue, MP_QUEUE_WAIT_SPACE));

  mp_step_hook = make_room;
  g_assert_cmpint (put_one (queue, SIZE), ==, MP_QUEUE_FULL);
  g_assert_null (mp_step_hook);
  g_assert_true (backend.check (queue, MP_QUEUE_WAIT_SPACE));
  g_assert_cmpint (put_one (queue, SIZE), ==, MP_QUEUE_OK);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/refused-put/room-meanwhile", test_room_meanwhile);
  return g_test_run ();
}
