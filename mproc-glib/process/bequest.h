/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a parent hands to a child at its start is written down in a list, in a sealed memfd
 * that the child inherits; this variable says where: "descriptor:inode".  The inode tells
 * the list from whatever else has got that number in a process further down. */
#define MP_BEQUEST_VARIABLE "MPROC_GLIB_INHERIT"

/* For each name what mp_shareable_describe() gave, and the numbers that the descriptors have
 * in the child. */
#define MP_BEQUEST_LIST_TYPE "a{s((sv)ai)}"

typedef struct
{
  /* The descriptors that the child gets, in the order of their numbers there.  The list is
   * the first and belongs to this; the others belong to @fd_lists. */
  GArray    *fds;
  GPtrArray *fd_lists;

  /* The value of the variable. */
  char *variable;
} MpBequest;

gboolean mp_bequest_init (MpBequest  *self,
                          GHashTable *gifts,
                          int         first_fd,
                          GError    **error);
void     mp_bequest_clear (MpBequest *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpBequest, mp_bequest_clear)

G_END_DECLS
