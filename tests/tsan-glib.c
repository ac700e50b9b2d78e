/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GLib is not built with the thread sanitizer, which therefore does not see its locks and
 * references.  These functions replace GLib's, for this library and for GIO: each does the same as
 * GLib's, and reports the resulting order to the sanitizer. */

#include "config.h"

#include <dlfcn.h>
#include <gio/gio.h>
#include <sanitizer/tsan_interface.h>

#undef g_once_init_enter
#undef g_once_init_leave

/* Returns the original function of that name.  Looked up at the first call, since libraries use
 * locks before main (). */
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

/* The last one finalizes the object, which happens after all other uses of it. */
void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref)
  (object);
}

/* Data that one thread stores at an object may be taken by another, as under a lock.  The previous
 * data is freed here. */
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
