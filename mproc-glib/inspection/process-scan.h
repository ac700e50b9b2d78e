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

/* Returns the uses (MpProcessUse) by process and descriptor, of one queue if @inode is not 0;
 * NULL with @error set when it was cancelled
 * or there is no /proc. */
GArray *mp_process_scan (guint64       device,
                         guint64       inode,
                         GCancellable *cancellable,
                         GError      **error);

/* Whether the use is as it was found. */
gboolean mp_process_use_is_current (const MpProcessUse *use);

/* The queues that have participants anywhere on this machine, as far as the kernel tells: the
 * numbers of their files, in MpProcessFile. */
typedef struct
{
  guint64 device;
  guint64 inode;
} MpProcessFile;

GArray *mp_process_list_locked (void);

/* The command of a process as it calls itself, that of a script by the name of its file, or NULL.
 * Free it with g_free (). */
char *mp_process_dup_command (int pid);

G_END_DECLS
