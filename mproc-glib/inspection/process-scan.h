/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Finds the queues of all processes that this one may look at, through /proc. */

/* A descriptor of a process on the memory of a queue. */
typedef struct
{
  guint64  device;
  guint64  inode;
  int      pid;
  int      fd;
  int      slot;        /* the participant whose lock the descriptor holds, or -1 */
  gboolean is_writable; /* observers' descriptors are not */
} MpProcessUse;

/* What one look at all processes has found. */
typedef struct
{
  gatomicrefcount ref_count;
  GArray         *uses;          /* MpProcessUse, by process and descriptor */
  gint64          begun_at;      /* monotonic time in microseconds */
  gint64          begun_at_real; /* microseconds since 1970 */
} MpProcessScan;

/* Looks at all processes; NULL with @error set when it was cancelled or there is no /proc. */
MpProcessScan *mp_process_scan (GCancellable *cancellable,
                                GError      **error);
/* The last scan that any thread of this process has made, or NULL.  It can save a new one. */
MpProcessScan *mp_process_scan_get_last (void);
void           mp_process_scan_unref (MpProcessScan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpProcessScan, mp_process_scan_unref)

/* Whether the process still has the same file at the descriptor, and the same slot. */
gboolean mp_process_use_is_current (const MpProcessUse *use);

/* The queues that have participants anywhere on this machine, as far as the kernel tells: the
 * numbers of their files, in MpProcessFile. */
typedef struct
{
  guint64 device;
  guint64 inode;
} MpProcessFile;

GArray *mp_process_list_locked (void);

G_END_DECLS
