/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files below a directory, and the comparison with sha256sum.  A path is bytes: the name of a
 * file
 * need not be UTF-8, and may hold a newline. */

#include "checksum-tree.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define DIGEST_LENGTH 64

static void
file_free (gpointer data)
{
  ChecksumFile *file = data;

  g_free (file->path);
  g_free (file->digest);
  g_free (file->error);
  g_free (file);
}

/* Makes a path printable on one line: invalid UTF-8 and control characters are escaped. */
char *
checksum_printable (const char *path)
{
  char beyond_ascii[129] = { 0 };

  for (int i = 0; i < 128; i++)
    beyond_ascii[i] = (char) (128 + i);

  return g_strescape (path, g_utf8_validate (path, -1, NULL) ? beyond_ascii : NULL);
}

static gint64
modification_time (const struct stat *status)
{
  return status->st_mtim.tv_sec * G_GINT64_CONSTANT (1000000000) + status->st_mtim.tv_nsec;
}

static void
add_odd (ChecksumTree *self,
         const char   *path,
         const char   *what)
{
  g_autofree char *printable = checksum_printable (path);

  g_ptr_array_add (self->odd, g_strdup_printf ("%s %s", printable, what));
}

static void
add_file (ChecksumTree      *self,
          const char        *path,
          const struct stat *status)
{
  ChecksumFile *file = g_new0 (ChecksumFile, 1);

  file->path = g_strdup (path);
  file->size = status->st_size;
  file->modified = modification_time (status);
  self->n_bytes += file->size;
  g_ptr_array_add (self->files, file);
  g_hash_table_insert (self->by_path, file->path, file);
}

/* Regular files become tasks, directories are walked later, and symbolic links are ignored. */
static void
look_at (ChecksumTree *self,
         GQueue       *folders,
         char         *path)
{
  g_autofree char *owned = path;
  struct stat      status;

  if (lstat (path, &status) != 0)
    add_odd (self, path, g_strerror (errno));
  else if (S_ISREG (status.st_mode))
    add_file (self, path, &status);
  else if (S_ISDIR (status.st_mode))
    g_queue_push_tail (folders, g_steal_pointer (&owned));
  else if (S_ISFIFO (status.st_mode))
    add_odd (self, path, "is a FIFO");
  else if (S_ISSOCK (status.st_mode))
    add_odd (self, path, "is a socket");
  else if (!S_ISLNK (status.st_mode))
    add_odd (self, path, "is a device");
}

static void
walk (ChecksumTree *self,
      GQueue       *folders,
      const char   *folder)
{
  DIR           *dir = opendir (folder);
  struct dirent *entry;

  if (dir == NULL)
    {
      add_odd (self, folder, g_strerror (errno));
      return;
    }

  while ((entry = readdir (dir)) != NULL)
    {
      if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
        look_at (self, folders, g_build_filename (folder, entry->d_name, NULL));
    }

  closedir (dir);
}

ChecksumTree *
checksum_tree_new (const char *directory)
{
  ChecksumTree *self = g_new0 (ChecksumTree, 1);
  GQueue        folders = G_QUEUE_INIT;

  self->files = g_ptr_array_new_with_free_func (file_free);
  self->by_path = g_hash_table_new (g_str_hash, g_str_equal);
  self->odd = g_ptr_array_new_with_free_func (g_free);

  g_queue_push_tail (&folders, g_strdup (directory));
  while (!g_queue_is_empty (&folders))
    {
      g_autofree char *folder = g_queue_pop_head (&folders);

      walk (self, &folders, folder);
    }

  return self;
}

void
checksum_tree_free (ChecksumTree *self)
{
  g_hash_table_unref (self->by_path);
  g_ptr_array_unref (self->files);
  g_ptr_array_unref (self->odd);
  g_free (self);
}

ChecksumFile *
checksum_tree_lookup (ChecksumTree *self,
                      GVariant     *path)
{
  g_autofree char *name = g_strndup (g_variant_get_data (path), g_variant_get_size (path));

  return g_hash_table_lookup (self->by_path, name);
}

/* Passes the whole list to sha256sum.  Names are terminated by NUL in input and output.  Files that
 * it cannot read are only reported on its standard error, which is ignored. */
static GBytes *
run_sha256sum (ChecksumTree *self,
               GError      **error)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GByteArray) list = g_byte_array_new ();
  g_autoptr (GBytes) input = NULL;
  GBytes *output = NULL;

  for (guint i = 0; i < self->files->len; i++)
    {
      ChecksumFile *file = g_ptr_array_index (self->files, i);

      g_byte_array_append (list, (guint8 *) file->path, strlen (file->path) + 1);
    }

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                              error,
                              "xargs", "-0", "-r", "sha256sum", "--zero", "--", NULL);
  if (process == NULL)
    return NULL;

  input = g_byte_array_free_to_bytes (g_steal_pointer (&list));
  if (!g_subprocess_communicate (process, input, NULL, &output, NULL, error))
    return NULL;

  return output;
}

/* Whether a file has changed since the tree was walked. */
static gboolean
is_changed (const ChecksumFile *file)
{
  struct stat status;

  return lstat (file->path, &status) != 0 || modification_time (&status) != file->modified ||
         (guint64) status.st_size != file->size;
}

static void
judge (ChecksumVerdict *verdict,
       ChecksumFile    *file,
       const char      *expected)
{
  if (file->digest == NULL && file->error == NULL)
    verdict->n_missing++;
  else if (file->digest == NULL && expected == NULL)
    verdict->n_unreadable++;
  else if (g_strcmp0 (file->digest, expected) == 0)
    verdict->n_equal++;
  else if (is_changed (file))
    g_ptr_array_add (verdict->changed, file);
  else
    g_ptr_array_add (verdict->different, file);
}

/* Each record consists of the digest, two characters for the mode, and the path. */
static GHashTable *
parse_digests (GBytes *output)
{
  GHashTable *digests = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const char *record = g_bytes_get_data (output, NULL);
  const char *end = record + g_bytes_get_size (output);

  while (record < end)
    {
      gsize length = strnlen (record, end - record);

      if (length > DIGEST_LENGTH + 2)
        g_hash_table_insert (digests,
                             g_strndup (record + DIGEST_LENGTH + 2, length - DIGEST_LENGTH - 2),
                             g_strndup (record, DIGEST_LENGTH));
      record += length + 1;
    }

  return digests;
}

ChecksumVerdict *
checksum_tree_verify (ChecksumTree *self,
                      GError      **error)
{
  g_autoptr (GBytes) output = run_sha256sum (self, error);
  g_autoptr (GHashTable) digests = NULL;
  ChecksumVerdict *verdict = NULL;

  if (output == NULL)
    return NULL;

  digests = parse_digests (output);
  verdict = g_new0 (ChecksumVerdict, 1);
  verdict->different = g_ptr_array_new ();
  verdict->changed = g_ptr_array_new ();
  for (guint i = 0; i < self->files->len; i++)
    {
      ChecksumFile *file = g_ptr_array_index (self->files, i);

      judge (verdict, file, g_hash_table_lookup (digests, file->path));
    }

  return verdict;
}

void
checksum_verdict_free (ChecksumVerdict *self)
{
  g_ptr_array_unref (self->different);
  g_ptr_array_unref (self->changed);
  g_free (self);
}
