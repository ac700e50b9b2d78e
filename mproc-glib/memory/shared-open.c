/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-open.h"

#include "leaving.h"
#include "liveness.h"
#include "attaching.h"
#include "repair.h"
#include "ring.h"
#include "shared-leave.h"
#include "shared-queue-private.h"
#include "watcher.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEFAULT_MAX_BYTES (sizeof (gpointer) > 4 ? G_GUINT64_CONSTANT (4) << 30 : 64 << 20)
#define MIN_MAX_BYTES     (G_GUINT64_CONSTANT (1) << 20)
#define MAX_MAX_BYTES     (G_GUINT64_CONSTANT (128) << 30)

/* The arena is twice as large as all messages together, plus this much for messages that consumers
 * hold.  Twice, since a record or block can be nearly twice as large as its message, and since the
 * largest message has to fit also if free memory is fragmented. */
#define MIN_SLACK (sizeof (gpointer) > 4 ? G_GUINT64_CONSTANT (256) << 20 : 32 << 20)
#define MAX_SLACK (G_GUINT64_CONSTANT (1) << 30)

/* A queue with default settings takes at most this fraction of a limited address space. */
#define ADDRESS_SPACE_SHARE 16

/* Drops what a forked child inherited: the messages that its parent holds belong to the parent. */
static void
renew (MpMemory *memory)
{
  MpSharedQueue *self = (MpSharedQueue *) memory;

  mp_store (&self->n_held, 0);
  mp_shared_queue_drop_due (self);
}

static MpSharedQueue *
allocate (void)
{
  MpSharedQueue *self = g_aligned_alloc0 (1, sizeof *self, MP_CACHE_LINE);

  self->spin_ns = mp_spin_choose_us () * 1000;
  mp_memory_init (&self->memory);
  mp_liveness_init (&self->memory);
  return self;
}

void
mp_shared_queue_free (gpointer user_data)
{
  MpSharedQueue *self = user_data;

  mp_leaving_remove (&self->memory);
  /* Not for what a parent left undone. */
  if (mp_load (&self->memory.fork_count) == mp_fork_count)
    mp_shared_queue_do_due (self);
  mp_detach (&self->memory);
  mp_watcher_close (&self->memory);
  mp_liveness_clear (&self->memory);
  mp_memory_close (&self->memory);
  mp_shared_queue_drop_due (self);
  g_aligned_free (self);
}

static gboolean
join (MpSharedQueue *self,
      GError       **error)
{
  self->memory.repair[MP_LOCK_HEAD] = mp_repair_head;
  self->memory.repair[MP_LOCK_TAIL] = mp_repair_tail;
  self->memory.repair[MP_LOCK_ARENA] = mp_repair_arena;
  self->memory.renew = renew;
  mp_leaving_add (&self->memory);
  return mp_attach (&self->memory, error);
}

/* If the address space is limited, queues with default settings are smaller, so that several fit.
 */
static guint64
choose_max_bytes (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_AS, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY)
    return DEFAULT_MAX_BYTES;
  return CLAMP (limit.rlim_cur / ADDRESS_SPACE_SHARE, MIN_MAX_BYTES, DEFAULT_MAX_BYTES);
}

static guint64
choose_slack (guint64 max_bytes)
{
  return CLAMP (max_bytes, MIN_SLACK, MAX_SLACK);
}

static MpConfig
choose_config (const MpQueueSettings *settings)
{
  guint64  wanted = settings->max_bytes != 0 ? settings->max_bytes : choose_max_bytes ();
  guint64  max_bytes = MIN (wanted, MAX_MAX_BYTES);
  MpConfig config = {
    .mode = settings->mode,
    .max_size = MIN (settings->max_size, MP_MAX_COUNT),
    .max_deliveries = settings->max_deliveries,
    .max_bytes = max_bytes,
    .n_units_cap = (2 * max_bytes + choose_slack (max_bytes)) / MP_UNIT_SIZE,
    .created_at = g_get_real_time (),
    .creator = getpid (),
  };

  memcpy (config.name, settings->name, sizeof config.name);
  memcpy (config.kind, settings->kind, sizeof config.kind);
  return config;
}

gpointer
mp_shared_queue_create (const MpQueueSettings *settings,
                        int                    folder,
                        GError               **error)
{
  MpSharedQueue *self = allocate ();
  const MpConfig config = choose_config (settings);

  if (!(folder == -1 ? mp_memory_create (&self->memory, &config, error)
                     : mp_memory_create_in (&self->memory, folder, &config, error)) ||
      !join (self, error))
    {
      mp_shared_queue_free (self);
      return NULL;
    }
  /* No other process has opened the queue yet, so no lock is needed. */
  if (!mp_ring_init (&self->memory))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, _ ("There is no memory for a queue"));
  if (self->memory.head->word == 0)
    g_clear_pointer (&self, mp_shared_queue_free);
  return self;
}

gpointer
mp_shared_queue_open (int      fd,
                      int      bell_fd,
                      GError **error)
{
  MpSharedQueue *self = allocate ();

  if (!mp_memory_open (&self->memory, fd, bell_fd, error) || !join (self, error))
    g_clear_pointer (&self, mp_shared_queue_free);
  return self;
}
