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
#include "mp-fork.h"

/* The largest list that is read: more than the descriptions of as many objects as a process can
 * have descriptors. */
#define MAX_LIST_SIZE (16 * 1024 * 1024)

/* An object that the parent passed, and whether this process has opened it. */
typedef struct
{
  GVariant *description;

  /* NULL once the object was opened, which then has its own descriptors.  Also NULL if a program
   * between parent and child closed them. */
  GUnixFDList *descriptors;
  gboolean     opened;
  GWeakRef     object;

  /* The thread that is opening the object, without holding the lock, and the pid of its process,
   * since that thread does not exist in a forked child.  NULL if there is none. */
  GThread *opener;
  int      opener_pid;
} Item;

static GMutex     bequest_lock;
static MpForkHook fork_hook;

/* Signalled when a thread has finished opening an item. */
static GCond bequest_opened;

/* Items by name; NULL before first use. */
static GHashTable *bequest;

/* The reason why it is empty, if the parent's list could not be read. */
static GError *bequest_error;

static void
item_free (gpointer data)
{
  Item *item = data;

  g_variant_unref (item->description);
  g_clear_object (&item->descriptors);
  g_weak_ref_clear (&item->object);
  g_free (item);
}

/* The table is filled while forks are blocked, and not changed afterwards. */
static void
in_child (MpForkHook *hook)
{
  mp_fork_reset_mutex (&bequest_lock);
  g_cond_init (&bequest_opened);
}

static GMutexLocker *
lock_bequest (void)
{
  mp_fork_hook_add (&fork_hook, in_child);
  return g_mutex_locker_new (&bequest_lock);
}

/* Finds the descriptor that @variable gives, if it still is the one that the parent created. */
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
                   _ ("The objects passed by the parent did not reach this process: a program "
                      "between the two has closed their descriptors"));
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
                   _ ("The list of objects passed by the parent is damaged"));
      return NULL;
    }

  return g_steal_pointer (&list);
}

/* Takes ownership of the descriptors, and sets FD_CLOEXEC so that children of this process do not
 * inherit them. */
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
add_items (GVariant *list)
{
  GVariantIter iter;
  GVariant    *description;
  GVariant    *numbers;
  const char  *name;

  g_variant_iter_init (&iter, list);
  while (g_variant_iter_next (&iter, "{&s(@(sv)@ai)}", &name, &description, &numbers))
    {
      Item      *item = g_new0 (Item, 1);
      gsize      n_fds;
      const int *fds = g_variant_get_fixed_array (numbers, &n_fds, sizeof (int));

      item->description = description;
      item->descriptors = adopt_descriptors (fds, n_fds);
      g_weak_ref_init (&item->object, NULL);
      g_hash_table_replace (bequest, g_strdup (name), item);
      g_variant_unref (numbers);
    }
}

/* Reads the parent's list on first use.  Removes the environment variable, since the children of
 * this process do not inherit that memfd. */
static void
read_bequest (void)
{
  g_autofree char *variable = NULL;
  g_autoptr (GVariant) list = NULL;

  bequest = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, item_free);
  variable = g_strdup (g_getenv (MP_BEQUEST_VARIABLE));
  if (variable == NULL)
    return;

  g_unsetenv (MP_BEQUEST_VARIABLE);
  list = read_list (variable, &bequest_error);
  if (list != NULL)
    add_items (list);
}

static void
ensure_bequest (void)
{
  if (bequest != NULL)
    return;

  mp_fork_block ();
  read_bequest ();
  mp_fork_unblock ();
}

static void
set_not_found_error (const char *name,
                     GError    **error)
{
  g_autofree char **names = (char **) g_hash_table_get_keys_as_array (bequest, NULL);
  g_autofree char  *joined = g_strjoinv ("”, “", names);

  if (bequest_error != NULL)
    g_propagate_error (error, g_error_copy (bequest_error));
  else if (names[0] == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no “%s”: no objects were passed to this process at its start"), name);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no “%s” among the objects passed to this process: “%s”"),
                 name, joined);
}

static gboolean
is_being_opened (Item *item)
{
  return item->opener != NULL && item->opener_pid == mp_own_pid ();
}

/* Checks that the item can be opened, or is being opened by another thread. */
static gboolean
check_item (Item       *item,
            const char *name,
            GError    **error)
{
  if (item->descriptors != NULL)
    return TRUE;

  if (item->opened)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                 _ ("“%s” was passed to this process, and is already closed"), name);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("The descriptors of “%s” did not reach this process"), name);
  return FALSE;
}

/* Opens the object.  Drops the lock meanwhile, since the class may belong to the program, and may
 * use the functions of this file. */
static MpShareable *
open_item (Item         *item,
           GUnixFDList **used,
           GError      **error)
{
  MpShareable *object;

  item->opener = g_thread_self ();
  item->opener_pid = mp_own_pid ();
  g_mutex_unlock (&bequest_lock);
  object = mp_shareable_open (item->description, item->descriptors, error);
  g_mutex_lock (&bequest_lock);
  item->opener = NULL;

  if (object != NULL)
    {
      g_weak_ref_set (&item->object, object);
      *used = g_steal_pointer (&item->descriptors);
      item->opened = TRUE;
    }

  g_cond_broadcast (&bequest_opened);
  return object;
}

/* The caller holds the lock.  Descriptors that are not needed any more are put into @used, to be
 * dropped without it. */
static MpShareable *
take (Item         *item,
      const char   *name,
      GUnixFDList **used,
      GError      **error)
{
  MpShareable *object;

  while (is_being_opened (item) && item->opener != g_thread_self ())
    g_cond_wait (&bequest_opened, &bequest_lock);

  if (is_being_opened (item))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                   _ ("“%s” is being opened by this very call"), name);
      return NULL;
    }

  object = g_weak_ref_get (&item->object);
  if (object != NULL || !check_item (item, name, error))
    return object;

  return open_item (item, used, error);
}

/**
 * mp_inherit:
 * @name: the name under which the parent passed it
 * @error: return location for an error
 *
 * Gets an object that the parent passed to this process with [method@Process.give].
 *
 * The object has the same class as in the parent. As long as it is alive, further calls return the
 * same object; when the last reference is dropped it is closed, and further calls fail with
 * `G_IO_ERROR_CLOSED`.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` if the parent passed no object of that name, or the process was
 * not started by [class@Process].
 *
 * The first call removes the environment variable that refers to the objects, and prevents the
 * children of this process from inheriting them. Call it at the start of the program, before other
 * threads read the environment.
 *
 * Returns: (transfer full): the object
 *
 * Since: 1.0
 */
MpShareable *
mp_inherit (const char *name,
            GError    **error)
{
  g_autoptr (GUnixFDList) used = NULL;
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = lock_bequest ();
  Item                           *item;

  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ensure_bequest ();

  item = g_hash_table_lookup (bequest, name);
  if (item == NULL)
    {
      set_not_found_error (name, error);
      return NULL;
    }

  return take (item, name, &used, error);
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
 * Gets the names of all objects that the parent passed to this process.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, sorted by their bytes; empty if
 *   the parent passed none
 *
 * Since: 1.0
 */
char **
mp_inherit_names (void)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = lock_bequest ();
  g_autofree char               **keys = NULL;
  char                          **names;
  guint                           n_names;

  ensure_bequest ();

  keys = (char **) g_hash_table_get_keys_as_array (bequest, &n_names);
  names = g_strdupv (keys);
  qsort (names, n_names, sizeof (char *), compare_names);
  return names;
}
