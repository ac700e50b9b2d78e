/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-parameters.h"

#include <glib/gi18n-lib.h>

static gboolean
parse_mode (MpQueueParameters *self,
            const char        *value)
{
  gboolean is_joinable = g_str_equal (value, "joinable");

  if (!is_joinable && !g_str_equal (value, "plain"))
    return FALSE;
  self->settings.mode = is_joinable ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN;
  self->given |= MP_QUEUE_GIVEN_MODE;
  return TRUE;
}

static gboolean
parse_number (const char *value,
              guint64     most,
              guint64    *number)
{
  return g_ascii_string_to_unsigned (value, 10, 0, most, number, NULL);
}

static gboolean
parse_limit (MpQueueParameters *self,
             const char        *name,
             const char        *value)
{
  guint64 number;

  if (g_str_equal (name, "max-bytes") && parse_number (value, G_MAXUINT64, &number))
    {
      self->settings.max_bytes = number;
      self->given |= number != 0 ? MP_QUEUE_GIVEN_MAX_BYTES : 0;
      return TRUE;
    }
  if (g_str_equal (name, "max-size") && parse_number (value, G_MAXUINT32, &number))
    {
      self->settings.max_size = (guint32) number;
      self->given |= MP_QUEUE_GIVEN_MAX_SIZE;
      return TRUE;
    }
  if (g_str_equal (name, "max-deliveries") && parse_number (value, G_MAXUINT32, &number))
    {
      self->settings.max_deliveries = (guint32) number;
      self->given |= MP_QUEUE_GIVEN_MAX_DELIVERIES;
      return TRUE;
    }
  return FALSE;
}

static gboolean
parse_parameter (MpQueueParameters *self,
                 const char        *name,
                 const char        *value)
{
  if (g_str_equal (name, "create") && (g_str_equal (value, "yes") || g_str_equal (value, "no")))
    {
      self->create = g_str_equal (value, "yes");
      return TRUE;
    }
  return g_str_equal (name, "mode") ? parse_mode (self, value) : parse_limit (self, name, value);
}

gboolean
mp_queue_parameters_parse (MpQueueParameters   *self,
                           const char          *query,
                           MpQueueParameterFunc other,
                           gpointer             user_data,
                           GError             **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *name = NULL;
  g_autofree char *value = NULL;
  GUriParamsIter   iter;

  self->create = TRUE;
  self->settings.max_deliveries = MP_QUEUE_DEFAULT_MAX_DELIVERIES;
  g_uri_params_iter_init (&iter, query != NULL ? query : "", -1, "&", G_URI_PARAMS_NONE);
  while (g_uri_params_iter_next (&iter, &name, &value, &reason))
    {
      if (!parse_parameter (self, name, value) &&
          (other == NULL || !other (name, value, user_data)))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _ ("A queue of this kind has no parameter %.40s=%.40s"), name, value);
          return FALSE;
        }
      g_clear_pointer (&name, g_free);
      g_clear_pointer (&value, g_free);
    }
  if (reason == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

void
mp_queue_parameters_want (MpQueueParameters     *self,
                          const MpQueueSettings *wanted)
{
  if (wanted == NULL || (self->given & MP_QUEUE_GIVEN_MODE) != 0)
    return;
  self->settings.mode = wanted->mode;
  self->given |= MP_QUEUE_GIVEN_MODE;
}
