/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-fork.h"
#include "child.h"
#include "mp-process.h"
#include "mp-waitable.h"

G_BEGIN_DECLS

/* A descriptor that the child gets, and its number in the child. */
typedef struct
{
  int source;
  int target;
} MpProcessFd;

typedef struct
{
  /* Held only briefly, and never while functions of the program's own classes are called. */
  GMutex     lock;
  MpForkHook fork_hook;

  /* The settings for start ().  The descriptors in @fds are owned; @paths and @streams are indexed
   * by the number of the standard stream. */
  char           **argv;
  char            *cwd;
  gboolean         die_with_parent;
  GSubprocessFlags flags;
  char            *paths[3];
  GArray          *fds;

  /* The whole environment, or NULL for that of this process.  The changes to it are by name, NULL
   * for a variable that is removed. */
  char      **environment;
  GHashTable *environment_changes;

  /* MpShareables by name. */
  GHashTable *bequest;

  /* A thread is inside start (), without holding the lock. */
  gboolean starting;

  /* Set by start (). */
  MpChild  child;
  int      exit_code;
  GObject *streams[3];
  GSource *end_source;
} MpProcessPrivate;

static inline MpProcessPrivate *
mp_process_get_private (MpProcess *self)
{
  return g_type_instance_get_private ((GTypeInstance *) self, MP_TYPE_PROCESS);
}

GHashTable *mp_process_new_bequest (void);
void        mp_process_clear_fds (GArray *fds);

/* Defined in mp-process-status.c. */
void mp_process_waitable_init (MpWaitableInterface *iface);
void mp_process_watch_end (MpProcess *self);

G_END_DECLS
