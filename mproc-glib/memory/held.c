/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "held.h"

#include "lock.h"

/* How many leases are returned to the queue under one lock. */
#define RETURN_PORTION 256

static gboolean
take (MpMemory *self,
      MpLockId  id,
      guint32   word)
{
  return word != 0 ? mp_lock_take_as (self, id, word) : mp_lock_take (self, id);
}

static void
release (MpMemory *self,
         MpLockId  id,
         guint32   word)
{
  if (word != 0)
    mp_lock_release_as (self, id, word);
  else
    mp_unlock (self, id);
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  const MpHeld *left = a, *right = b;

  if (left->participant != right->participant)
    return (left->participant > right->participant) - (left->participant < right->participant);
  return (left->serial > right->serial) - (left->serial < right->serial);
}

/* One scan for all participants, in portions. */
GArray *
mp_held_find (MpMemory     *self,
              const guint8 *whose,
              guint32       word)
{
  g_autofree MpHeld *found = g_new (MpHeld, MP_LEASE_PORTION);
  g_autoptr (GArray) held = g_array_new (FALSE, FALSE, sizeof (MpHeld));
  guint32 after = 0;

  do
    {
      guint32 n;

      if (!take (self, MP_LOCK_ARENA, word))
        return NULL;
      n = mp_lease_find_held (self, whose, &after, found);
      release (self, MP_LOCK_ARENA, word);
      g_array_append_vals (held, found, n);
    }
  while (after != 0);

  g_array_sort (held, compare);
  return g_steal_pointer (&held);
}

/* Returns one lease, if the participant still holds it: the repair of the head may have undone its
 * last claim.  The caller holds the head and the arena lock.  Returns whether the message can be
 * delivered again. */
static gboolean
return_lease (MpMemory     *self,
              const MpHeld *held)
{
  guint64 owner = mp_load (&mp_memory_lease (self, held->lease - 1)->owner);

  if (mp_lease_participant (owner) != held->participant)
    return FALSE;
  if (mp_lease_state (owner) == MP_LEASE_DEAD_HELD)
    mp_lease_bury (self, held->lease, FALSE);
  else if (mp_lease_state (owner) == MP_LEASE_HELD && mp_lease_is_exhausted (self, held->lease))
    mp_lease_bury (self, held->lease, TRUE);
  else if (mp_lease_state (owner) == MP_LEASE_HELD)
    mp_lease_wait (self, held->lease);
  MP_STEP ("recovery/orphaned");
  return mp_lease_state (owner) == MP_LEASE_HELD;
}

static gboolean
return_portion (MpMemory     *self,
                const MpHeld *held,
                guint         n,
                guint32       word,
                guint        *n_returned)
{
  if (!take (self, MP_LOCK_HEAD, word))
    return FALSE;
  if (!take (self, MP_LOCK_ARENA, word))
    {
      release (self, MP_LOCK_HEAD, word);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    *n_returned += return_lease (self, &held[i]);
  release (self, MP_LOCK_ARENA, word);
  release (self, MP_LOCK_HEAD, word);
  return TRUE;
}

gboolean
mp_held_return (MpMemory *self,
                GArray   *held,
                guint    *next,
                guint     participant,
                guint32   word,
                guint    *n_returned)
{
  guint end = *next;

  while (end < held->len && g_array_index (held, MpHeld, end).participant == participant)
    end++;
  while (*next < end)
    {
      guint n = MIN (end - *next, RETURN_PORTION);

      if (!return_portion (self, &g_array_index (held, MpHeld, *next), n, word, n_returned))
        return FALSE;
      *next += n;
    }
  return TRUE;
}

gboolean
mp_held_return_own (MpMemory *self,
                    guint    *n_returned)
{
  guint8 whose[MP_N_PARTICIPANTS] = { 0 };
  g_autoptr (GArray) held = NULL;
  guint next = 0;

  whose[self->participant] = 1;
  held = mp_held_find (self, whose, 0);
  return held != NULL && mp_held_return (self, held, &next, self->participant, 0, n_returned);
}
