/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-share.h"

#include "base/mp-errno.h"
#include "mp-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (64 * 1024)

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* The content: user and password, each with a NUL byte at its end. */
static gboolean
fill (int                   fd,
      const MpRedisSecrets *secrets)
{
  g_autoptr (GByteArray) content = g_byte_array_new ();
  const char *texts[] = { secrets->user != NULL ? secrets->user : "", secrets->password };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_byte_array_append (content, (const guint8 *) texts[i], (guint) strlen (texts[i]) + 1);
  return write (fd, content->data, content->len) == (gssize) content->len &&
         fcntl (fd, F_ADD_SEALS, SEALS) == 0;
}

gboolean
mp_redis_share_write (const MpRedisSecrets *secrets,
                      GUnixFDList          *descriptors,
                      GError              **error)
{
  gboolean success;
  int      fd;

  if (secrets->password == NULL)
    return TRUE;

  fd = memfd_create ("mproc-glib", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd == -1 || !fill (fd, secrets))
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot share the queue"));
      success = FALSE;
    }
  else
    {
      success = g_unix_fd_list_append (descriptors, fd, error) != -1;
    }
  if (fd != -1)
    close (fd);
  return success;
}

static gboolean
parse (MpRedisSecrets *secrets,
       const char     *content,
       gsize           size)
{
  const char *user_end = memchr (content, '\0', size);
  const char *password;

  if (user_end == NULL || content[size - 1] != '\0')
    return FALSE;
  password = user_end + 1;
  if (password == content + size || memchr (password, '\0', size) != content + size - 1)
    return FALSE;

  g_free (secrets->user);
  g_free (secrets->password);
  secrets->user = *content != '\0' ? g_strdup (content) : NULL;
  secrets->password = g_strdup (password);
  return TRUE;
}

/* Seals make sure that the content does not change while it is read. */
static gboolean
read_content (int             fd,
              MpRedisSecrets *secrets)
{
  struct stat      status;
  g_autofree char *content = NULL;

  if (fcntl (fd, F_GET_SEALS) != SEALS || fstat (fd, &status) == -1 || status.st_size < 2 ||
      status.st_size > MAX_SIZE)
    return FALSE;
  content = g_malloc ((gsize) status.st_size);
  return pread (fd, content, (gsize) status.st_size, 0) == status.st_size &&
         parse (secrets, content, (gsize) status.st_size);
}

gboolean
mp_redis_share_read (GUnixFDList    *descriptors,
                     MpRedisSecrets *secrets,
                     GError        **error)
{
  const int n = descriptors != NULL ? g_unix_fd_list_get_length (descriptors) : 0;
  gboolean  is_valid = n <= 1;
  int       fd;

  if (n == 0)
    return TRUE;
  if (is_valid)
    {
      fd = g_unix_fd_list_get (descriptors, 0, error);
      if (fd == -1)
        return FALSE;
      is_valid = read_content (fd, secrets);
      close (fd);
    }
  if (!is_valid)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                         _ ("The description of a queue on a server is malformed"));
  return is_valid;
}
