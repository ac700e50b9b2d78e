/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Handling of forks: a child must not use inherited descriptors whose state in the kernel is shared
 * with the parent, nor mutexes that another thread of the parent held during the fork. */

/* The number of forks between this process and its first ancestor that loaded the library, plus
 * one.  An object that was created before a fork has recorded a different number. */
extern guint32 mp_fork_count;

/* Checks that GLib's thread pool, which GTask uses, works.  If it had threads in the parent when
 * this process was forked, the pool waits for them in vain.  Returns FALSE with @error set then. */
gboolean mp_fork_check_threads (GError **error);
/* To be called before this library uses threads of such a pool. */
void mp_fork_note_pool (void);

/* The pid of this process, which a forked child compares to recognise what belongs to its parent.
 */
int mp_own_pid (void);

/* A fork hook is embedded in an object, and is called in each forked child while it is added.  Only
 * the forking thread exists in the child, and only async-signal-safe functions may be called, so
 * hooks make only system calls and stores. */
typedef struct _MpForkHook MpForkHook;
struct _MpForkHook
{
  void (*in_child) (MpForkHook *self);

  MpForkHook  *next;
  MpForkHook **link; /* the pointer to this hook in the list; NULL: not added */
};

/* A hook that is added already stays as it is. */
void mp_fork_hook_add (MpForkHook *self,
                       void (*in_child) (MpForkHook *self));
void mp_fork_hook_remove (MpForkHook *self);

/* The object of which @hook is the member `fork_hook`. */
#define MP_FORK_HOOK_OWNER(hook, Type) \
  ((Type *) (gpointer) ((guint8 *) (hook) -G_STRUCT_OFFSET (Type, fork_hook)))

/* Prevent forks by other threads in between: while descriptors are opened that a hook has to know,
 * and instead of a mutex for static variables that are used briefly.  Nothing in between may fork,
 * or add or remove a hook. */
void mp_fork_block (void);
void mp_fork_unblock (void);

/* For hooks: unlocks a mutex.  Returns whether another thread of the parent held it, in which case
 * the state that it guards may be inconsistent. */
gboolean mp_fork_reset_mutex (GMutex *mutex);

G_END_DECLS
