/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-command.h"

#include "mp-small-file.h"

#include <string.h>

static const char *const interpreters[] = { "python", "gjs", "node", "ruby", "perl", "bash", "sh" };

static gboolean
is_interpreter (const char *command)
{
  for (guint i = 0; i < G_N_ELEMENTS (interpreters); i++)
    if (g_str_has_prefix (command, interpreters[i]))
      return TRUE;
  return FALSE;
}

/* The name of the script that an interpreter runs: its first argument that is the path of a file.
 * Options and their values are skipped that way. */
static char *
find_script (int pid)
{
  char  path[32];
  char  text[4096];
  gsize length;

  g_snprintf (path, sizeof path, "/proc/%d/cmdline", pid);
  length = mp_small_file_read (path, text, sizeof text);
  for (const char *word = text; word < text + length; word += strlen (word) + 1)
    if (word != text && word[0] != '-' && strchr (word, '.') != NULL &&
        strpbrk (word, " \n;(") == NULL)
      return g_path_get_basename (word);
  return NULL;
}

char *
mp_process_dup_command (int pid)
{
  char  path[32];
  char  command[64];
  char *script = NULL;

  g_snprintf (path, sizeof path, "/proc/%d/comm", pid);
  if (mp_small_file_read (path, command, sizeof command) == 0)
    return NULL;
  if (is_interpreter (command))
    script = find_script (pid);
  if (script != NULL)
    return script;
  return command[0] != '\0' ? g_strdup (g_strchomp (command)) : NULL;
}
