/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The standard streams of a child, by number: stdin, stdout, stderr. */
#define MP_N_STDIO 3

typedef struct
{
  /* The descriptors for the child; -1 for the defaults: an empty stdin, the parent's stdout and
   * stderr. */
  int child[MP_N_STDIO];

  /* The parent's ends of pipes; -1 where there is none. */
  int parent[MP_N_STDIO];
} MpChildStdio;

#define MP_CHILD_STDIO_INIT        \
  {                                \
    { -1, -1, -1 }, { -1, -1, -1 } \
  }

/* Opens the streams that @flags, @paths and @fds specify: a file if there is a path, a duplicate of
 * a descriptor that is not -1.  Fails with G_IO_ERROR_INVALID_ARGUMENT if a stream is specified in
 * more than one way.  On failure there is nothing to clear. */
gboolean mp_child_stdio_open (MpChildStdio      *self,
                              GSubprocessFlags   flags,
                              const char *const *paths,
                              const int         *fds,
                              GError           **error);
void     mp_child_stdio_clear (MpChildStdio *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpChildStdio, mp_child_stdio_clear)

G_END_DECLS
