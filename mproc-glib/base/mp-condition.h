/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <glib-object.h>

G_BEGIN_DECLS

/**
 * MpCondition:
 * @MP_CONDITION_READABLE: there is something to get: a message, a peer that connects, or the end of
 *   the stream
 * @MP_CONDITION_WRITABLE: there is room to put or send a small message
 * @MP_CONDITION_DONE: all tasks of a queue are done, or a process has ended
 *
 * The conditions of an object that can be waited for.
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
 * @MP_WAIT_FLAGS_NONE: wait until the condition holds or the timeout expires
 * @MP_WAIT_FLAGS_INTERRUPTIBLE: also return after a signal handler has run
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
