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
 * @MP_ERROR_EMPTY: no message is available before the timeout
 * @MP_ERROR_FULL: there is no room before the timeout
 * @MP_ERROR_CLOSED: this end, or the whole queue, was closed
 * @MP_ERROR_END_OF_STREAM: the peer closed, at a message boundary
 * @MP_ERROR_TRUNCATED: the peer closed or died in the middle of a message
 * @MP_ERROR_TOO_LARGE: a message exceeds the limit, or the caller's own limit
 * @MP_ERROR_BUFFER_TOO_SHORT: the message does not fit the caller's buffer; it is not lost
 * @MP_ERROR_NOT_READABLE: a receive on the writing end of a one-way pipe
 * @MP_ERROR_NOT_WRITABLE: a send on the reading end of a one-way pipe
 * @MP_ERROR_AUTHENTICATION_FAILED: the peer does not have the key
 * @MP_ERROR_INVALID_MESSAGE: bytes from a peer or a file are malformed
 * @MP_ERROR_UNSUPPORTED: a value cannot be represented in the requested format
 * @MP_ERROR_TOO_MANY_DONE: `task_done` was called more often than there were tasks
 * @MP_ERROR_STALE: the message was redelivered to another consumer meanwhile
 * @MP_ERROR_DAMAGED: shared memory fails its checks
 * @MP_ERROR_REMOTE: the peer answered a call with an error whose domain is unknown in this process
 * @MP_ERROR_WORKER_DIED: the workers of a pool that were given the task have died
 *
 * The errors of this library itself. Those of lower layers keep their own domain.
 *
 * Nothing is lost when a call fails: a message that was not put still belongs to the caller, and
 * one that was not got is still queued.
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
  MP_ERROR_REMOTE,
  MP_ERROR_WORKER_DIED
} MpError;

MP_AVAILABLE_IN_1_0
GQuark mp_error_quark (void);

G_END_DECLS
