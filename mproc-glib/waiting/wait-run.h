/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "closing.h"
#include "mp-waitable.h"
#include "poll-set.h"

#include <poll.h>

G_BEGIN_DECLS

/* The state of one wait.  A ready object is marked by storing the complement of its descriptor:
 * poll () skips negative descriptors, and no second array is needed. */
typedef struct
{
  MpWaitable **objects;
  gsize        n_objects;
  gsize        n_ready;

  /* One entry for each object, and MP_WAIT_RUN_N_OTHERS: for the cancellable, and for the waker of
   * the thread. */
  struct pollfd *fds;

  /* The epoll set of the objects, or NULL if they are passed to poll () one by one. */
  MpPollSet *set;

  /* Whether the readiness of some object can be determined only by polling its descriptor. */
  gboolean must_poll;

  /* The events to poll all descriptors for; 0 to use each object's own condition. */
  short events;

  MpClosingWatch closing;
} MpWaitRun;

#define MP_WAIT_RUN_N_OTHERS 2

/* From now on, closing an object makes @source ready.  The objects have to be checked after this.
 */
void mp_wait_run_watch_closing (MpWaitRun *wait,
                                GSource   *source);

gboolean mp_wait_run_until_ready (MpWaitRun    *wait,
                                  MpPollSet    *set,
                                  gint64        timeout_us,
                                  MpWaitFlags   flags,
                                  GCancellable *cancellable,
                                  GError      **error);

/* The same with a descriptor for the cancellable. */
gboolean mp_wait_run_cancellably (MpWaitRun    *wait,
                                  MpPollSet    *set,
                                  gint64        timeout_us,
                                  MpWaitFlags   flags,
                                  GCancellable *cancellable,
                                  GError      **error);

/* Polls until an object is ready, @deadline has passed or, if @flags request it, a signal handler
 * has run. */
gboolean mp_wait_run_poll (MpWaitRun    *wait,
                           gint64        deadline,
                           MpWaitFlags   flags,
                           GCancellable *cancellable,
                           GError      **error);

/* Returns a new array of the objects that are ready, followed by NULL. */
MpWaitable **mp_wait_run_collect (MpWaitRun *wait,
                                  gsize     *n_ready);
gboolean     mp_wait_run_set_errno_error (MpWaitRun *wait,
                                          int        code,
                                          GError   **error);

G_END_DECLS
