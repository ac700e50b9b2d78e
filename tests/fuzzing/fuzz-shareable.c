/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* Descriptors that an untrusted process may send: a file with any content, another kind of file, a
 * socket. */
static GUnixFDList *
make_descriptors (const guint8 *data,
                  gsize         size,
                  int           n_fds)
{
  int fds[4];
  int ends[2];

  fds[0] = memfd_create ("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_assert_no_errno (fds[0]);
  g_assert_cmpint (pwrite (fds[0], data, size, 0), ==, size);
  g_assert_no_errno (fcntl (fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL));
  g_assert_no_errno (pipe2 (ends, O_CLOEXEC));
  fds[1] = ends[0];
  close (ends[1]);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds + 2));

  for (int i = n_fds; i < 4; i++)
    close (fds[i]);

  return g_unix_fd_list_new_from_array (fds, n_fds);
}

static void
try_to_open (GVariant    *description,
             GUnixFDList *descriptors)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) object = mp_shareable_open (description, descriptors, &error);

  g_assert_true ((object == NULL) == (error != NULL));
  if (object != NULL)
    {
      g_autoptr (GUnixFDList) again = g_unix_fd_list_new ();
      g_autoptr (GVariant) described = mp_shareable_describe (object, again, &error);

      g_assert_no_error (error);
      g_assert_true (g_variant_is_normal_form (described));
    }
}

/* An untrusted description with descriptors, whose number some classes check first.  An object that
 * could be opened can be described again. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) description = NULL;

  description =
    g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE ("(sv)"), bytes, FALSE));
  for (int n_fds = 2; n_fds <= 4; n_fds += 2)
    {
      g_autoptr (GUnixFDList) descriptors = make_descriptors (data, size, n_fds);

      try_to_open (description, descriptors);
    }

  return 0;
}
