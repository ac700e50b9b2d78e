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
#include "liveness.h"
#include "lock.h"
#include "recovery.h"
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

/* Opens the descriptors that describe () returned: the memory's and the pipe's. */
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

static gboolean
append_anew (GUnixFDList *descriptors,
             int          fd,
             GError     **error)
{
  int      fresh = mp_fd_reopen (fd);
  gboolean added;

  if (fresh == -1)
    return mp_check_proc (error) &&
           mp_set_error_from_errno (error, errno, _ ("Cannot open the memory of the queue"));

  added = g_unix_fd_list_append (descriptors, fresh, error) != -1;
  close (fresh);
  return added;
}

/* Passes on new open file descriptions: a process that shared those of this handle would keep its
 * record lock held, and could make writes to the pipe wait. */
static char *
describe (gpointer     user_data,
          GUnixFDList *descriptors,
          GError     **error)
{
  MpSharedQueue *self = user_data;

  if (!mp_liveness_check (&self->memory, error) ||
      !append_anew (descriptors, self->memory.fd, error) ||
      !append_anew (descriptors, self->memory.bell_fd, error))
    return NULL;
  return g_strdup (MP_SHARED_QUEUE_SCHEME ":");
}

/* --- Batches and ends ------------------------------------------------------------------ */

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
  if (g_str_has_prefix (uri, MP_LOCAL_QUEUE_SCHEME ":"))
    return mp_local_queue_remove (uri, call);

  g_set_error (&call->error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("Queues in memory have no names, as in “%.64s”"), uri);
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
  .shutdown = mp_shared_queue_shutdown,
  .clear = mp_shared_queue_clear,
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
