/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "observed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Counters change while they are read.  A hostile process could change them for ever: after this
 * many attempts the last values are used as they are. */
#define MAX_ATTEMPTS 64

/* If the file was truncated, the last copy remains. */
void
mp_observed_update (MpObserved *self)
{
  if (self->copy != NULL && !self->is_broken)
    (void) mp_observed_read (self, self->copy, MP_OBSERVED_SIZE, 0);
}

gboolean
mp_observed_read (MpObserved *self,
                  gpointer    destination,
                  gsize       size,
                  guint64     offset)
{
  return offset <= G_MAXINT64 &&
         TEMP_FAILURE_RETRY (pread (self->fd, destination, size, (off_t) offset)) == (gssize) size;
}

guint64
mp_observed_locate (MpObserved *self,
                    guint64    *head,
                    guint32    *n_queued)
{
  const MpTailLine *tail = mp_observed_line (self, MP_OFFSET_TAIL);
  const MpHeadLine *line = mp_observed_line (self, MP_OFFSET_HEAD);
  guint64           total, word;
  guint             attempts = 0;

  do
    {
      mp_observed_update (self);
      *head = mp_load_acquire (&line->word);
      total = mp_load_acquire (&tail->n_total);
      word = mp_load_acquire (&tail->word);
    }
  while (*head != mp_load_acquire (&line->word) && ++attempts < MAX_ATTEMPTS);

  total += (mp_word_count (word) - (guint32) total) & MP_COUNT_MASK;
  *n_queued = (mp_word_count (word) - mp_word_count (*head)) & MP_COUNT_MASK;
  if (*n_queued > MP_MAX_COUNT || *n_queued > total)
    *n_queued = 0;
  return total;
}

gboolean
mp_observed_is_alive (MpObserved *self,
                      guint       slot)
{
  struct flock lock = {
    .l_type = F_WRLCK,
    .l_whence = SEEK_SET,
    .l_start = MP_LIVENESS_BASE + slot,
    .l_len = 1,
  };

  return fcntl (self->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

guint
mp_observed_count_slots (MpObserved *self)
{
  const MpStateLine *state = mp_observed_line (self, MP_OFFSET_STATE);

  return mp_load_bounded (&state->n_participants, MP_N_PARTICIPANTS);
}
