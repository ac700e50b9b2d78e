/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leases: messages held by consumers. */

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

  g_assert_true (mp_lock_take (memory, MP_LOCK_ARENA));
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
  g_assert_true (mp_lock_take (memory, MP_LOCK_ARENA));
  mp_lease_end (memory, lease);
  mp_unlock (memory, MP_LOCK_ARENA);
}

static void
make_wait (MpMemory *memory,
           guint32   lease)
{
  g_assert_true (mp_lock_take (memory, MP_LOCK_HEAD));
  mp_lease_wait (memory, lease);
  mp_unlock (memory, MP_LOCK_HEAD);
}

static guint32
count_held (MpMemory *memory,
            MpMemory *holder)
{
  MpHeld  found[MP_LEASE_PORTION];
  guint8  whose[MP_N_PARTICIPANTS] = { 0 };
  guint32 after = 0;

  whose[holder->participant] = 1;
  return mp_lease_find_held (memory, whose, &after, found);
}

/* Returned messages are taken in the order in which they were returned. */
static void
test_waiting (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  guint32  leases[3];
  guint64  owner;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_cmpuint (mp_lease_find_waiting (&one), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (leases); i++)
    leases[i] = take (i == 1 ? &other : &one, MP_LEASE_HELD, i);
  g_assert_cmpuint (count_held (&other, &one), ==, 2);
  g_assert_cmpuint (count_held (&one, &other), ==, 1);
  owner = mp_memory_lease (&one, leases[0] - 1)->owner;
  g_assert_true (mp_lease_is_own (&one, owner));
  g_assert_false (mp_lease_is_own (&other, owner));

  make_wait (&other, leases[1]);
  make_wait (&one, leases[0]);
  g_assert_cmpuint (mp_load (&one.head->n_orphans), ==, 2);
  g_assert_cmpuint (mp_lease_find_waiting (&one), ==, leases[1]);
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  mp_lease_adopt (&one, leases[1], owner);
  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_cmpuint (mp_lease_find_waiting (&other), ==, leases[0]);

  /* A list that is only partly changed is rebuilt. */
  g_assert_true (mp_lock_take (&one, MP_LOCK_HEAD));
  one.head->first_waiting = one.head->last_waiting = one.head->n_orphans = 0;
  one.head->is_changing = 1;
  mp_lease_repair_waiting (&one);
  mp_unlock (&one, MP_LOCK_HEAD);
  g_assert_cmpuint (mp_lease_find_waiting (&other), ==, leases[0]);
  g_assert_cmpuint (mp_load (&one.head->n_orphans), ==, 1);

  test_memory_close (&other);
  test_memory_close (&one);
}

static guint32
take_dead (MpMemory *memory)
{
  const MpDead dead = mp_lease_find_dead (memory);

  if (dead.lease != 0)
    mp_lease_unbury (memory, dead);
  return dead.lease;
}

static void
test_dead (void)
{
  MpMemory memory = { 0 };
  guint32  leases[2];

  test_memory_create (&memory);
  leases[0] = take (&memory, MP_LEASE_HELD, 0);
  leases[1] = take (&memory, MP_LEASE_HELD, 1);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
  g_assert_cmpuint (take_dead (&memory), ==, 0);
  mp_lease_bury (&memory, leases[1], TRUE);
  mp_lease_bury (&memory, leases[0], TRUE);
  g_assert_cmpuint (memory.arena->n_dead, ==, 2);
  memory.arena->is_changing = 1;
  memory.arena->first_dead = memory.arena->last_dead = 0;
  mp_lease_repair_dead (&memory);
  g_assert_cmpuint (memory.arena->n_dead, ==, 2);
  g_assert_cmpuint (take_dead (&memory), !=, 0);
  g_assert_cmpuint (take_dead (&memory), !=, 0);
  g_assert_cmpuint (take_dead (&memory), ==, 0);
  mp_unlock (&memory, MP_LOCK_ARENA);
  test_memory_close (&memory);
}

static guint32
take_dead_of (MpMemory      *memory,
              guint64        serial,
              MpLeaseSearch *search)
{
  MpDead dead;

  g_assert_true (mp_lock_take (memory, MP_LOCK_ARENA));
  dead = mp_lease_find_dead_of (memory, serial, search);
  if (dead.lease != 0)
    mp_lease_unbury (memory, dead);
  mp_unlock (memory, MP_LOCK_ARENA);
  return dead.lease;
}

/* A search looks at a portion at a time, and finds its way when the list changes in between. */
static void
test_dead_by_serial (void)
{
  const guint   n = 2 * MP_LEASE_PORTION + 1;
  MpMemory      memory = { 0 };
  MpLeaseSearch search = { 0 }, other = { 0 };

  test_memory_create (&memory);
  for (guint i = 0; i < n; i++)
    {
      guint32 lease = take (&memory, MP_LEASE_HELD, i);

      g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
      mp_lease_bury (&memory, lease, TRUE);
      mp_unlock (&memory, MP_LOCK_ARENA);
    }

  g_assert_cmpuint (take_dead_of (&memory, n - 1, &search), ==, 0);
  g_assert_true (search.goes_on);
  /* What it stopped at is taken by another search. */
  g_assert_cmpuint (take_dead_of (&memory, MP_LEASE_PORTION - 1, &other), !=, 0);
  g_assert_false (other.goes_on);
  g_assert_cmpuint (take_dead_of (&memory, n - 1, &search), ==, 0);
  g_assert_true (search.goes_on);
  g_assert_cmpuint (take_dead_of (&memory, n - 1, &search), !=, 0);
  g_assert_cmpuint (memory.arena->n_dead, ==, n - 2);

  search = (MpLeaseSearch){ 0 };
  while (take_dead_of (&memory, n - 1, &search) == 0 && search.goes_on)
    ;
  g_assert_false (search.goes_on);

  /* One without an end. */
  mp_memory_lease (&memory, memory.arena->first_dead - 1)->next = memory.arena->first_dead;
  search = (MpLeaseSearch){ 0 };
  while (take_dead_of (&memory, n - 1, &search) == 0 && search.goes_on)
    ;
  g_assert_false (search.goes_on);
  test_memory_close (&memory);
}

/* The lowest free lease is taken, so that the table shrinks again. */
static void
test_used_again (void)
{
  MpMemory memory = { 0 };
  guint32  leases[200];

  test_memory_create (&memory);
  for (guint i = 0; i < G_N_ELEMENTS (leases); i++)
    leases[i] = take (&memory, MP_LEASE_HELD, i);
  g_assert_cmpuint (mp_lease_count_used (&memory), ==, 200);
  end (&memory, leases[100]);
  end (&memory, leases[1]);
  g_assert_cmpuint (take (&memory, MP_LEASE_HELD, 4), ==, leases[1]);
  g_assert_cmpuint (mp_lease_count_used (&memory), ==, 200);

  for (guint i = 70; i < G_N_ELEMENTS (leases); i++)
    if (i != 100)
      end (&memory, leases[i]);
  g_assert_cmpuint (mp_lease_count_used (&memory), ==, 70);
  test_memory_close (&memory);
}

static void
count_block (MpMemory *memory,
             guint64   block,
             gpointer  user_data)
{
  guint *n = user_data;

  ++*n;
}

/* A lease that was taken and never held is free again after a recovery. */
static void
test_take_stock (void)
{
  MpMemory memory = { 0 };
  guint32  counts[MP_N_LEASE_STATES];
  guint32  lost, held;
  guint    n_blocks = 0;

  test_memory_create (&memory);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
  lost = mp_lease_take (&memory);
  mp_unlock (&memory, MP_LOCK_ARENA);
  held = take (&memory, MP_LEASE_HELD, 1);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
  mp_lease_take_stock (&memory, counts, count_block, &n_blocks);
  g_assert_cmpuint (counts[MP_LEASE_HELD], ==, 1);
  g_assert_cmpuint (counts[MP_LEASE_ORPHAN], ==, 0);
  g_assert_cmpuint (n_blocks, ==, 1);
  g_assert_false (mp_lease_is_used (&memory, lost));
  g_assert_true (mp_lease_is_used (&memory, held));
  mp_unlock (&memory, MP_LOCK_ARENA);
  test_memory_close (&memory);
}

/* The block of a message is freed with its lease. */
static void
test_block (void)
{
  MpMemory memory = { 0 };
  guint32  lease;
  guint64  block = 0;
  guint    n_before;

  test_memory_create (&memory);
  lease = take (&memory, MP_LEASE_HELD, 1);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
  n_before = mp_arena_get_n_used (&memory);
  g_assert_cmpint (mp_arena_allocate (&memory, 100000, &block), ==, MP_ARENA_OK);
  mp_memory_lease (&memory, lease - 1)->block = block;
  mp_lease_end (&memory, lease);
  g_assert_cmpuint (mp_arena_get_n_used (&memory), ==, n_before);
  mp_unlock (&memory, MP_LOCK_ARENA);
  test_memory_close (&memory);
}

/* A map in which a held lease is marked as free is detected as damage. */
static void
test_damaged (void)
{
  MpMemory memory = { 0 };

  test_memory_create (&memory);
  take (&memory, MP_LEASE_HELD, 1);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_ARENA));
  memory.lease_map->used[0] = 0;
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
  g_test_add_func ("/memory/lease/waiting", test_waiting);
  g_test_add_func ("/memory/lease/dead", test_dead);
  g_test_add_func ("/memory/lease/dead-by-serial", test_dead_by_serial);
  g_test_add_func ("/memory/lease/used-again", test_used_again);
  g_test_add_func ("/memory/lease/take-stock", test_take_stock);
  g_test_add_func ("/memory/lease/block", test_block);
  g_test_add_func ("/memory/lease/damaged", test_damaged);

  return g_test_run ();
}
