/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-small-file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

gsize
mp_small_file_read (const char *path,
                    char       *text,
                    gsize       size)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize    length = 0;

  if (fd != -1)
    {
      length = TEMP_FAILURE_RETRY (read (fd, text, size - 1));
      close (fd);
    }
  length = MAX (length, 0);
  text[length] = '\0';
  return (gsize) length;
}
