/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* The output of the coordinator: a progress bar on a terminal, lines elsewhere, and a table at the
 * end. */
typedef struct _ChecksumReport ChecksumReport;

ChecksumReport *checksum_report_new (guint   n_files,
                                     guint64 n_bytes);
void            checksum_report_free (ChecksumReport *self);

void checksum_report_say (ChecksumReport *self,
                          const char     *format,
                          ...) G_GNUC_PRINTF (2, 3);
void checksum_report_count (ChecksumReport *self,
                            const char     *worker,
                            guint64         size,
                            double          seconds);
void checksum_report_table (ChecksumReport *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ChecksumReport, checksum_report_free)
