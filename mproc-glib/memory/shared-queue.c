/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-queue-private.h"

#include "arena.h"
#include "bell.h"
#include "lease.h"
#include "liveness.h"
#include "lock.h"
#include "recovery.h"
#include "ring.h"
#include "waiters.h"
#include "watcher.h"

#define DEFAULT_MAX_BYTES (G_GUINT64_CONSTANT (4) << 30)
#define MAX_MAX_BYTES     (G_GUINT64_CONSTANT (128) << 30)

/* What the arena has beyond the messages: halves of blocks that a power of two rounds up,
 * and what consumers have in hand. */
#define ARENA_SLACK (G_GUINT64_CONSTANT (1) << 30)

/* --- Coming and going ------------------------------------------------------------------ */

static void
forget_held (MpSharedQueue *self)
{
  g_queue_clear_full (&self->held, g_free);
  mp_store (&self->n_held, 0);
}

/* In a forked child another thread may have held the mutex, and what the parent has in
 * hand is the parent's. */
static void
renew (MpMemory *memory)
{
  MpSharedQueue *self = (MpSharedQueue *) memory;

  g_mutex_init (&self->held_mutex);
  forget_held (self);
}

static gboolean
attach (gpointer user_data,
        GError **error)
{
  MpSharedQueue *self = user_data;

  return mp_recovery_attach (&self->memory, error);
}

static MpSharedQueue *
allocate (void)
{
  MpSharedQueue *self = g_aligned_alloc0 (1, sizeof *self, MP_CACHE_LINE);

  self->spin_ns = mp_spin_choose_us () * 1000;
  g_mutex_init (&self->held_mutex);
  g_queue_init (&self->held);
  return self;
}

static void
free_queue (gpointer user_data)
{
  MpSharedQueue *self = user_data;

  mp_recovery_detach (&self->memory);
  mp_watcher_close (&self->memory);
  mp_liveness_clear (&self->memory);
  mp_memory_close (&self->memory);
  forget_held (self);
  g_mutex_clear (&self->held_mutex);
  g_aligned_free (self);
}

static gboolean
join (MpSharedQueue *self,
      GError       **error)
{
  self->memory.repair[MP_LOCK_HEAD] = mp_recovery_repair_head;
  self->memory.repair[MP_LOCK_TAIL] = mp_recovery_repair_tail;
  self->memory.repair[MP_LOCK_ARENA] = mp_recovery_repair_arena;
  self->memory.renew = renew;
  mp_liveness_init (&self->memory);
  return mp_recovery_attach (&self->memory, error);
}

gpointer
mp_shared_queue_new (const MpSharedQueueSettings *settings,
                     GError                     **error)
{
  MpSharedQueue *self = allocate ();
  guint64        max_bytes = settings->max_bytes != 0 ? settings->max_bytes : DEFAULT_MAX_BYTES;
  const MpConfig config = {
    .mode = settings->mode,
    .max_size = MIN (settings->max_size, MP_MAX_COUNT),
    .max_deliveries = settings->max_deliveries,
    .max_bytes = MIN (max_bytes, MAX_MAX_BYTES),
    .n_units_cap = (2 * MIN (max_bytes, MAX_MAX_BYTES) + ARENA_SLACK) / MP_UNIT_SIZE,
  };

  if (!mp_memory_create (&self->memory, &config, error) || !join (self, error))
    {
      free_queue (self);
      return NULL;
    }
  mp_lock (&self->memory, MP_LOCK_ARENA);
  if (!mp_ring_init (&self->memory))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "There is no memory for a queue");
  mp_unlock (&self->memory, MP_LOCK_ARENA);
  if (self->memory.head->word == 0)
    g_clear_pointer (&self, free_queue);
  return self;
}

/* Takes both descriptors. */
gpointer
mp_shared_queue_open (int      fd,
                      int      bell_fd,
                      GError **error)
{
  MpSharedQueue *self = allocate ();

  if (!mp_memory_open (&self->memory, fd, bell_fd, error) || !join (self, error))
    g_clear_pointer (&self, free_queue);
  return self;
}

void
mp_shared_queue_get_settings (gpointer               user_data,
                              MpSharedQueueSettings *settings)
{
  MpSharedQueue *self = user_data;

  *settings = (MpSharedQueueSettings){
    .mode = self->memory.config.mode,
    .max_size = self->memory.config.max_size,
    .max_bytes = self->memory.config.max_bytes,
    .max_deliveries = self->memory.config.max_deliveries,
  };
}

void
mp_shared_queue_set_spin (gpointer user_data,
                          guint    spin_us)
{
  MpSharedQueue *self = user_data;

  mp_store (&self->spin_ns,
            g_get_num_processors () == 1 ? 0 : MIN (spin_us, MP_SPIN_MAX_US) * 1000);
}

guint
mp_shared_queue_count_units (gpointer user_data)
{
  MpSharedQueue *self = user_data;
  guint          n;

  mp_lock (&self->memory, MP_LOCK_ARENA);
  n = mp_arena_get_n_used (&self->memory);
  mp_unlock (&self->memory, MP_LOCK_ARENA);
  return n;
}

static char *
share (gpointer     user_data,
       GUnixFDList *descriptors,
       GError     **error)
{
  MpSharedQueue *self = user_data;

  if (g_unix_fd_list_append (descriptors, self->memory.fd, error) == -1 ||
      g_unix_fd_list_append (descriptors, self->memory.bell_fd, error) == -1)
    return NULL;
  return g_strdup (MP_SHARED_QUEUE_SCHEME);
}

/* --- Counts ---------------------------------------------------------------------------- */

/* How many were put, and how many of these are not done with: never more. */
static guint32
count_tasks (MpSharedQueue *self,
             guint64       *n_total)
{
  MpMemory *memory = &self->memory;
  guint32   done, n;

  do
    {
      done = mp_load_acquire (&memory->arena->n_done);
      *n_total = mp_ring_count_total (memory);
    }
  while (done != mp_load (&memory->arena->n_done));

  n = ((guint32) *n_total - done) & MP_COUNT_MASK;
  return n <= MP_MAX_COUNT ? MIN (n, (guint32) MIN (*n_total, MP_MAX_COUNT)) : 0;
}

static guint32
count_unfinished (MpSharedQueue *self)
{
  guint64 n_total;

  return count_tasks (self, &n_total);
}

/* What is in the ring and what was given back, as long as neither became the other. */
static guint32
count_queued (MpSharedQueue *self)
{
  guint32 *place = &self->memory.head->n_orphans;
  guint32  n_orphans, n;

  do
    {
      n_orphans = mp_load_acquire (place);
      n = mp_ring_count (&self->memory);
    }
  while (n_orphans != mp_load (place));
  return n + n_orphans;
}

static void
count (gpointer       user_data,
       MpQueueCounts *counts)
{
  MpSharedQueue *self = user_data;
  guint32        n_unfinished = count_tasks (self, &counts->n_total);

  counts->size = count_queued (self);
  counts->n_bytes = mp_ring_count_bytes (&self->memory);
  counts->n_unfinished = mp_shared_queue_is_acknowledged (self) ? n_unfinished : 0;
}

/* Whether nothing more can come out: what others have in hand may still come back. */
gboolean
mp_shared_queue_is_drained (MpSharedQueue *self)
{
  return mp_load_acquire (&self->memory.state->shutdown) && !mp_ring_has_items (&self->memory) &&
         mp_load (&self->memory.head->n_orphans) == 0 &&
         (!mp_shared_queue_is_acknowledged (self) ||
          count_unfinished (self) <= mp_load (&self->n_held));
}

gboolean
mp_shared_queue_check (gpointer         user_data,
                       MpQueueCondition condition)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;

  if (mp_load (&memory->state->damaged))
    return TRUE;

  switch (condition)
    {
    case MP_QUEUE_WAIT_ITEMS:
      return mp_ring_has_items (memory) || mp_load (&memory->head->n_orphans) != 0 ||
             mp_shared_queue_is_drained (self);
    case MP_QUEUE_WAIT_SPACE:
      return mp_ring_has_room (memory, 0) || mp_load (&memory->state->shutdown);
    case MP_QUEUE_WAIT_DONE:
      return count_unfinished (self) == 0;
    case MP_QUEUE_WAIT_NEWS:
    default:
      return FALSE;
    }
}

/* --- The end --------------------------------------------------------------------------- */

/* With the head lock. */
static void
drop_all (MpSharedQueue *self)
{
  MpMemory *memory = &self->memory;
  guint32   n_dropped = 0;
  MpRecord  record;
  guint32   n_leases;

  while (mp_ring_peek (memory, &record) == MP_RING_OK)
    {
      mp_ring_advance (memory, &record);
      n_dropped++;
      if (record.block == 0)
        continue;
      mp_lock (memory, MP_LOCK_ARENA);
      mp_arena_free (memory, record.block);
      mp_unlock (memory, MP_LOCK_ARENA);
    }

  mp_lock (memory, MP_LOCK_ARENA);
  n_leases = mp_lease_count_used (memory);
  for (guint32 i = 1; i <= n_leases; i++)
    if (mp_lease_state (mp_load (&mp_memory_lease (memory, i - 1)->owner)) == MP_LEASE_ORPHAN)
      {
        mp_lease_end (memory, i);
        n_dropped++;
      }
  if (mp_shared_queue_is_acknowledged (self))
    mp_store_release (&memory->arena->n_done, (memory->arena->n_done + n_dropped) & MP_COUNT_MASK);
  mp_unlock (memory, MP_LOCK_ARENA);
  mp_store (&memory->head->n_orphans, 0);
}

static MpQueueStatus
shut_down (gpointer user_data,
           gboolean immediate)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status != MP_QUEUE_OK)
    return status;

  /* With the tail lock: whoever has it now still puts, and nobody after it. */
  mp_lock (memory, MP_LOCK_TAIL);
  mp_store_release (&memory->state->shutdown, 1);
  mp_unlock (memory, MP_LOCK_TAIL);

  if (immediate)
    {
      mp_lock (memory, MP_LOCK_HEAD);
      drop_all (self);
      mp_unlock (memory, MP_LOCK_HEAD);
    }
  mp_waiters_wake_all (memory);
  mp_shared_queue_leave (self);
  return MP_QUEUE_OK;
}

/* --- Bells ------------------------------------------------------------------------------- */

static MpQueueBell *
bell_new (gpointer         user_data,
          MpQueueCondition condition,
          GError         **error)
{
  MpSharedQueue *self = user_data;

  if (!attach (self, error))
    return NULL;

  return (MpQueueBell *) mp_bell_new (&self->memory, (MpWaitsKind) condition, error);
}

static void
bell_free (gpointer     user_data,
           MpQueueBell *bell)
{
  mp_bell_free ((MpBell *) bell);
}

static int
bell_fd (MpQueueBell *bell)
{
  return mp_bell_get_fd ((MpBell *) bell);
}

static void
bell_arm (gpointer     user_data,
          MpQueueBell *bell,
          gboolean     rang)
{
  MpSharedQueue *self = user_data;

  if (attach (self, NULL) && mp_bell_arm ((MpBell *) bell, rang))
    mp_recovery_look_after (&self->memory);
}

static void
bell_hold (MpQueueBell *bell,
           gboolean     pending)
{
  mp_bell_hold ((MpBell *) bell, pending);
}

const MpQueueBackend mp_shared_queue_backend = {
  .name = "memory",
  .free = free_queue,
  .put = mp_shared_queue_put,
  .get = mp_shared_queue_get,
  .get_many = mp_shared_queue_get_many,
  .wait = mp_shared_queue_wait,
  .keep = mp_shared_queue_keep,
  .finish = mp_shared_queue_finish,
  .give_back = mp_shared_queue_give_back,
  .progress = mp_shared_queue_set_progress,
  .list = mp_shared_queue_list,
  .get_dead = mp_shared_queue_get_dead,
  .shutdown = shut_down,
  .check = mp_shared_queue_check,
  .count = count,
  .bell_new = bell_new,
  .bell_free = bell_free,
  .bell_fd = bell_fd,
  .bell_arm = bell_arm,
  .bell_hold = bell_hold,
  .share = share,
  .attach = attach,
};
