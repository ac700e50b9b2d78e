/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* A minimal shareable class: a descriptor and a number. */
#define TEST_TYPE_PIPE_END (test_pipe_end_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestPipeEnd, test_pipe_end, TEST, PIPE_END, GObject)

struct _TestPipeEndClass
{
  GObjectClass parent_class;
};

/* Called whenever an end is described or opened, if it is not NULL. */
extern void (*test_pipe_end_hook) (void);

/* These take ownership of @fd. */
TestPipeEnd *test_pipe_end_new (int   fd,
                                guint number);
void         test_pipe_end_take_fd (TestPipeEnd *self,
                                    int          fd,
                                    guint        number);

int   test_pipe_end_get_fd (TestPipeEnd *self);
guint test_pipe_end_get_number (TestPipeEnd *self);

G_END_DECLS
