/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-name.h"

#include <glib/gi18n-lib.h>

gboolean
mp_queue_is_name (const char *name)
{
  gsize length = strlen (name);

  return length < MP_QUEUE_NAME_SIZE && g_ascii_isalpha (name[0]) &&
         strspn (name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-") == length;
}

gboolean
mp_queue_settings_set_name (MpQueueSettings *settings,
                            const char      *name,
                            GError         **error)
{
  settings->name[0] = '\0';
  if (name == NULL)
    return TRUE;
  if (!mp_queue_is_name (name))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%.80s” is no name for a queue: it has to begin with a letter, and to have"
                      " at most %d letters, digits, dots, underscores and hyphens"),
                   name, MP_QUEUE_NAME_SIZE - 1);
      return FALSE;
    }
  g_strlcpy (settings->name, name, sizeof settings->name);
  return TRUE;
}
