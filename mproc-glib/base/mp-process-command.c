/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Reads a file of /proc, as much of it as fits into @text. */
static gboolean
read_small (const char *path,
            char       *text,
            gsize       size)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize    length;

  if (fd == -1)
    return FALSE;
  length = TEMP_FAILURE_RETRY (read (fd, text, size - 1));
  close (fd);
  text[MAX (length, 0)] = '\0';
  return length > 0;
}

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
  g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", pid);
  char             text[4096] = "";
  gssize           length = 0;
  int              fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd == -1)
    return NULL;
  length = TEMP_FAILURE_RETRY (read (fd, text, sizeof text - 1));
  close (fd);
  for (const char *word = text; length > 0 && word < text + length; word += strlen (word) + 1)
    if (word != text && word[0] != '-' && strchr (word, '.') != NULL &&
        strpbrk (word, " \n;(") == NULL)
      return g_path_get_basename (word);
  return NULL;
}

char *
mp_process_dup_command (int pid)
{
  char  path[32];
  char  command[64] = "";
  char *script = NULL;

  g_snprintf (path, sizeof path, "/proc/%d/comm", pid);
  if (!read_small (path, command, sizeof command))
    return NULL;
  if (is_interpreter (command))
    script = find_script (pid);
  if (script != NULL)
    return script;
  return command[0] != '\0' ? g_strdup (g_strchomp (command)) : NULL;
}
