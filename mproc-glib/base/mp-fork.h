/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a forked child must not take over as it is: descriptors with state in the kernel, and
 * mutexes that another thread of the parent may have held at that moment. */

/* How often this process was forked off, counted from its first ancestor that loaded the
 * library, which is 1: differs from what is noted in an object that was inherited. */
extern guint32 mp_fork_count;

/* Whether GLib's pool of threads, which GTask uses, had threads in the process that this one was
 * forked off from.  It waits for them in vain here.  FALSE with an error if so. */
gboolean mp_fork_check_threads (GError **error);

/* The number of this process, by which a forked child tells what is its parent's. */
int mp_own_pid (void);

/* Part of an object, called in each forked child as long as it is added.  Only the forking
 * thread is there then, and between fork () and exec () only what is safe in signal handlers
 * may be called, so that hooks keep to system calls and stores. */
typedef struct _MpForkHook MpForkHook;
struct _MpForkHook
{
  void (*in_child) (MpForkHook *self);

  MpForkHook  *next;
  MpForkHook **link; /* the pointer that points to this hook; NULL: not added */
};

void mp_fork_hook_add (MpForkHook *self,
                       void (*in_child) (MpForkHook *self));
void mp_fork_hook_remove (MpForkHook *self);

/* The object of which @hook is the member `fork_hook`. */
#define MP_FORK_HOOK_OWNER(hook, Type) \
  ((Type *) (gpointer) ((guint8 *) (hook) -G_STRUCT_OFFSET (Type, fork_hook)))

/* No other thread forks in between: for descriptors that a hook has to know of. */
void mp_fork_block (void);
void mp_fork_unblock (void);

/* For hooks: unlocks a mutex.  Returns whether another thread held it in the parent, and what
 * it guards may be half changed. */
gboolean mp_fork_reset_mutex (GMutex *mutex);

G_END_DECLS
