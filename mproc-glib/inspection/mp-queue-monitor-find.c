/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "memory/observer-named.h"

#include <sys/stat.h>
#include <unistd.h>

/* Finding all queues. */

static gboolean
has_monitor (GPtrArray *monitors,
             guint64    device,
             guint64    inode)
{
  for (guint i = 0; i < monitors->len; i++)
    {
      MpQueueMonitor *monitor = g_ptr_array_index (monitors, i);

      if (monitor->inode == inode && monitor->device == device)
        return TRUE;
    }
  return FALSE;
}

static void
add_used (GPtrArray     *monitors,
          MpProcessScan *scan)
{
  for (guint i = 0; i < scan->uses->len; i++)
    {
      const MpProcessUse *use = &g_array_index (scan->uses, MpProcessUse, i);
      MpQueueMonitor     *monitor;

      if (has_monitor (monitors, use->device, use->inode))
        continue;
      monitor = mp_queue_monitor_new_for_use (use->pid, use->fd, TRUE, NULL);
      if (monitor == NULL)
        continue;
      mp_queue_processes_take (&monitor->processes, scan, use->device, use->inode);
      g_ptr_array_add (monitors, monitor);
    }
}

static void
add_named (int      fd,
           gpointer user_data)
{
  GPtrArray      *monitors = user_data;
  MpQueueMonitor *monitor;
  struct stat     status;

  if (fstat (fd, &status) == -1 || has_monitor (monitors, status.st_dev, status.st_ino))
    {
      close (fd);
      return;
    }
  monitor = mp_queue_monitor_new_for_descriptor (fd, TRUE, NULL);
  if (monitor != NULL)
    g_ptr_array_add (monitors, monitor);
}

/**
 * mp_queue_monitor_find:
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Finds the queues of all processes that this one may look at, itself included, and those that have
 * a name (see [func@Queue.open]) and that no process has open.
 *
 * Queues whose memory is invalid have [property@QueueMonitor:damaged] set, and nothing else is
 * known of them. Those that were just closed by all their processes are left out.
 *
 * Returns: (transfer container) (element-type MpQueueMonitor): a monitor for each queue, in the
 *   order of the processes that have them; %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_monitor_find (GCancellable *cancellable,
                       GError      **error)
{
  g_autoptr (GPtrArray) monitors = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (MpProcessScan) scan = NULL;

  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  scan = mp_process_scan (cancellable, error);
  if (scan == NULL)
    return NULL;
  add_used (monitors, scan);
  mp_observer_foreach_named (add_named, monitors);
  return g_steal_pointer (&monitors);
}

/**
 * mp_queue_monitor_count_hidden:
 * @monitors: (element-type MpQueueMonitor): what [func@QueueMonitor.find] has found
 *
 * Counts the queues on this machine that are in use and are not among these: those of processes
 * that this one may not look at, such as other users'.
 *
 * Returns: how many; 0 if the system does not tell
 *
 * Since: 1.0
 */
guint
mp_queue_monitor_count_hidden (GPtrArray *monitors)
{
  g_autoptr (GArray) files = NULL;
  guint n = 0;

  g_return_val_if_fail (monitors != NULL, 0);

  files = mp_process_list_locked ();
  for (guint i = 0; i < files->len; i++)
    {
      const MpProcessFile *file = &g_array_index (files, MpProcessFile, i);

      n += !has_monitor (monitors, file->device, file->inode);
    }
  return n;
}
