/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "base/mp-processors.h"
#include "base/mp-spin.h"

/* Long enough for some checks even if other programs preempt this one. */
#define LIMIT_NS (1000 * 1000)

/* More waits than those after which spinning is tried again. */
#define N_WAITS 1000
#define N_TRIES 100

typedef struct
{
  guint n_looks;
  guint n_enough;
} Looks;

static gboolean
look (gpointer data)
{
  Looks *looks = data;

  return ++looks->n_looks >= looks->n_enough;
}

static void
test_comes (void)
{
  MpSpin spin = {
    0,
  };
  Looks looks = { 0, 3 };

  g_assert_true (mp_spin_until (&spin, LIMIT_NS, -1, look, &looks));
  g_assert_cmpuint (looks.n_looks, ==, 3);
}

static void
test_off (void)
{
  MpSpin spin = {
    0,
  };
  Looks looks = { 0, 1 };

  g_assert_false (mp_spin_until (&spin, 0, -1, look, &looks));
  g_assert_cmpuint (looks.n_looks, ==, 0);
}

static void
test_deadline (void)
{
  MpSpin spin = {
    0,
  };
  Looks looks = { 0, 1 };

  g_assert_false (mp_spin_until (&spin, LIMIT_NS, g_get_monotonic_time () - 1, look, &looks));
  g_assert_cmpuint (looks.n_looks, ==, 0);
}

/* Counts how many of @n waits have checked the condition. */
static guint
count_spinning (MpSpin *spin,
                guint   n_enough,
                guint   n)
{
  guint n_spinning = 0;

  for (guint i = 0; i < n; i++)
    {
      Looks looks = { 0, n_enough };

      mp_spin_until (spin, LIMIT_NS, -1, look, &looks);
      n_spinning += looks.n_looks > 0;
    }
  return n_spinning;
}

/* If waits are long, the waiter sleeps; once they are short again, it spins, unless another program
 * has just had the processor. */
static void
test_adapts (void)
{
  MpSpin spin = {
    0,
  };
  guint n_spinning = 0;

  g_assert_cmpuint (count_spinning (&spin, G_MAXUINT, N_WAITS), <, N_WAITS / 20);
  for (guint i = 0; i < N_TRIES && n_spinning < N_WAITS; i++)
    {
      count_spinning (&spin, 1, 100 * N_WAITS);
      n_spinning = count_spinning (&spin, 1, N_WAITS);
    }
  g_assert_cmpuint (n_spinning, ==, N_WAITS);
}

static void
test_setting (void)
{
  /* The processors that this process may use, which may be fewer than there are. */
  guint by_default = mp_processors_count () == 1 ? 0 : MP_SPIN_DEFAULT_US;

  g_unsetenv ("MPROC_GLIB_SPIN_US");
  g_assert_cmpuint (mp_spin_choose_us (), ==, by_default);
  g_setenv ("MPROC_GLIB_SPIN_US", "0", TRUE);
  g_assert_cmpuint (mp_spin_choose_us (), ==, 0);
  g_setenv ("MPROC_GLIB_SPIN_US", "nonsense", TRUE);
  g_assert_cmpuint (mp_spin_choose_us (), ==, by_default);
  g_setenv ("MPROC_GLIB_SPIN_US", "1001", TRUE);
  g_assert_cmpuint (mp_spin_choose_us (), ==, by_default);
}

static gboolean
look_preempted (gpointer data)
{
  Looks *looks = data;
  gint64 end = g_get_monotonic_time () + 2000;

  /* As if another process had the processor for that long. */
  looks->n_looks++;
  while (g_get_monotonic_time () < end)
    ;
  return FALSE;
}

/* Where others need the processor, it is left to them for a good while. */
static void
test_preempted (void)
{
  MpSpin spin = {
    0,
  };
  Looks looks = { 0, 1 };
  guint n_spins = 0;

  g_assert_false (mp_spin_until (&spin, LIMIT_NS, -1, look_preempted, &looks));
  for (guint i = 0; i < N_WAITS; i++)
    n_spins += (guint) mp_spin_until (&spin, LIMIT_NS, -1, look, &looks);
  g_assert_cmpuint (n_spins, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/spin/preempted", test_preempted);
  g_test_add_func ("/spin/comes", test_comes);
  g_test_add_func ("/spin/off", test_off);
  g_test_add_func ("/spin/deadline", test_deadline);
  g_test_add_func ("/spin/adapts", test_adapts);
  g_test_add_func ("/spin/setting", test_setting);

  return g_test_run ();
}
