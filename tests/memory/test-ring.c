/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order of messages: those appended at the tail are found at the head. */

#include "config.h"

#include <string.h>

#include "test-memory.h"

static MpRingStatus
append (MpMemory   *memory,
        const char *text)
{
  const MpQueueItem item = { (const guint8 *) text, strlen (text), 7, NULL };
  guint             n_appended = 0;
  MpRingStatus      status;

  g_assert_true (mp_lock_take (memory, MP_LOCK_TAIL));
  status = mp_ring_append (memory, &item, 1, 0, &n_appended);
  mp_unlock (memory, MP_LOCK_TAIL);
  g_assert_cmpuint (n_appended, ==, status == MP_RING_OK ? 1 : 0);
  return status;
}

static MpRingStatus
take (MpMemory *memory,
      char    **text)
{
  MpRecord     record;
  MpRingStatus status;

  g_assert_true (mp_lock_take (memory, MP_LOCK_HEAD));
  status = mp_ring_peek (memory, &record);
  if (status == MP_RING_OK)
    {
      g_assert_cmpuint (record.tag, ==, 7);
      g_assert_cmpuint (record.block, ==, 0);
      *text = g_strndup (mp_memory_at (memory, record.payload), record.size);
      mp_ring_advance (memory, &record);
    }
  mp_unlock (memory, MP_LOCK_HEAD);
  return status;
}

static void
assert_next (MpMemory   *memory,
             const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_cmpint (take (memory, &text), ==, MP_RING_OK);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_order (void)
{
  MpMemory one = { 0 };
  MpMemory other = { 0 };
  char    *text = NULL;

  test_memory_create (&one);
  test_memory_open (&other, &one);
  g_assert_cmpint (take (&one, &text), ==, MP_RING_EMPTY);
  g_assert_false (mp_ring_has_items (&one));

  g_assert_cmpint (append (&one, "first"), ==, MP_RING_OK);
  g_assert_cmpint (append (&other, ""), ==, MP_RING_OK);
  g_assert_cmpint (append (&one, "third"), ==, MP_RING_OK);
  g_assert_true (mp_ring_has_items (&other));
  g_assert_cmpuint (mp_ring_count (&other), ==, 3);
  g_assert_cmpuint (mp_memory_count_bytes (&one), ==, 10);

  assert_next (&other, "first");
  assert_next (&one, "");
  assert_next (&other, "third");
  g_assert_cmpint (take (&one, &text), ==, MP_RING_EMPTY);
  g_assert_cmpuint (mp_ring_count (&one), ==, 0);
  g_assert_cmpuint (mp_memory_count_bytes (&one), ==, 0);
  g_assert_cmpuint (mp_ring_count_total (&one), ==, 3);

  test_memory_close (&other);
  test_memory_close (&one);
}

static void
test_bounds (void)
{
  MpMemory memory = { 0 };

  test_memory_create_bounded (&memory, 2);
  g_assert_true (mp_ring_has_small_room (&memory));
  g_assert_cmpint (append (&memory, "one"), ==, MP_RING_OK);
  g_assert_cmpint (append (&memory, "two"), ==, MP_RING_OK);
  g_assert_cmpint (append (&memory, "three"), ==, MP_RING_FULL);
  g_assert_false (mp_ring_has_room (&memory, 1));

  assert_next (&memory, "one");
  g_assert_true (mp_ring_has_room (&memory, 1));
  g_assert_cmpint (append (&memory, "three"), ==, MP_RING_OK);
  assert_next (&memory, "two");
  assert_next (&memory, "three");
  test_memory_close (&memory);
}

static void
test_many_at_once (void)
{
  const MpQueueItem items[3] = {
    { (const guint8 *) "a", 1, 7, NULL },
    { (const guint8 *) "b", 1, 7, NULL },
    { (const guint8 *) "c", 1, 7, NULL },
  };
  MpMemory     memory = { 0 };
  guint        n_appended = 0;
  MpRingStatus status;

  test_memory_create_bounded (&memory, 2);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_TAIL));
  status = mp_ring_append (&memory, items, G_N_ELEMENTS (items), 0, &n_appended);
  mp_unlock (&memory, MP_LOCK_TAIL);
  g_assert_cmpint (status, ==, MP_RING_OK);
  g_assert_cmpuint (n_appended, ==, 2);
  assert_next (&memory, "a");
  assert_next (&memory, "b");
  test_memory_close (&memory);
}

/* So many messages that segments are linked and freed again, with sizes that do not divide a
 * segment. */
static void
test_segments (void)
{
  MpMemory memory = { 0 };
  guint    n_put = 0;
  guint    n_got = 0;

  test_memory_create (&memory);
  for (guint round = 0; round < 20; round++)
    {
      for (guint i = 0; i < 500; i++, n_put++)
        {
          g_autofree char *text = g_strdup_printf ("%u%*s", n_put, (int) (n_put % 97), "");

          g_assert_cmpint (append (&memory, text), ==, MP_RING_OK);
        }
      for (guint i = 0; i < 500; i++, n_got++)
        {
          g_autofree char *text = g_strdup_printf ("%u%*s", n_got, (int) (n_got % 97), "");

          assert_next (&memory, text);
        }
    }
  test_memory_close (&memory);
}

static gboolean
count_visit (MpMemory *memory,
             guint64   offset,
             gpointer  user_data)
{
  g_assert_true (mp_memory_contains (memory, offset, 1));
  *(guint *) user_data += 1;
  return TRUE;
}

static void
test_walk (void)
{
  MpMemory memory = { 0 };
  guint    n_visits = 0;
  guint64  n_bytes = 0;

  test_memory_create (&memory);
  g_assert_cmpint (append (&memory, "12345"), ==, MP_RING_OK);
  g_assert_cmpint (append (&memory, "123"), ==, MP_RING_OK);

  g_assert_true (mp_lock_take (&memory, MP_LOCK_HEAD));
  g_assert_true (mp_lock_take (&memory, MP_LOCK_TAIL));
  g_assert_true (mp_ring_walk (&memory, count_visit, &n_visits, &n_bytes));
  mp_unlock (&memory, MP_LOCK_TAIL);
  mp_unlock (&memory, MP_LOCK_HEAD);
  g_assert_cmpuint (n_visits, ==, 1);
  g_assert_cmpuint (n_bytes, ==, 8);
  test_memory_close (&memory);
}

/* A segment that begins with a link to itself. */
static void
test_circle (void)
{
  MpMemory memory = { 0 };
  char    *text = NULL;
  guint    n_visits = 0;
  guint64  n_bytes = 0, segment;

  test_memory_create (&memory);
  segment = mp_word_offset (mp_load (&memory.head->word));
  *mp_memory_word_at (&memory, segment + 8) = segment;
  *mp_memory_word_at (&memory, segment) = mp_header (MP_RECORD_LINK, 0, 0, 0);

  g_assert_cmpint (take (&memory, &text), ==, MP_RING_DAMAGED);
  g_assert_true (mp_lock_take (&memory, MP_LOCK_HEAD));
  g_assert_true (mp_lock_take (&memory, MP_LOCK_TAIL));
  g_assert_false (mp_ring_walk (&memory, count_visit, &n_visits, &n_bytes));
  mp_ring_repair_tail (&memory);
  mp_unlock (&memory, MP_LOCK_TAIL);
  mp_unlock (&memory, MP_LOCK_HEAD);
  g_assert_cmpuint (mp_load (&memory.state->damaged), ==, 1);
  test_memory_close (&memory);
}

/* Damage by a stray store or a hostile process is found, and the queue is marked as damaged. */
static void
test_damaged (void)
{
  MpMemory memory = { 0 };
  char    *text = NULL;

  test_memory_create (&memory);
  g_assert_cmpint (append (&memory, "text"), ==, MP_RING_OK);
  mp_store (&memory.head->word, mp_word (0, memory.mapped_size - 16));
  g_assert_cmpint (take (&memory, &text), ==, MP_RING_DAMAGED);
  test_memory_close (&memory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/memory/ring/order", test_order);
  g_test_add_func ("/memory/ring/bounds", test_bounds);
  g_test_add_func ("/memory/ring/many-at-once", test_many_at_once);
  g_test_add_func ("/memory/ring/segments", test_segments);
  g_test_add_func ("/memory/ring/walk", test_walk);
  g_test_add_func ("/memory/ring/damaged", test_damaged);
  g_test_add_func ("/memory/ring/circle", test_circle);

  return g_test_run ();
}
