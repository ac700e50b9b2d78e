/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a pool and its workers tell each other: through the queue of tasks `(tsv)` (number,
 * function, argument), and through the queue of reports `(yutv)` (kind, worker, number of the task,
 * value).  The settings of a worker are in its environment. */

/* The names under which a worker inherits the queues. */
#define MP_POOL_TASKS   "mproc-glib.pool.tasks"
#define MP_POOL_REPORTS "mproc-glib.pool.reports"

/* The number of a task that asks the worker that takes it to end. */
#define MP_POOL_LEAVE G_GUINT64_CONSTANT (0)

typedef enum
{
  MP_POOL_REPORT_READY, /* the worker has opened the queues */
  MP_POOL_REPORT_BEGUN, /* it has taken a task; only if the pool asks for it */
  MP_POOL_REPORT_VALUE, /* the result of a task */
  MP_POOL_REPORT_ERROR, /* its failure, `(sis)`: domain, code, message */
} MpPoolReportKind;

typedef struct
{
  MpPoolReportKind kind;
  guint32          worker;
  guint64          number;
  GVariant        *value;
} MpPoolReport;

/* Returns a floating reference.  @value is borrowed, a floating reference is taken. */
GVariant *mp_pool_task_pack (guint64     number,
                             const char *function,
                             GVariant   *argument);
/* Returns FALSE if @packed is no task.  The caller owns what is returned. */
gboolean mp_pool_task_unpack (GVariant  *packed,
                              guint64   *number,
                              char     **function,
                              GVariant **argument);

GVariant *mp_pool_report_pack (MpPoolReportKind kind,
                               guint32          worker,
                               guint64          number,
                               GVariant        *value);
/* Returns FALSE if @packed is no report.  The caller owns the value. */
gboolean  mp_pool_report_unpack (GVariant     *packed,
                                 MpPoolReport *report);
GVariant *mp_pool_error_pack (const GError *error);
/* Returns an error in any case. */
GError *mp_pool_error_unpack (GVariant *value);

/* What a worker is told in its environment. */
typedef struct
{
  guint32  id;
  guint    max_tasks;     /* 0: no limit */
  guint64  max_memory;    /* in bytes; 0: no limit */
  gboolean reports_begin; /* whether to report which task it begins */
} MpPoolSettings;

#define MP_POOL_VARIABLE "MPROC_GLIB_POOL_WORKER"

char    *mp_pool_settings_to_string (const MpPoolSettings *self);
gboolean mp_pool_settings_from_string (MpPoolSettings *self,
                                       const char     *text);

G_END_DECLS
