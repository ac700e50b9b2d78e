/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <errno.h>
#include <glib.h>

#ifdef HAVE_SYSPROF
#include <sysprof-capture.h>
#endif

G_BEGIN_DECLS

/* Marks for Sysprof: spans of time that it shows beside its samples.  They cost one comparison if
 * nobody profiles, and nothing if the library is built without them. */

#define MP_MARK_VARIABLE "SYSPROF_CONTROL_FD"

/* The socket to Sysprof if it has started this process, or -1.  It is found out before there are
 * threads: the first call of each thread to Sysprof takes a lock, which a forked child might find
 * taken. */
extern int mp_mark_fd;

/* Returns when the span begins, to be passed to mp_mark_end (), or 0 if nobody profiles. */
static inline gint64
mp_mark_begin (void)
{
#ifdef HAVE_SYSPROF
  return G_UNLIKELY (mp_mark_fd >= 0) && sysprof_collector_is_active ()
           ? SYSPROF_CAPTURE_CURRENT_TIME
           : 0;
#else
  return 0;
#endif
}

/* @name is what the thread did, "sleep" or "task", and @what says where.  Keeps errno. */
static inline void
mp_mark_end (gint64      begin,
             const char *name,
             const char *what)
{
#ifdef HAVE_SYSPROF
  if (G_UNLIKELY (begin != 0))
    {
      gint64 duration = SYSPROF_CAPTURE_CURRENT_TIME - begin;
      int    code = errno;

      sysprof_collector_mark (begin, duration, "mproc-glib", name, what);
      errno = code;
    }
#endif
}

G_END_DECLS
