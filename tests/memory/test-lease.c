/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages in somebody's hands. */

#include "config.h"

#include "memory/arena.h"
#include "memory/lease.h"
#include "test-memory.h"

static void
test_owner_word (void)
{
  guint64 owner = mp_lease_owner (MP_LEASE_ORPHAN, 300, 70000);

  g_assert_cmpint (mp_lease_state (owner), ==, MP_LEASE_ORPHAN);
  g_assert_cmpuint (mp_lease_participant (owner), ==, 300);
  g_assert_cmpuint (owner >> 32, ==, 70000);
}

static guint32
take (MpMemory    *memory,
      MpLeaseState state,
      guint64      serial)
{
  guint32  lease;
  MpLease *slot;

  mp_lock (memory, MP_LOCK_ARENA);
  lease = mp_lease_take (memory);
  g_assert_cmpuint (lease, >, 0);
  slot = mp_memory_lease (memory, lease - 1);
  slot->serial = serial;
  slot->block = 0;
  mp_store (&slot->owner,
            mp_lease_owner (state, memory->participant,
                            mp_memory_participant (memory, memory->participant)->generation));
  mp_unlock (memory, MP_LOCK_ARENA);
  return lease;
}

static void
end (MpMemory *memory,
     guint32   lease)
{
  mp_lock (memory, MP_LOCK_ARENA);
  mp_lease_end (memory, lease);
  mp_unlock (memory, MP_LOCK_ARENA);
}

static void
test_states (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  guint32  held, old, older;
  guint64  owner;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_cmpuint (mp_lease_find_orphan (&one), ==, 0);

  held = take (&one, MP_LEASE_HELD, 1);
  old = take (&one, MP_LEASE_ORPHAN, 3);
  older = take (&other, MP_LEASE_ORPHAN, 2);
  g_assert_cmpuint (mp_lease_count (&other, MP_LEASE_HELD), ==, 1);
  g_assert_cmpuint (mp_lease_count (&other, MP_LEASE_ORPHAN), ==, 2);

  owner = mp_memory_lease (&one, held - 1)->owner;
  g_assert_true (mp_lease_is_own (&one, owner));
  g_assert_false (mp_lease_is_own (&other, owner));

  /* The oldest comes first. */
  g_assert_cmpuint (mp_lease_find_orphan (&one), ==, older);
  end (&one, older);
  g_assert_cmpuint (mp_lease_find_orphan (&other), ==, old);
  g_assert_cmpuint (mp_lease_find_dead (&other), ==, 0);

  test_memory_close (&other);
  test_memory_close (&one);
}

static void
test_used_again (void)
{
  MpMemory memory = { 0 };
  guint32  leases[3];

  test_memory_create (&memory);
  for (guint i = 0; i < G_N_ELEMENTS (leases); i++)
    leases[i] = take (&memory, MP_LEASE_HELD, i);
  end (&memory, leases[1]);
  g_assert_cmpuint (take (&memory, MP_LEASE_HELD, 4), ==, leases[1]);
  g_assert_cmpuint (mp_lease_count_used (&memory), ==, 3);

  /* The list of free ones can be made again from nothing. */
  end (&memory, leases[0]);
  mp_lock (&memory, MP_LOCK_ARENA);
  mp_store (&memory.arena->free_lease, 0);
  mp_lease_rebuild_free (&memory);
  mp_unlock (&memory, MP_LOCK_ARENA);
  g_assert_cmpuint (take (&memory, MP_LEASE_HELD, 5), ==, leases[0]);
  test_memory_close (&memory);
}

/* The block of a message goes with its lease. */
static void
test_block (void)
{
  MpMemory memory = { 0 };
  guint32  lease;
  guint64  block = 0;
  guint    n_before;

  test_memory_create (&memory);
  lease = take (&memory, MP_LEASE_HELD, 1);
  mp_lock (&memory, MP_LOCK_ARENA);
  n_before = mp_arena_get_n_used (&memory);
  g_assert_cmpint (mp_arena_allocate (&memory, 100000, &block), ==, MP_ARENA_OK);
  mp_memory_lease (&memory, lease - 1)->block = block;
  mp_lease_end (&memory, lease);
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, n_before);
  mp_unlock (&memory, MP_LOCK_ARENA);
  test_memory_close (&memory);
}

/* A list of free leases that names one that is held is refused. */
static void
test_damaged (void)
{
  MpMemory memory = { 0 };
  guint32  lease;

  test_memory_create (&memory);
  lease = take (&memory, MP_LEASE_HELD, 1);
  mp_lock (&memory, MP_LOCK_ARENA);
  mp_store (&memory.arena->free_lease, lease);
  g_assert_cmpuint (mp_lease_take (&memory), ==, 0);
  mp_unlock (&memory, MP_LOCK_ARENA);
  g_assert_cmpuint (mp_load (&memory.state->damaged), ==, 1);
  test_memory_close (&memory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memory/lease/owner-word", test_owner_word);
  g_test_add_func ("/memory/lease/states", test_states);
  g_test_add_func ("/memory/lease/used-again", test_used_again);
  g_test_add_func ("/memory/lease/block", test_block);
  g_test_add_func ("/memory/lease/damaged", test_damaged);

  return g_test_run ();
}
