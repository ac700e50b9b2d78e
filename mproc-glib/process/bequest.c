/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bequest.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mp-errno.h"
#include "mp-shareable.h"

#define LIST_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static gboolean
set_errno_error (GError **error)
{
  return mp_set_error_from_errno (error, errno, _ ("Cannot write the list of objects for a "
                                                   "child process"));
}

static gboolean
add_item (MpBequest       *self,
          GVariantBuilder *list,
          const char      *name,
          MpShareable     *shareable,
          int              first_fd,
          GError         **error)
{
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = mp_shareable_describe (shareable, fd_list, error);
  GVariantBuilder numbers;
  const int      *fds;
  int             n_fds;

  if (description == NULL)
    {
      g_prefix_error (error, _ ("Cannot pass “%s” to the child process: "), name);
      return FALSE;
    }

  g_variant_builder_init (&numbers, G_VARIANT_TYPE ("ai"));
  fds = g_unix_fd_list_peek_fds (fd_list, &n_fds);
  for (int i = 0; i < n_fds; i++)
    {
      g_variant_builder_add (&numbers, "i", first_fd + (int) self->fds->len);
      g_array_append_val (self->fds, fds[i]);
    }

  g_variant_builder_add (list, "{s(@(sv)ai)}", name, description, &numbers);
  g_ptr_array_add (self->fd_lists, g_steal_pointer (&fd_list));
  return TRUE;
}

/* Fills and seals the memfd of the list, which is the first descriptor. */
static gboolean
write_list (MpBequest *self,
            GVariant  *list,
            GError   **error)
{
  const char *data = g_variant_get_data (list);
  gsize       size = g_variant_get_size (list);
  int         fd = g_array_index (self->fds, int, 0);

  for (gsize offset = 0; offset < size;)
    {
      gssize n = TEMP_FAILURE_RETRY (pwrite (fd, data + offset, size - offset, offset));

      if (n <= 0)
        return set_errno_error (error);
      offset += n;
    }

  if (fcntl (fd, F_ADD_SEALS, LIST_SEALS) < 0)
    return set_errno_error (error);

  return TRUE;
}

/* Creates a bequest from @shareables, a table of MpShareable by name.  The child gets its
 * descriptors as @first_fd and following.  On failure there is nothing to clear.
 *
 * It calls the program's own implementations of MpShareable, so no lock may be held. */
gboolean
mp_bequest_init (MpBequest  *self,
                 GHashTable *shareables,
                 int         first_fd,
                 GError    **error)
{
  g_auto (MpBequest) bequest = { 0 };
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (MP_BEQUEST_LIST_TYPE));
  g_autoptr (GVariant) list = NULL;
  GHashTableIter iter;
  gpointer       name, shareable;
  struct stat    info;
  int            fd = memfd_create ("mproc-glib-inherit", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0)
    return set_errno_error (error);

  bequest.fds = g_array_new (FALSE, FALSE, sizeof (int));
  bequest.fd_lists = g_ptr_array_new_with_free_func (g_object_unref);
  g_array_append_val (bequest.fds, fd);

  g_hash_table_iter_init (&iter, shareables);
  while (g_hash_table_iter_next (&iter, &name, &shareable))
    if (!add_item (&bequest, &builder, name, shareable, first_fd, error))
      return FALSE;

  list = g_variant_ref_sink (g_variant_builder_end (&builder));
  if (!write_list (&bequest, list, error))
    return FALSE;

  if (fstat (fd, &info) < 0)
    return set_errno_error (error);

  bequest.variable = g_strdup_printf ("%d:%" G_GUINT64_FORMAT, first_fd, (guint64) info.st_ino);
  *self = bequest;
  bequest = (MpBequest){ 0 };
  return TRUE;
}

void
mp_bequest_clear (MpBequest *self)
{
  if (self->fds != NULL)
    close (g_array_index (self->fds, int, 0));
  g_clear_pointer (&self->fds, g_array_unref);
  g_clear_pointer (&self->fd_lists, g_ptr_array_unref);
  g_clear_pointer (&self->variable, g_free);
}
