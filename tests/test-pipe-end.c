/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-pipe-end.h"

#include <unistd.h>

typedef struct
{
  int   fd;
  guint number;
} TestPipeEndPrivate;

void (*test_pipe_end_hook) (void);

static void test_pipe_end_shareable_init (MpShareableInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestPipeEnd,
                         test_pipe_end,
                         G_TYPE_OBJECT,
                         G_ADD_PRIVATE (TestPipeEnd)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE, test_pipe_end_shareable_init))

static void
test_pipe_end_finalize (GObject *object)
{
  TestPipeEndPrivate *priv = test_pipe_end_get_instance_private (TEST_PIPE_END (object));

  if (priv->fd >= 0)
    close (priv->fd);
  G_OBJECT_CLASS (test_pipe_end_parent_class)->finalize (object);
}

static void
test_pipe_end_class_init (TestPipeEndClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_pipe_end_finalize;
}

static void
test_pipe_end_init (TestPipeEnd *self)
{
  test_pipe_end_take_fd (self, -1, 0);
}

static GVariant *
test_pipe_end_describe (MpShareable *shareable,
                        GUnixFDList *descriptors,
                        GError     **error)
{
  TestPipeEndPrivate *priv = test_pipe_end_get_instance_private (TEST_PIPE_END (shareable));
  int                 handle;

  if (test_pipe_end_hook != NULL)
    test_pipe_end_hook ();
  if (priv->fd < 0)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_CLOSED, "the end of the pipe is closed");
      return NULL;
    }

  handle = g_unix_fd_list_append (descriptors, priv->fd, error);
  return handle >= 0 ? g_variant_new ("(hu)", handle, priv->number) : NULL;
}

static MpShareable *
test_pipe_end_open (GType        type,
                    GVariant    *description,
                    GUnixFDList *descriptors,
                    GError     **error)
{
  TestPipeEnd *self;
  guint        number;
  int          handle;
  int          fd;

  if (test_pipe_end_hook != NULL)
    test_pipe_end_hook ();
  if (!g_variant_is_of_type (description, G_VARIANT_TYPE ("(hu)")))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, "not the end of a pipe");
      return NULL;
    }

  g_variant_get (description, "(hu)", &handle, &number);
  if (handle < 0 || handle >= g_unix_fd_list_get_length (descriptors))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, "no descriptor");
      return NULL;
    }

  fd = g_unix_fd_list_get (descriptors, handle, error);
  if (fd < 0)
    return NULL;

  self = g_object_new (type, NULL);
  test_pipe_end_take_fd (self, fd, number);
  return MP_SHAREABLE (self);
}

static void
test_pipe_end_shareable_init (MpShareableInterface *iface)
{
  iface->describe = test_pipe_end_describe;
  iface->open = test_pipe_end_open;
}

TestPipeEnd *
test_pipe_end_new (int   fd,
                   guint number)
{
  TestPipeEnd *self = g_object_new (TEST_TYPE_PIPE_END, NULL);

  test_pipe_end_take_fd (self, fd, number);
  return self;
}

void
test_pipe_end_take_fd (TestPipeEnd *self,
                       int          fd,
                       guint        number)
{
  TestPipeEndPrivate *priv = test_pipe_end_get_instance_private (self);

  priv->fd = fd;
  priv->number = number;
}

int
test_pipe_end_get_fd (TestPipeEnd *self)
{
  return ((TestPipeEndPrivate *) test_pipe_end_get_instance_private (self))->fd;
}

guint
test_pipe_end_get_number (TestPipeEnd *self)
{
  return ((TestPipeEndPrivate *) test_pipe_end_get_instance_private (self))->number;
}
