/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <glib-object.h>

G_BEGIN_DECLS

/**
 * MpCondition:
 * @MP_CONDITION_READABLE: there is something to take: an item, a message or the news that no
 *   more will come, a peer that connects
 * @MP_CONDITION_WRITABLE: there is room to put or send something small
 * @MP_CONDITION_DONE: the work is done: all tasks of a queue, or a process that has ended
 *
 * What one can wait for at an object.
 *
 * Since: 1.0
 */
typedef enum
{
  MP_CONDITION_READABLE,
  MP_CONDITION_WRITABLE,
  MP_CONDITION_DONE
} MpCondition;

/**
 * MpWaitFlags:
 * @MP_WAIT_FLAGS_NONE: wait until the condition holds or the time is over
 * @MP_WAIT_FLAGS_INTERRUPTIBLE: return also when a signal handler has run
 *
 * How to wait.
 *
 * Since: 1.0
 */
typedef enum
{
  MP_WAIT_FLAGS_NONE = 0,
  MP_WAIT_FLAGS_INTERRUPTIBLE = 1 << 0
} MpWaitFlags;

G_END_DECLS
