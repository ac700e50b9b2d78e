/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-waitable.h"

G_BEGIN_DECLS

/* Ends waits for objects that are closed meanwhile.  poll () does not notice that a descriptor is
 * closed, so closing an object wakes the waits for it, which then check their objects again. */

typedef struct _MpClosingWatch MpClosingWatch;
struct _MpClosingWatch
{
  /* Set by the wait, and not owned. */
  MpWaitable **objects;
  gsize        n_objects;
  int          fd;     /* the waker of the thread that waits; or -1 */
  GSource     *source; /* made ready at once; or NULL */

  gboolean         has_begun;
  gint             is_woken;
  MpClosingWatch  *next;
  MpClosingWatch **link; /* the pointer to this watch in the list; NULL: removed after a fork */
  guint            list; /* the number of the list, which can be abandoned after a fork */
};

/* The caller has to check the objects after this, not before: they may be closed in between. */
void mp_closing_watch_begin (MpClosingWatch *self);
/* Whether one of the objects was closed since the last call. */
gboolean mp_closing_watch_take (MpClosingWatch *self);
/* Does nothing if it has not begun. */
void mp_closing_watch_end (MpClosingWatch *self);

G_END_DECLS
