/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <glib-object.h>

G_BEGIN_DECLS

/**
 * MP_ERROR:
 *
 * The domain of the errors that only this library can report.
 *
 * Cancellation and failures of the system keep their [error@Gio.IOErrorEnum] code.
 *
 * Since: 1.0
 */
#define MP_ERROR (mp_error_quark ())

/**
 * MpError:
 * @MP_ERROR_EMPTY: there is nothing to get, at once or by the deadline
 * @MP_ERROR_FULL: there is no room, at once or by the deadline
 * @MP_ERROR_CLOSED: this end, or the whole queue, was closed
 * @MP_ERROR_END_OF_STREAM: the peer closed, at a message boundary
 * @MP_ERROR_TRUNCATED: the peer went away inside a message
 * @MP_ERROR_TOO_LARGE: a message exceeds the limit, or the caller's maximum
 * @MP_ERROR_BUFFER_TOO_SHORT: the message does not fit the caller's buffer; it is not lost
 * @MP_ERROR_NOT_READABLE: a receive on the writing end of a one-way pipe
 * @MP_ERROR_NOT_WRITABLE: a send on the reading end of a one-way pipe
 * @MP_ERROR_AUTHENTICATION_FAILED: the peer does not have the key
 * @MP_ERROR_INVALID_MESSAGE: malformed bytes came from a peer or a file
 * @MP_ERROR_UNSUPPORTED: a value has no form in the wanted format
 * @MP_ERROR_TOO_MANY_DONE: `task_done` was called more often than there were tasks
 * @MP_ERROR_STALE: this delivery was given to another consumer meanwhile
 * @MP_ERROR_DAMAGED: shared memory fails its checks
 * @MP_ERROR_REMOTE: the peer answered a call with an error whose domain is not known here
 *
 * What this library, and no layer below it, can say about a failure.
 *
 * Nothing is lost when a call fails: what was not put is still the caller's, and what
 * was not got is still queued.
 *
 * Since: 1.0
 */
typedef enum
{
  MP_ERROR_EMPTY,
  MP_ERROR_FULL,
  MP_ERROR_CLOSED,
  MP_ERROR_END_OF_STREAM,
  MP_ERROR_TRUNCATED,
  MP_ERROR_TOO_LARGE,
  MP_ERROR_BUFFER_TOO_SHORT,
  MP_ERROR_NOT_READABLE,
  MP_ERROR_NOT_WRITABLE,
  MP_ERROR_AUTHENTICATION_FAILED,
  MP_ERROR_INVALID_MESSAGE,
  MP_ERROR_UNSUPPORTED,
  MP_ERROR_TOO_MANY_DONE,
  MP_ERROR_STALE,
  MP_ERROR_DAMAGED,
  MP_ERROR_REMOTE
} MpError;

MP_AVAILABLE_IN_1_0
GQuark mp_error_quark (void);

G_END_DECLS
