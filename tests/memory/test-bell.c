/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bells, which wake main loops. */

#include "config.h"

#include <poll.h>

#include "memory/bell.h"
#include "memory/waiters.h"
#include "test-memory.h"

static const MpQueueCondition condition = 0;

static MpBell *
make_bell (MpMemory *memory)
{
  g_autoptr (GError) error = NULL;
  MpBell *bell = mp_bell_new (memory, condition, &error);

  g_assert_no_error (error);
  return bell;
}

static gboolean
rings (MpBell *bell)
{
  struct pollfd fd = { .fd = mp_bell_get_fd (bell), .events = POLLIN };

  return poll (&fd, 1, 0) == 1;
}

static void
test_rings (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  MpBell  *bell;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  bell = make_bell (&one);
  mp_bell_arm (bell, FALSE);
  g_assert_false (rings (bell));

  mp_waiters_wake (&other, condition, 1);
  g_assert_true (rings (bell));

  /* After arming, it is silent until the next wake-up. */
  mp_bell_arm (bell, TRUE);
  g_assert_false (rings (bell));
  mp_waiters_wake (&other, condition, 1);
  g_assert_true (rings (bell));

  mp_bell_free (bell);
  test_memory_close (&other);
  test_memory_close (&one);
}

/* Several bells are woken, and none consumes the wake-up of another. */
static void
test_several (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  MpBell  *bells[3];

  test_memory_create (&one);
  test_memory_open (&other, &one);
  bells[0] = make_bell (&one);
  bells[1] = make_bell (&one);
  bells[2] = make_bell (&other);
  for (guint i = 0; i < G_N_ELEMENTS (bells); i++)
    mp_bell_arm (bells[i], FALSE);

  mp_waiters_wake (&other, condition, 1);
  g_assert_true (rings (bells[0]));
  mp_bell_arm (bells[0], TRUE);
  g_assert_true (rings (bells[1]));
  g_assert_true (rings (bells[2]));

  for (guint i = 0; i < G_N_ELEMENTS (bells); i++)
    mp_bell_free (bells[i]);
  test_memory_close (&other);
  test_memory_close (&one);
}

/* While held, it stays readable without any wake-up. */
static void
test_held (void)
{
  MpMemory memory = { 0 };
  MpBell  *bell;

  test_memory_create (&memory);
  bell = make_bell (&memory);
  mp_bell_arm (bell, FALSE);
  mp_bell_hold (bell, TRUE);
  g_assert_true (rings (bell));
  g_assert_true (rings (bell));
  mp_bell_hold (bell, FALSE);
  g_assert_false (rings (bell));
  mp_bell_free (bell);
  test_memory_close (&memory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memory/bell/rings", test_rings);
  g_test_add_func ("/memory/bell/several", test_several);
  g_test_add_func ("/memory/bell/held", test_held);

  return g_test_run ();
}
