/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-processes.h"

#include "memory/queue-observer.h"

/* For so long what was found is believed; after that, each process is asked whether it is the same
 * one, since its id may be another's now. */
#define FRESH_US (G_USEC_PER_SEC / 10)

/* A handle whose process was not found, since it belongs to another user or another namespace. */
typedef struct
{
  guint32 slot;
  gint64  attached_at;
} Unseen;

void
mp_queue_processes_clear (MpQueueProcesses *self)
{
  g_clear_pointer (&self->uses, g_array_unref);
  g_clear_pointer (&self->unseen, g_array_unref);
}

void
mp_queue_processes_take (MpQueueProcesses *self,
                         GArray           *scan,
                         guint64           device,
                         guint64           inode,
                         gint64            time)
{
  mp_queue_processes_clear (self);
  self->uses = g_array_new (FALSE, FALSE, sizeof (MpProcessUse));
  self->unseen = g_array_new (FALSE, FALSE, sizeof (Unseen));
  self->scanned_at = time;
  for (guint i = 0; i < scan->len; i++)
    {
      const MpProcessUse *use = &g_array_index (scan, MpProcessUse, i);

      if (use->inode == inode && use->device == device && use->slot != -1)
        g_array_append_vals (self->uses, use, 1);
    }
}

const MpProcessUse *
mp_queue_processes_find (MpQueueProcesses *self,
                         guint32           slot)
{
  for (guint i = 0; i < self->uses->len; i++)
    if (g_array_index (self->uses, MpProcessUse, i).slot == (int) slot)
      return &g_array_index (self->uses, MpProcessUse, i);
  return NULL;
}

static gboolean
is_unseen (MpQueueProcesses  *self,
           const MpQueueUser *user)
{
  for (guint i = 0; i < self->unseen->len; i++)
    {
      const Unseen *unseen = &g_array_index (self->unseen, Unseen, i);

      if (unseen->slot == user->slot && unseen->attached_at == user->attached_at)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_up_to_date (MpQueueProcesses *self,
               GArray           *users)
{
  const gboolean is_fresh = g_get_monotonic_time () - self->scanned_at < FRESH_US;

  if (self->uses == NULL)
    return FALSE;
  for (guint i = 0; i < users->len; i++)
    {
      const MpQueueUser  *user = &g_array_index (users, MpQueueUser, i);
      const MpProcessUse *use = mp_queue_processes_find (self, user->slot);

      if (use != NULL ? !is_fresh && !mp_process_use_is_current (use) : !is_unseen (self, user))
        return FALSE;
    }
  return TRUE;
}

gboolean
mp_queue_processes_update (MpQueueProcesses *self,
                           guint64           device,
                           guint64           inode,
                           GArray           *users,
                           GError          **error)
{
  g_autoptr (GArray) scan = NULL;

  if (is_up_to_date (self, users))
    return TRUE;
  scan = mp_process_scan (device, inode, NULL, error);
  if (scan == NULL)
    return FALSE;

  mp_queue_processes_take (self, scan, device, inode, g_get_monotonic_time ());
  for (guint i = 0; i < users->len; i++)
    {
      const MpQueueUser *user = &g_array_index (users, MpQueueUser, i);
      const Unseen       unseen = { user->slot, user->attached_at };

      if (mp_queue_processes_find (self, user->slot) == NULL)
        g_array_append_val (self->unseen, unseen);
    }
  return TRUE;
}
