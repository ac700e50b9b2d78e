/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bequest.h"

/* Nobody hands over more than descriptors allow, and a description is small. */
#define MAX_LIST_SIZE (16 * 1024 * 1024)

/* A thing that was handed to this process. */
typedef struct
{
  GVariant *description;

  /* NULL once the thing has been taken; it has descriptors of its own then.  Also NULL when
   * they are not open, as a program between parent and child may have it. */
  GUnixFDList *descriptors;
  gboolean     taken;
  GWeakRef     object;
} Heirloom;

static GMutex heirlooms_lock;

/* By name; NULL until this process first asks. */
static GHashTable *heirlooms;

/* Why there is none, when the parent's list could not be read. */
static GError *heirlooms_error;

static void
heirloom_free (gpointer data)
{
  Heirloom *heirloom = data;

  g_variant_unref (heirloom->description);
  g_clear_object (&heirloom->descriptors);
  g_weak_ref_clear (&heirloom->object);
  g_free (heirloom);
}

/* Finds the descriptor that @variable names, if it is what the parent has made. */
static int
find_list (const char *variable,
           gsize      *size)
{
  g_auto (GStrv) parts = g_strsplit (variable, ":", 2);
  struct stat info;
  guint64     inode;
  guint64     fd;
  int         seals;

  if (g_strv_length (parts) != 2 ||
      !g_ascii_string_to_unsigned (parts[0], 10, 0, G_MAXINT, &fd, NULL) ||
      !g_ascii_string_to_unsigned (parts[1], 10, 0, G_MAXUINT64, &inode, NULL))
    return -1;

  if (fstat (fd, &info) < 0 || info.st_ino != inode || !S_ISREG (info.st_mode) ||
      info.st_size > MAX_LIST_SIZE)
    return -1;

  seals = fcntl (fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_WRITE) == 0)
    return -1;

  *size = info.st_size;
  return fd;
}

/* Reads the list and closes its descriptor. */
static GVariant *
read_list (const char *variable,
           GError    **error)
{
  g_autoptr (GVariant) list = NULL;
  g_autofree char *data = NULL;
  gsize            n_read = 0;
  gsize            size = 0;
  int              fd = find_list (variable, &size);

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   _ ("What the parent handed over did not reach this process: a program between"
                      " the two has closed its descriptors"));
      return NULL;
    }

  data = g_malloc (MAX (size, 1));
  while (n_read < size)
    {
      gssize n = TEMP_FAILURE_RETRY (pread (fd, data + n_read, size - n_read, n_read));

      if (n <= 0)
        break;
      n_read += n;
    }
  close (fd);

  list = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE (MP_BEQUEST_LIST_TYPE), data, n_read, FALSE,
                             g_free, data));
  data = NULL;
  if (!g_variant_is_normal_form (list))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("The list of what the parent handed over is damaged"));
      return NULL;
    }

  return g_steal_pointer (&list);
}

/* Takes the descriptors over, and keeps them from this process's own children. */
static GUnixFDList *
adopt_descriptors (const int *fds,
                   gsize      n_fds)
{
  for (gsize i = 0; i < n_fds; i++)
    if (fds[i] < 0 || fcntl (fds[i], F_SETFD, FD_CLOEXEC) < 0)
      return NULL;

  return g_unix_fd_list_new_from_array (fds, n_fds);
}

static void
add_heirlooms (GVariant *list)
{
  GVariantIter iter;
  GVariant    *description;
  GVariant    *numbers;
  const char  *name;

  g_variant_iter_init (&iter, list);
  while (g_variant_iter_next (&iter, "{&s(@(sv)@ai)}", &name, &description, &numbers))
    {
      Heirloom  *heirloom = g_new0 (Heirloom, 1);
      gsize      n_fds;
      const int *fds = g_variant_get_fixed_array (numbers, &n_fds, sizeof (int));

      heirloom->description = description;
      heirloom->descriptors = adopt_descriptors (fds, n_fds);
      g_weak_ref_init (&heirloom->object, NULL);
      g_hash_table_replace (heirlooms, g_strdup (name), heirloom);
      g_variant_unref (numbers);
    }
}

/* Reads what the parent handed over, the first time.  The variable goes: a child of this
 * process inherits nothing that it names. */
static void
ensure_heirlooms (void)
{
  g_autofree char *variable = NULL;
  g_autoptr (GVariant) list = NULL;

  if (heirlooms != NULL)
    return;

  heirlooms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, heirloom_free);
  variable = g_strdup (g_getenv (MP_BEQUEST_VARIABLE));
  if (variable == NULL)
    return;

  g_unsetenv (MP_BEQUEST_VARIABLE);
  list = read_list (variable, &heirlooms_error);
  if (list != NULL)
    add_heirlooms (list);
}

static void
set_not_found_error (const char *name,
                     GError    **error)
{
  g_autofree char **names = (char **) g_hash_table_get_keys_as_array (heirlooms, NULL);
  g_autofree char  *joined = g_strjoinv ("”, “", names);

  if (heirlooms_error != NULL)
    g_propagate_error (error, g_error_copy (heirlooms_error));
  else if (names[0] == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no “%s”: nothing was handed to this process at its start"), name);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no “%s” among what was handed to this process: “%s”"),
                 name, joined);
}

static MpShareable *
take (Heirloom   *heirloom,
      const char *name,
      GError    **error)
{
  MpShareable *object = g_weak_ref_get (&heirloom->object);

  if (object != NULL)
    return object;

  if (heirloom->descriptors == NULL && !heirloom->taken)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   _ ("The descriptors of “%s” did not reach this process"), name);
      return NULL;
    }

  if (heirloom->descriptors == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                   _ ("“%s” was handed to this process, and is closed already"), name);
      return NULL;
    }

  object = mp_shareable_open (heirloom->description, heirloom->descriptors, error);
  if (object == NULL)
    return NULL;

  g_weak_ref_set (&heirloom->object, object);
  g_clear_object (&heirloom->descriptors);
  heirloom->taken = TRUE;
  return object;
}

/**
 * mp_inherit:
 * @name: the name under which the parent gave it
 * @error: return location for an error
 *
 * Takes what the parent handed to this process with [method@Process.give].
 *
 * The object is of the class that the parent gave. As long as it lives, asking again gives
 * the same object; when the last reference is dropped it is closed, and asking again fails with
 * `G_IO_ERROR_CLOSED`.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` when the parent gave nothing of that name, or this process
 * has no parent that gives.
 *
 * The first call removes the environment variable by which the parent told, and keeps what was
 * given from the children of this process. It belongs at the start of the program, before
 * there are other threads that read the environment.
 *
 * Returns: (transfer full): what was given
 *
 * Since: 1.0
 */
MpShareable *
mp_inherit (const char *name,
            GError    **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&heirlooms_lock);
  Heirloom *heirloom;

  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ensure_heirlooms ();

  heirloom = g_hash_table_lookup (heirlooms, name);
  if (heirloom == NULL)
    {
      set_not_found_error (name, error);
      return NULL;
    }

  return take (heirloom, name, error);
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/**
 * mp_inherit_names:
 *
 * Gives the names of all that the parent handed to this process.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names in the order of their bytes;
 *   none when this process has no parent that gives
 *
 * Since: 1.0
 */
char **
mp_inherit_names (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&heirlooms_lock);
  g_autofree char **keys = NULL;
  char            **names;
  guint             n_names;

  ensure_heirlooms ();

  keys = (char **) g_hash_table_get_keys_as_array (heirlooms, &n_names);
  names = g_strdupv (keys);
  qsort (names, n_names, sizeof (char *), compare_names);
  return names;
}
