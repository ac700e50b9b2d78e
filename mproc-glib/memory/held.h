/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "lease.h"

G_BEGIN_DECLS

/* Returns to the queue the messages held by participants that are dead or about to leave.  Locks
 * are taken with the recoverer's @word, or as this participant if @word is 0, each time for some
 * microseconds. */

/* Finds the messages held by the participants that are marked in @whose: those of each participant
 * together, the oldest first.  Returns an array of MpHeld, or NULL if a lock could not be taken. */
GArray *mp_held_find (MpMemory     *self,
                      const guint8 *whose,
                      guint32       word);
/* Returns the messages of @participant, which begin at index *@next of @held, and moves *@next
 * behind them.  Adds the number of messages that can be delivered again to *@n_returned.  Returns
 * FALSE if a lock could not be taken. */
gboolean mp_held_return (MpMemory *self,
                         GArray   *held,
                         guint    *next,
                         guint     participant,
                         guint32   word,
                         guint    *n_returned);

/* Returns all messages that this participant holds. */
gboolean mp_held_return_own (MpMemory *self,
                             guint    *n_returned);

G_END_DECLS
