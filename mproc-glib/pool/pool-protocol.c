/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-protocol.h"

#include "base/mp-remote-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdio.h>

#include "mp-error.h"

#define TASK_TYPE   G_VARIANT_TYPE ("(tsv)")
#define REPORT_TYPE G_VARIANT_TYPE ("(yutv)")
#define ERROR_TYPE  G_VARIANT_TYPE ("(sis)")

GVariant *
mp_pool_task_pack (guint64     number,
                   const char *function,
                   GVariant   *argument)
{
  return g_variant_new ("(tsv)", number, function, argument);
}

gboolean
mp_pool_task_unpack (GVariant  *packed,
                     guint64   *number,
                     char     **function,
                     GVariant **argument)
{
  if (!g_variant_is_of_type (packed, TASK_TYPE))
    return FALSE;

  g_variant_get (packed, "(tsv)", number, function, argument);
  return TRUE;
}

GVariant *
mp_pool_report_pack (MpPoolReportKind kind,
                     guint32          worker,
                     guint64          number,
                     GVariant        *value)
{
  return g_variant_new ("(yutv)", (guint8) kind, worker, number, value);
}

gboolean
mp_pool_report_unpack (GVariant     *packed,
                       MpPoolReport *report)
{
  guint8 kind;

  if (!g_variant_is_of_type (packed, REPORT_TYPE))
    return FALSE;

  g_variant_get (packed, "(yutv)", &kind, &report->worker, &report->number, &report->value);
  report->kind = (MpPoolReportKind) kind;
  return TRUE;
}

GVariant *
mp_pool_error_pack (const GError *error)
{
  return g_variant_new ("(sis)", g_quark_to_string (error->domain), error->code, error->message);
}

GError *
mp_pool_error_unpack (GVariant *value)
{
  const char *domain, *message;
  gint32      code;

  if (!g_variant_is_of_type (value, ERROR_TYPE))
    return g_error_new_literal (MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                                _ ("The worker reported a malformed error"));

  g_variant_get (value, "(&si&s)", &domain, &code, &message);
  return mp_remote_error_new (domain, code, message);
}

char *
mp_pool_settings_to_string (const MpPoolSettings *self)
{
  return g_strdup_printf ("%" PRIu32 ",%u,%" PRIu64 ",%d", self->id, self->max_tasks,
                          self->max_memory, self->reports_begin);
}

gboolean
mp_pool_settings_from_string (MpPoolSettings *self,
                              const char     *text)
{
  int n_read = 0;

  return sscanf (text, "%" SCNu32 ",%u,%" SCNu64 ",%d%n", &self->id, &self->max_tasks,
                 &self->max_memory, &self->reports_begin, &n_read) == 4 &&
         text[n_read] == '\0';
}
