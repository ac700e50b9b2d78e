/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A bequest is the set of objects that a parent passes to a child at its start.  Its list is in a
 * sealed memfd, which the child inherits as the descriptor given by this environment variable:
 * "descriptor:inode".  The inode proves that the number still refers to that memfd, and not to a
 * file that a program between parent and child has opened. */
#define MP_BEQUEST_VARIABLE "MPROC_GLIB_INHERIT"

/* By name: the result of mp_shareable_describe (), and the numbers of its descriptors in the child.
 */
#define MP_BEQUEST_LIST_TYPE "a{s((sv)ai)}"

typedef struct
{
  /* The descriptors that the child gets, in the order of their numbers there.  The first is the
   * memfd with the list, which is owned; the others are owned by @fd_lists. */
  GArray    *fds;
  GPtrArray *fd_lists;

  /* The value of the variable. */
  char *variable;
} MpBequest;

gboolean mp_bequest_init (MpBequest  *self,
                          GHashTable *shareables,
                          int         first_fd,
                          GError    **error);
void     mp_bequest_clear (MpBequest *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpBequest, mp_bequest_clear)

G_END_DECLS
