/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"
#include "base/queue-observer.h"

G_BEGIN_DECLS

/* The memory of a queue as an observer reads it. */

/* The pages of the lines, which always have memory; reading other parts of the file through a
 * mapping would allocate memory for its holes. */
#define MP_OBSERVED_SIZE MP_OFFSET_PARTICIPANTS

typedef struct
{
  int           fd;
  MpConfig      config;
  const guint8 *pages;
  /* A copy of the pages if the file is not sealed, as those of named queues: if it were truncated,
   * reading a mapping would raise SIGBUS.  NULL if the pages are mapped. */
  guint8 *copy;
  /* The config is invalid: nothing else is read. */
  gboolean is_broken;

  /* Where the next peek continues: the position of that record, and its offset. */
  guint64 cursor;
  guint64 cursor_offset;
} MpObserved;

static inline gconstpointer
mp_observed_line (MpObserved *self,
                  guint64     offset)
{
  return self->pages + offset;
}

/* Copies the pages anew unless they are mapped.  To be called before the lines are read. */
void     mp_observed_update (MpObserved *self);
gboolean mp_observed_read (MpObserved *self,
                           gpointer    destination,
                           gsize       size,
                           guint64     offset);
/* Returns how many messages were ever put, the word of the head, and how many are queued behind
 * it, as they were at one moment. */
guint64  mp_observed_locate (MpObserved *self,
                             guint64    *head,
                             guint32    *n_queued);
gboolean mp_observed_is_alive (MpObserved *self,
                               guint       slot);
guint    mp_observed_count_slots (MpObserved *self);

G_END_DECLS
