/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-queue.h"

#include "local-queue.h"
#include "process-queue.h"
#include "shared-leave.h"
#include "shared-open.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "arena.h"
#include "bell.h"
#include "lease.h"
#include "liveness.h"
#include "lock.h"
#include "recovery.h"
#include "ring.h"
#include "waiters.h"

#include "base/mp-errno.h"
#include "base/mp-processors.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* --- Opening and settings -------------------------------------------------------------- */

static gboolean
attach (gpointer user_data,
        GError **error)
{
  MpSharedQueue *self = user_data;

  return mp_attach (&self->memory, error);
}

/* Opens the descriptors that describe () returned: the memory's and the eventfd's. */
static gpointer
open_shared (GUnixFDList *descriptors,
             GError     **error)
{
  int fd, bell_fd;

  if (g_unix_fd_list_get_length (descriptors) != 2)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("A queue in memory has two descriptors, not %d"),
                   g_unix_fd_list_get_length (descriptors));
      return NULL;
    }

  fd = g_unix_fd_list_get (descriptors, 0, error);
  if (fd == -1)
    return NULL;
  bell_fd = g_unix_fd_list_get (descriptors, 1, error);
  if (bell_fd == -1)
    {
      g_close (fd, NULL);
      return NULL;
    }

  return mp_shared_queue_open (fd, bell_fd, error);
}

/* Named queues have the scheme "local", those of other processes "process".  The URI of any other
 * queue is only the scheme "memory". */
static gpointer
open_queue (const char            *uri,
            GUnixFDList           *descriptors,
            const MpQueueSettings *wanted,
            MpQueueCall           *call)
{
  if (descriptors == NULL && g_str_has_prefix (uri, MP_LOCAL_QUEUE_SCHEME ":"))
    return mp_local_queue_open (uri, wanted, &call->error);
  if (descriptors == NULL && g_str_has_prefix (uri, MP_PROCESS_QUEUE_SCHEME ":"))
    return mp_process_queue_open (uri, &call->error);
  if (!g_str_equal (uri, MP_SHARED_QUEUE_SCHEME ":") || (descriptors == NULL && wanted == NULL))
    {
      g_set_error (&call->error, MP_ERROR,
                   descriptors == NULL ? MP_ERROR_UNSUPPORTED : MP_ERROR_INVALID_MESSAGE,
                   _ ("Queues in memory have no names, as in “%.64s”"), uri);
      return NULL;
    }
  return descriptors != NULL ? open_shared (descriptors, &call->error)
                             : mp_shared_queue_create (wanted, -1, &call->error);
}

static void
get_settings (gpointer         user_data,
              MpQueueSettings *settings)
{
  MpSharedQueue *self = user_data;

  *settings = (MpQueueSettings){
    .mode = (MpQueueMode) self->memory.config.mode,
    .max_size = self->memory.config.max_size,
    .max_bytes = self->memory.config.max_bytes,
    .max_deliveries = self->memory.config.max_deliveries,
  };
  memcpy (settings->name, self->memory.config.name, sizeof settings->name);
  memcpy (settings->kind, self->memory.config.kind, sizeof settings->kind);
}

static void
set_spin (gpointer user_data,
          guint    spin_us)
{
  MpSharedQueue *self = user_data;

  mp_store (&self->spin_ns,
            mp_processors_count () == 1 ? 0 : MIN (spin_us, MP_SPIN_MAX_US) * 1000);
}

guint
mp_shared_queue_count_units (gpointer user_data)
{
  MpSharedQueue *self = user_data;
  guint          n;

  g_return_val_if_fail (mp_lock_take_patiently (&self->memory, MP_LOCK_ARENA), 0);
  n = mp_arena_get_n_used (&self->memory);
  mp_unlock (&self->memory, MP_LOCK_ARENA);
  return n;
}

/* Passes on a new open file description: a process that shared the one of this handle would keep
 * its record lock held. */
static char *
describe (gpointer     user_data,
          GUnixFDList *descriptors,
          GError     **error)
{
  MpSharedQueue *self = user_data;
  gboolean       added;
  int            fd;

  if (!mp_liveness_check (&self->memory, error))
    return NULL;
  fd = mp_memory_reopen (self->memory.fd);
  if (fd == -1)
    {
      if (mp_check_proc (error))
        mp_set_error_from_errno (error, errno, _ ("Cannot open the memory of the queue"));
      return NULL;
    }

  added = g_unix_fd_list_append (descriptors, fd, error) != -1 &&
          g_unix_fd_list_append (descriptors, self->memory.bell_fd, error) != -1;
  close (fd);
  return added ? g_strdup (MP_SHARED_QUEUE_SCHEME ":") : NULL;
}

/* --- Dropping and shutdown ------------------------------------------------------------- */

/* How many messages are dropped under one lock. */
#define DROP_PORTION 256

/* The messages still to be dropped, and those dropped so far. */
typedef struct
{
  guint64 n_left;
  guint64 n_dropped;
} Drop;

/* Counts a dropped message.  The caller holds the head and the arena lock.  Each is counted at
 * once, since the operation may have to wait for a lock before the next one. */
static void
note_dropped (MpSharedQueue *self,
              Drop          *drop)
{
  MpMemory *memory = &self->memory;

  drop->n_left--;
  drop->n_dropped++;
  /* Stored before n_done, so that a process that sees all messages finished also sees this. */
  mp_store (&memory->head->n_dropped, memory->head->n_dropped + 1);
  if (mp_shared_queue_is_acknowledged (self))
    mp_store_release (&memory->arena->n_done, (memory->arena->n_done + 1) & MP_COUNT_MASK);
}

/* Drops the next message, queued or returned.  The caller holds the head lock. */
static MpQueueStatus
drop_one (MpSharedQueue *self,
          Drop          *drop)
{
  MpMemory     *memory = &self->memory;
  MpRecord      record;
  MpRingStatus  found = mp_ring_peek (memory, &record);
  MpQueueStatus status = MP_QUEUE_OK;
  guint32       lease;

  if (found == MP_RING_BUSY || !mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  if (found == MP_RING_OK)
    {
      mp_ring_advance (memory, &record);
      if (record.block != 0)
        mp_arena_free (memory, record.block);
      note_dropped (self, drop);
    }
  else if ((lease = mp_lease_find_waiting (memory)) != 0)
    {
      mp_lease_adopt (memory, lease, 0);
      mp_lease_end (memory, lease);
      note_dropped (self, drop);
    }
  else
    {
      status = MP_QUEUE_EMPTY;
    }
  mp_unlock (memory, MP_LOCK_ARENA);
  return status;
}

/* Drops one portion. */
static MpQueueStatus
try_drop (MpSharedQueue *self,
          gpointer       data,
          MpAttemptNote *note)
{
  Drop         *drop = data;
  MpQueueStatus status = MP_QUEUE_OK;

  if (!mp_lock_take (&self->memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  for (guint i = 0; i < DROP_PORTION && drop->n_left > 0 && status == MP_QUEUE_OK; i++)
    status = drop_one (self, drop);
  mp_unlock (&self->memory, MP_LOCK_HEAD);
  return status;
}

/* Drops as many messages as are queued now, not those put meanwhile.  The number is fixed in
 * advance, so a cycle of records made by a hostile process cannot cause an endless loop. */
static MpQueueStatus
drop_all (MpSharedQueue *self,
          guint64       *n_dropped,
          MpQueueCall   *call)
{
  Drop          drop = { (guint64) mp_ring_count (&self->memory) +
                         mp_load (&self->memory.head->n_orphans) };
  MpQueueStatus status = MP_QUEUE_OK;

  while (drop.n_left > 0 && status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_drop, &drop);
  *n_dropped = drop.n_dropped;
  return status == MP_QUEUE_EMPTY ? MP_QUEUE_OK : status;
}

static MpQueueStatus
clear (gpointer     user_data,
       guint64     *n_dropped,
       MpQueueCall *call)
{
  MpSharedQueue *self = user_data;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status != MP_QUEUE_OK)
    return status;

  status = drop_all (self, n_dropped, call);
  mp_waiters_wake_all (&self->memory);
  mp_shared_queue_leave (self);
  return status;
}

static MpQueueStatus
try_begin_batch (MpSharedQueue *self,
                 gpointer       data,
                 MpAttemptNote *note)
{
  MpMemory *memory = &self->memory;
  guint64   n_total;
  guint32   n_unfinished;

  if (!mp_lock_take (memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  n_unfinished = mp_shared_queue_count_tasks (self, &n_total);
  mp_store (&memory->head->n_before, n_total - n_unfinished);
  mp_store (&memory->head->n_dropped, 0);
  mp_unlock (memory, MP_LOCK_HEAD);
  return MP_QUEUE_OK;
}

static MpQueueStatus
begin_batch (gpointer     user_data,
             MpQueueCall *call)
{
  MpSharedQueue *self = user_data;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_begin_batch, NULL);
  if (status != MP_QUEUE_OK)
    return status;

  mp_waiters_wake (&self->memory, MP_QUEUE_WAIT_NEWS, 0);
  mp_shared_queue_leave (self);
  return MP_QUEUE_OK;
}

/* Under the tail lock: the present holder can still put, later ones cannot. */
static MpQueueStatus
try_close (MpSharedQueue *self,
           gpointer       data,
           MpAttemptNote *note)
{
  MpMemory *memory = &self->memory;

  if (!mp_lock_take (memory, MP_LOCK_TAIL))
    return MP_QUEUE_BUSY;
  mp_store_release (&memory->state->shutdown, 1);
  mp_unlock (memory, MP_LOCK_TAIL);
  return MP_QUEUE_OK;
}

static MpQueueStatus
shut_down (gpointer     user_data,
           gboolean     immediate,
           MpQueueCall *call)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  guint64        n_dropped;

  if (status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_close, NULL);
  if (status != MP_QUEUE_OK)
    return status;

  if (immediate)
    status = drop_all (self, &n_dropped, call);
  mp_waiters_wake_all (memory);
  mp_shared_queue_leave (self);
  return status;
}

/* Wakes all waiters of the queue; those of other handles find nothing and wait on. */
static void
close_handle (gpointer user_data)
{
  MpSharedQueue *self = user_data;

  mp_store (&self->is_closed, 1);
  mp_waiters_wake_all (&self->memory);
}

static gboolean
remove_queue (const char  *uri,
              MpQueueCall *call)
{
  gpointer      queue;
  MpQueueStatus status;

  if (!g_str_has_prefix (uri, MP_LOCAL_QUEUE_SCHEME ":"))
    {
      g_set_error (&call->error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("Queues in memory have no names, as in “%.64s”"), uri);
      return FALSE;
    }
  queue = mp_local_queue_remove (uri, &call->error);
  if (queue == NULL)
    return FALSE;

  status = shut_down (queue, TRUE, call);
  mp_shared_queue_free (queue);
  if (status == MP_QUEUE_OK)
    return TRUE;
  g_set_error (&call->error, MP_ERROR, MP_ERROR_DAMAGED,
               _ ("The queue was removed, but could not be shut down"));
  return FALSE;
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

  return (MpQueueBell *) mp_bell_new (&self->memory, condition, error);
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

  if (!attach (self, NULL))
    return;
  mp_shared_queue_do_due (self);
  if (mp_bell_arm ((MpBell *) bell, rang))
    mp_bell_looked ((MpBell *) bell, mp_recovery_look_after (&self->memory));
}

static void
bell_hold (MpQueueBell *bell,
           gboolean     pending)
{
  mp_bell_hold ((MpBell *) bell, pending);
}

const MpQueueBackend mp_shared_queue_backend = {
  .name = "memory",
  .open = open_queue,
  .remove = remove_queue,
  .free = mp_shared_queue_free,
  .get_settings = get_settings,
  .set_spin = set_spin,
  .put = mp_shared_queue_put,
  .get = mp_shared_queue_get,
  .settle = mp_shared_queue_settle,
  .wait = mp_shared_queue_wait,
  .finish = mp_shared_queue_finish,
  .progress = mp_shared_queue_set_progress,
  .list = mp_shared_queue_list,
  .get_dead = mp_shared_queue_get_dead,
  .requeue = mp_shared_queue_requeue,
  .shutdown = shut_down,
  .clear = clear,
  .begin_batch = begin_batch,
  .close = close_handle,
  .count = mp_shared_queue_count,
  .check = mp_shared_queue_check,
  .bell_new = bell_new,
  .bell_free = bell_free,
  .bell_fd = bell_fd,
  .bell_arm = bell_arm,
  .bell_hold = bell_hold,
  .describe = describe,
  .attach = attach,
};
