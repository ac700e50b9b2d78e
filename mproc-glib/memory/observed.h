/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"
#include "queue-observer.h"

G_BEGIN_DECLS

/* The memory of a queue as an observer reads it. */

/* The pages of the lines and of the waiters, which always have memory; mapping more would give
 * memory to tables that have none. */
#define MP_OBSERVED_SIZE MP_OFFSET_PARTICIPANTS

typedef struct
{
  int           fd;
  MpConfig      config;
  const guint8 *pages;
  /* Where the pages are copied to if the file is not sealed, as those of queues with names: who
   * can cut it short could make a mapping raise SIGBUS.  NULL if the pages are mapped. */
  guint8 *copy;
  /* The config is invalid: nothing else is read. */
  gboolean is_broken;

  /* Where peeking goes on: a record, and how many messages were put before it. */
  guint64 cursor;
  guint64 cursor_offset;
} MpObserved;

static inline gconstpointer
mp_observed_line (MpObserved *self,
                  guint64     offset)
{
  return self->pages + offset;
}

/* To be called before a look at the lines that is to be up to date. */
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
