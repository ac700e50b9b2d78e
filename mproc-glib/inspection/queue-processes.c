/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-processes.h"

#include "base/queue-observer.h"

/* For how long the result of a scan is used without a check.  After that, each use is checked,
 * since the process id may have been reused by another process. */
#define FRESH_US (G_USEC_PER_SEC / 10)

void
mp_queue_processes_clear (MpQueueProcesses *self)
{
  g_clear_pointer (&self->uses, g_array_unref);
  g_clear_pointer (&self->unseen, g_array_unref);
}

void
mp_queue_processes_take (MpQueueProcesses *self,
                         MpProcessScan    *scan,
                         guint64           device,
                         guint64           inode)
{
  mp_queue_processes_clear (self);
  self->uses = g_array_new (FALSE, FALSE, sizeof (MpProcessUse));
  self->unseen = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->scanned_at = scan->begun_at;
  self->scanned_at_real = scan->begun_at_real;
  for (guint i = 0; i < scan->uses->len; i++)
    {
      const MpProcessUse *use = &g_array_index (scan->uses, MpProcessUse, i);

      if (use->inode == inode && use->device == device && use->slot != -1)
        g_array_append_vals (self->uses, use, 1);
    }
}

const MpProcessUse *
mp_queue_processes_find (MpQueueProcesses *self,
                         guint32           slot)
{
  for (guint i = 0; self->uses != NULL && i < self->uses->len; i++)
    if (g_array_index (self->uses, MpProcessUse, i).slot == (int) slot)
      return &g_array_index (self->uses, MpProcessUse, i);
  return NULL;
}

/* Whether a new scan would not find the process of the handle either: it was attached before the
 * last scan began, or, since the time in the queue's memory may be wrong, the last scan looked for
 * it. */
static gboolean
is_unseen (MpQueueProcesses  *self,
           const MpQueueUser *user)
{
  if (user->attached_at < self->scanned_at_real)
    return TRUE;
  for (guint i = 0; i < self->unseen->len; i++)
    if (g_array_index (self->unseen, guint64, i) == user->handle)
      return TRUE;
  return FALSE;
}

static gboolean
is_up_to_date (MpQueueProcesses *self,
               GArray           *users)
{
  const gboolean is_fresh = g_get_monotonic_time () - self->scanned_at < FRESH_US;

  for (guint i = 0; i < users->len; i++)
    {
      const MpQueueUser  *user = &g_array_index (users, MpQueueUser, i);
      const MpProcessUse *use = mp_queue_processes_find (self, user->slot);

      if (self->uses == NULL || (use != NULL ? !is_fresh && !mp_process_use_is_current (use)
                                             : !is_unseen (self, user)))
        return FALSE;
    }
  return TRUE;
}

static void
note_unseen (MpQueueProcesses *self,
             GArray           *users)
{
  for (guint i = 0; i < users->len; i++)
    {
      const MpQueueUser *user = &g_array_index (users, MpQueueUser, i);

      if (mp_queue_processes_find (self, user->slot) == NULL)
        g_array_append_val (self->unseen, user->handle);
    }
}

gboolean
mp_queue_processes_update (MpQueueProcesses *self,
                           guint64           device,
                           guint64           inode,
                           GArray           *users,
                           GError          **error)
{
  g_autoptr (MpProcessScan) known = NULL;
  g_autoptr (MpProcessScan) scan = NULL;

  if (is_up_to_date (self, users))
    return TRUE;

  known = mp_process_scan_get_last ();
  if (known != NULL && known->begun_at > self->scanned_at)
    {
      mp_queue_processes_take (self, known, device, inode);
      if (is_up_to_date (self, users))
        return TRUE;
    }

  scan = mp_process_scan (NULL, error);
  if (scan == NULL)
    return FALSE;
  mp_queue_processes_take (self, scan, device, inode);
  note_unseen (self, users);
  return TRUE;
}
