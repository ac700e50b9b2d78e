/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "observer-tasks.h"

#include "lease.h"
#include "observed.h"

#include <stdlib.h>

/* How many words of the lease map are read at a time. */
#define MAP_PORTION 512

typedef void (*LeaseFunc) (guint index, const MpLease *lease, gpointer data);

static gboolean
is_shown (MpLeaseState state)
{
  return state == MP_LEASE_HELD || state == MP_LEASE_ORPHAN || state == MP_LEASE_DEAD;
}

/* Returns FALSE if the lease changed while it was copied, or is not shown. */
static gboolean
read_lease (MpObserved *self,
            guint       index,
            MpLease    *lease)
{
  const guint64 offset = MP_OFFSET_LEASES + (guint64) index * sizeof *lease;
  guint64       again[2]; /* owner and serial */

  return mp_observed_read (self, lease, sizeof *lease, offset) &&
         mp_observed_read (self, again, sizeof again, offset) && again[0] == lease->owner &&
         again[1] == lease->serial && is_shown (mp_lease_state (lease->owner));
}

/* The leases of one word of the map, from the first to the last of @bits.  They are read together,
 * since there may be a million of them, or a hostile process may have set all bits. */
static void
look_at_word (MpObserved *self,
              guint       first,
              guint64     bits,
              LeaseFunc   func,
              gpointer    data)
{
  const guint   lowest = (guint) __builtin_ctzll (bits);
  const guint   n = 64 - (guint) __builtin_clzll (bits) - lowest;
  const guint64 offset = MP_OFFSET_LEASES + (guint64) (first + lowest) * sizeof (MpLease);
  MpLease       leases[64], again[64];

  if (!mp_observed_read (self, leases, n * sizeof *leases, offset) ||
      !mp_observed_read (self, again, n * sizeof *again, offset))
    return;
  for (bits >>= lowest; bits != 0; bits &= bits - 1)
    {
      const guint    i = (guint) __builtin_ctzll (bits);
      const MpLease *lease = &leases[i];

      if (lease->owner == again[i].owner && lease->serial == again[i].serial &&
          is_shown (mp_lease_state (lease->owner)))
        func (first + lowest + i, lease, data);
    }
}

static void
foreach_lease (MpObserved *self,
               LeaseFunc   func,
               gpointer    data)
{
  const MpArenaLine *arena = mp_observed_line (self, MP_OFFSET_ARENA);
  guint64            words[MAP_PORTION];
  guint              n_words;

  mp_observed_update (self);
  n_words = (mp_load_bounded (&arena->n_leases_used, MP_N_LEASES) + 63) / 64;
  for (guint first = 0; first < n_words; first += MAP_PORTION)
    {
      const guint n = MIN (n_words - first, MAP_PORTION);

      if (!mp_observed_read (self, words, n * sizeof words[0],
                             MP_OFFSET_LEASE_MAP + G_STRUCT_OFFSET (MpLeaseMap, used) +
                               first * sizeof words[0]))
        return;
      for (guint i = 0; i < n; i++)
        if (words[i] != 0)
          look_at_word (self, (first + i) * 64, words[i], func, data);
    }
}

/* --- Who uses the queue ----------------------------------------------------------------------- */

typedef struct
{
  guint32 *n_held; /* of each slot */
  guint    n_slots;
} Holders;

static void
count_holder (guint          index,
              const MpLease *lease,
              gpointer       data)
{
  Holders *holders = data;
  guint    slot = mp_lease_participant (lease->owner);

  if (mp_lease_state (lease->owner) == MP_LEASE_HELD && slot < holders->n_slots)
    holders->n_held[slot]++;
}

/* Marks the user to whom the waiter belongs as sleeping or armed. */
static void
note_waiter (MpObserved  *self,
             guint        waiter,
             MpQueueUser *users,
             guint        n_users,
             guint        condition,
             gboolean     sleeping)
{
  MpWaiter slot;

  if (!mp_observed_read (self, &slot, sizeof slot, MP_OFFSET_WAITERS + (guint64) waiter * 64) ||
      slot.owner == 0 || slot.owner > n_users)
    return;
  if (sleeping)
    users[slot.owner - 1].is_sleeping[condition] = TRUE;
  else
    users[slot.owner - 1].is_armed[condition] = TRUE;
}

static void
note_waiters (MpObserved  *self,
              MpQueueUser *users,
              guint        n_users,
              guint        condition)
{
  const MpWaits *waits = mp_observed_line (self, MP_OFFSET_WAITS + condition * MP_WAITS_SIZE);
  const guint    n_words = mp_load_bounded (&waits->n_words, MP_N_WAIT_WORDS);

  for (guint i = 0; i < n_words; i++)
    {
      for (guint64 bits = mp_load (&waits->words[i].sleeping); bits != 0; bits &= bits - 1)
        note_waiter (self, i * 64 + (guint) __builtin_ctzll (bits), users, n_users, condition,
                     TRUE);
      for (guint64 bits = mp_load (&waits->words[i].armed); bits != 0; bits &= bits - 1)
        note_waiter (self, i * 64 + (guint) __builtin_ctzll (bits), users, n_users, condition,
                     FALSE);
    }
}

/* The slot in the lower half, its generation in the upper one. */
static guint64
make_handle (guint   slot,
             guint32 generation)
{
  return (guint64) generation << 32 | slot;
}

static gboolean
read_participant (MpObserved    *self,
                  guint          slot,
                  MpParticipant *participant)
{
  return mp_observed_read (self, participant, sizeof *participant,
                           MP_OFFSET_PARTICIPANTS + (guint64) slot * MP_CACHE_LINE);
}

static void
describe_user (guint                slot,
               const MpParticipant *participant,
               MpQueueUser         *user)
{
  user->slot = slot;
  user->handle = make_handle (slot, participant->generation);
  user->pid_inside = participant->pid;
  user->n_put = participant->n_put;
  user->n_got = participant->n_got;
  user->attached_at = participant->attached_at;
}

/* A participant that leaves frees its slot before it drops its record lock, so the lock is checked
 * before the slot is read. */
gboolean
mp_observed_has_died (gpointer user_data,
                      guint64  handle)
{
  MpObserved   *self = user_data;
  const guint   slot = (guint) (handle & G_MAXUINT32);
  const guint32 generation = (guint32) (handle >> 32);
  gboolean      is_alive;
  MpParticipant participant;

  if (slot >= MP_N_PARTICIPANTS)
    return FALSE;
  is_alive = mp_observed_is_alive (self, slot);
  if (!read_participant (self, slot, &participant))
    return FALSE;
  return participant.died == generation + 1 ||
         (!is_alive && participant.generation == generation && participant.state == MP_SLOT_USED);
}

/* Here too the locks are checked before the slots are read, all of them in one call.  A slot that
 * is free then, although it was locked, belongs to a participant that is leaving: its generation is
 * already that of the next one. */
static void
list_alive (MpObserved     *self,
            MpQueueUser    *users,
            const guint32  *n_held,
            guint           n_users,
            MpQueueUserFunc func,
            gpointer        data)
{
  const gsize          size = (gsize) n_users * MP_CACHE_LINE;
  g_autofree gboolean *is_alive = g_new0 (gboolean, n_users);
  g_autofree guint8   *slots = g_malloc0 (size);

  for (guint slot = 0; slot < n_users; slot++)
    is_alive[slot] = mp_observed_is_alive (self, slot);
  (void) mp_observed_read (self, slots, size, MP_OFFSET_PARTICIPANTS);
  for (guint slot = 0; slot < n_users; slot++)
    {
      const MpParticipant *participant =
        (const MpParticipant *) (slots + (gsize) slot * MP_CACHE_LINE);

      if (!is_alive[slot] || participant->state == MP_SLOT_FREE)
        continue;
      describe_user (slot, participant, &users[slot]);
      users[slot].n_held = n_held[slot];
      func (&users[slot], data);
    }
}

void
mp_observed_list_users (gpointer        user_data,
                        MpQueueUserFunc func,
                        gpointer        data)
{
  MpObserved             *self = user_data;
  g_autofree MpQueueUser *users = NULL;
  g_autofree guint32     *n_held = NULL;
  Holders                 holders;
  guint                   n_users;

  mp_observed_update (self);
  n_users = mp_observed_count_slots (self);
  users = g_new0 (MpQueueUser, n_users);
  n_held = g_new0 (guint32, n_users);
  holders = (Holders){ n_held, n_users };
  foreach_lease (self, count_holder, &holders);
  for (guint condition = 0; condition < MP_N_CONDITIONS; condition++)
    note_waiters (self, users, n_users, condition);
  list_alive (self, users, n_held, n_users, func, data);
}

/* --- Messages that they hold ----------------------------------------------------------------- */

typedef struct
{
  GArray *found; /* MpLease; at most twice as many as are wanted */
  guint   max;
} Oldest;

static int
compare_ages (gconstpointer a,
              gconstpointer b)
{
  guint64 first = ((const MpLease *) a)->serial, second = ((const MpLease *) b)->serial;

  return (first > second) - (first < second);
}

static void
keep_oldest (Oldest *oldest)
{
  g_array_sort (oldest->found, compare_ages);
  g_array_set_size (oldest->found, MIN (oldest->found->len, oldest->max));
}

static void
note_task (guint          index,
           const MpLease *lease,
           gpointer       data)
{
  Oldest *oldest = data;

  g_array_append_vals (oldest->found, lease, 1);
  if (oldest->found->len >= 2 * oldest->max)
    keep_oldest (oldest);
}

static MpQueueTaskState
task_state (MpLeaseState state)
{
  switch (state)
    {
    case MP_LEASE_ORPHAN:
      return MP_QUEUE_TASK_AGAIN;
    case MP_LEASE_DEAD:
      return MP_QUEUE_TASK_DEAD;
    case MP_LEASE_HELD:
    case MP_LEASE_FREE:
    case MP_LEASE_DEAD_HELD:
    default:
      return MP_QUEUE_TASK_HELD;
    }
}

static void
describe_task (const MpLease   *lease,
               MpQueueTaskInfo *task)
{
  const gint64 now = mp_coarse_now ();

  *task = (MpQueueTaskInfo){
    .state = task_state (mp_lease_state (lease->owner)),
    .slot = mp_lease_participant (lease->owner),
    .serial = lease->serial,
    .held_us = lease->claimed_at > 0 && lease->claimed_at <= now
                 ? (now - lease->claimed_at) / 1000
                 : 0,
    .n_deliveries = lease->n_deliveries,
    .size = lease->size,
    .tag = (guint8) lease->tag,
    .fraction = lease->progress >= 0 && lease->progress <= 1 ? lease->progress : -1,
  };
  memcpy (task->text, lease->progress_text, sizeof task->text);
  task->text[sizeof task->text - 1] = '\0';
}

void
mp_observed_list_tasks (gpointer        user_data,
                        guint           max,
                        MpQueueTaskFunc func,
                        gpointer        data)
{
  Oldest oldest = { g_array_new (FALSE, FALSE, sizeof (MpLease)), CLAMP (max, 1, MP_N_LEASES) };

  foreach_lease (user_data, note_task, &oldest);
  keep_oldest (&oldest);
  for (guint i = 0; i < oldest.found->len; i++)
    {
      MpQueueTaskInfo task;

      describe_task (&g_array_index (oldest.found, MpLease, i), &task);
      func (&task, data);
    }
  g_array_unref (oldest.found);
}

/* --- The message of a task -------------------------------------------------------------------- */

typedef struct
{
  guint64  serial;
  gboolean is_found;
  guint    index;
  MpLease  lease;
} Wanted;

static void
find_task (guint          index,
           const MpLease *lease,
           gpointer       data)
{
  Wanted *wanted = data;

  if (lease->serial != wanted->serial)
    return;
  wanted->index = index;
  wanted->lease = *lease;
  wanted->is_found = TRUE;
}

/* The copy is intact if the lease is still the same one afterwards: when a lease ends, its block is
 * freed and may be reused. */
gboolean
mp_observed_peek_task (gpointer           user_data,
                       guint64            serial,
                       gsize              max_length,
                       MpQueueGlimpseFunc func,
                       gpointer           data)
{
  MpObserved        *self = user_data;
  Wanted             wanted = { .serial = serial };
  g_autofree guint8 *copy = NULL;
  MpLease            again;
  gsize              length;

  foreach_lease (self, find_task, &wanted);
  if (!wanted.is_found)
    return FALSE;

  length = (gsize) MIN (wanted.lease.size, max_length);
  copy = g_malloc (length + 1);
  if ((length > 0 && !mp_observed_read (self, copy, length, wanted.lease.block)) ||
      !read_lease (self, wanted.index, &again) || again.serial != serial ||
      again.block != wanted.lease.block)
    return FALSE;

  func (&(MpQueueGlimpse){ serial, wanted.lease.size, (guint8) wanted.lease.tag, copy, length },
        data);
  return TRUE;
}
