/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"
#include "value.h"

#include <stdio.h>
#include <string.h>

static gboolean is_bytes, is_gvariant;
static char    *file_name;
static double   n_seconds = -1;

static const GOptionEntry options[] = {
  { "bytes", 0, 0, G_OPTION_ARG_NONE, &is_bytes, "Puts the bytes of each value as they are", NULL },
  { "gvariant", 0, 0, G_OPTION_ARG_NONE, &is_gvariant, "Values are in the text form of GVariant",
    NULL },
  { "file", 0, 0, G_OPTION_ARG_FILENAME, &file_name, "Puts the content of a file as one message",
    "PATH" },
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Waits for room at most so long", "SECONDS" },
  { NULL },
};

static gboolean
put (MpQueue    *queue,
     const char *text,
     gsize       length,
     GError    **error)
{
  const MpValueForm form = is_bytes      ? MP_VALUE_RAW
                           : is_gvariant ? MP_VALUE_GVARIANT
                                         : MP_VALUE_JSON;
  g_autoptr (MpMessage) message = mp_value_read (text, length, form, error);

  return message != NULL &&
         mp_queue_put_message (queue, message, mp_command_timeout (n_seconds), NULL, error);
}

static gboolean
put_lines (MpQueue *queue,
           GError **error)
{
  char    *line = NULL;
  size_t   size = 0;
  ssize_t  length = 0;
  gboolean is_put = TRUE;

  while (is_put && (length = getline (&line, &size, stdin)) != -1)
    {
      if (length > 0 && line[length - 1] == '\n')
        line[--length] = '\0';
      is_put = put (queue, line, (gsize) length, error);
    }
  free (line);
  return is_put;
}

static gboolean
put_all (MpQueue *queue,
         int      n_values,
         char   **values,
         GError **error)
{
  g_autofree char *content = NULL;
  gsize            length;

  if (file_name != NULL)
    return g_file_get_contents (file_name, &content, &length, error) &&
           put (queue, content, length, error);
  if (n_values == 0)
    return put_lines (queue, error);
  for (int i = 0; i < n_values; i++)
    if (!put (queue, values[i], strlen (values[i]), error))
      return FALSE;
  return TRUE;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!mp_command_parse (&mp_command_put, &argc, &argv, 1, G_MAXINT, &status))
    return status;
  if ((is_bytes && is_gvariant) || (file_name != NULL && argc > 2))
    return mp_command_refuse ("put", MP_EXIT_USAGE,
                              "--bytes and --gvariant, and --file and values, exclude each other");
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL || !put_all (queue, argc - 2, argv + 2, &error))
    return mp_command_fail (argv[1], error);
  return MP_EXIT_DONE;
}

const MpCommand mp_command_put = {
  .name = "put",
  .arguments = "QUEUE [VALUE…]",
  .summary = "Puts values, or each line of the standard input",
  .options = options,
  .run = run,
};
