/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* The processes of `mproc bench`, and what they have measured. */

/* Each message begins with a number. */
#define MP_MEASURE_LEAST_SIZE 8

typedef struct
{
  guint64 n;
  guint64 checksum;    /* the sum of the numbers */
  gint64  first, last; /* monotonic time of the first and the last message, in microseconds */
  GArray *trips;       /* guint32, microseconds there and back; NULL if none were measured */
} MpMeasure;

/* What a process does: "put", "get", "ask" or "echo"; with the queues that it inherits.  Returns an
 * exit status. */
int mp_measure_run (const char *role,
                    gsize       size,
                    gint64      duration_us);
/* Adds what a process has put into the queue of results. */
gboolean mp_measure_add (MpMeasure *self,
                         GVariant  *result,
                         GError   **error);
void     mp_measure_print (MpMeasure *self,
                           guint64    size,
                           gboolean   is_round_trip);
void     mp_measure_clear (MpMeasure *self);

G_END_DECLS
