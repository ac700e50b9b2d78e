/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "glimpse.h"

#include "command.h"
#include "output.h"

MpGlimpseOptions mp_glimpse_options;

static MpValueForm form;
static guint64     max_size = G_MAXUINT64;

gboolean
mp_glimpse_check (const char *command)
{
  if (!mp_value_parse_form (mp_glimpse_options.form_name, &form))
    mp_command_refuse (command, MP_EXIT_USAGE, "--format is json, gvariant, raw or hex");
  else if (mp_glimpse_options.max_size != NULL &&
           !mp_command_parse_size (mp_glimpse_options.max_size, &max_size))
    mp_command_refuse (command, MP_EXIT_USAGE, "--max-size is a size such as 100 or 2K");
  else
    return TRUE;
  return FALSE;
}

void
mp_glimpse_print (MpMessage  *message,
                  guint64     position,
                  const char *selector)
{
  g_autoptr (GError) error = NULL;

  if (mp_output.json != MP_OUTPUT_TABLE || mp_glimpse_options.form_name == NULL)
    mp_value_print (message, position, max_size);
  else if (!mp_value_write (message, form, max_size, &error))
    mp_command_fail (selector, error);
}
