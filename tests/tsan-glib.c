/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GLib is not built with the thread sanitizer, which then does not see its locks and
 * references.  These functions take the place of GLib's, for us and for GIO: each does what
 * GLib's does, and tells the sanitizer what that puts in order. */

#include "config.h"

#include <dlfcn.h>
#include <gio/gio.h>
#include <sanitizer/tsan_interface.h>

#undef g_once_init_enter
#undef g_once_init_leave

/* What this program would call if it had no function of that name.  Looked up at the first
 * call: libraries begin to lock before main (). */
static gpointer
find (gpointer   *place,
      const char *name)
{
  gpointer function = __atomic_load_n (place, __ATOMIC_RELAXED);

  if (function == NULL)
    {
      function = dlsym (RTLD_NEXT, name);
      __atomic_store_n (place, function, __ATOMIC_RELAXED);
    }
  return function;
}

#define REAL(name) \
  ({ static gpointer place_; (__typeof__ (&name)) find (&place_, #name); })

void
g_mutex_lock (GMutex *mutex)
{
  REAL (g_mutex_lock)
  (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked = REAL (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_mutex_unlock)
  (mutex);
}

void
g_cond_wait (GCond  *cond,
             GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait)
  (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond  *cond,
                   GMutex *mutex,
                   gint64  end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

void
g_once_init_leave (volatile void *location,
                   gsize          result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave)
  (location, result);
}

/* The last one finalizes, after all that the others did with the object. */
void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref)
  (object);
}

/* What one thread keeps at an object, another may take: as with a lock.  What was kept there
 * before is freed in here. */
void
g_object_set_qdata_full (GObject       *object,
                         GQuark         quark,
                         gpointer       data,
                         GDestroyNotify destroy)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_set_qdata_full)
  (object, quark, data, destroy);
}

gpointer
g_object_steal_qdata (GObject *object,
                      GQuark   quark)
{
  gpointer data = REAL (g_object_steal_qdata) (object, quark);

  __tsan_acquire (object);
  return data;
}
