/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-stream-source.h"

#include "mp-async.h"

typedef struct
{
  GSource  parent;
  gpointer object; /* kept alive by the callback */
  gboolean (*is_handled) (gpointer object);
  GSource *(*make_watch) (gpointer object);
  GSource *watch;
} StreamSource;

gboolean
mp_stream_source_has_handler (gpointer object,
                              guint    signal_id)
{
  return g_signal_has_handler_pending (object, signal_id, 0, TRUE);
}

static void
drop_watch (StreamSource *self)
{
  if (self->watch != NULL)
    g_source_remove_child_source (&self->parent, self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
}

/* Checks for a handler in each iteration: connecting one usually happens in this main context. */
static gboolean
stream_source_prepare (GSource *source,
                       int     *timeout)
{
  StreamSource *self = (StreamSource *) source;
  gboolean      watches = self->is_handled (self->object);

  *timeout = -1;
  if (watches == (self->watch != NULL))
    return FALSE;

  if (watches)
    {
      self->watch = self->make_watch (self->object);
      mp_async_add_child (source, g_source_ref (self->watch));
    }
  else
    {
      drop_watch (self);
    }

  /* A message may be available already. */
  return watches;
}

static gboolean
stream_source_dispatch (GSource    *source,
                        GSourceFunc callback,
                        gpointer    user_data)
{
  return callback == NULL ? G_SOURCE_REMOVE : callback (user_data);
}

static void
stream_source_finalize (GSource *source)
{
  g_clear_pointer (&((StreamSource *) source)->watch, g_source_unref);
}

static GSourceFuncs stream_source_funcs = {
  .prepare = stream_source_prepare,
  .dispatch = stream_source_dispatch,
  .finalize = stream_source_finalize,
};

GSource *
mp_stream_source_new (gpointer object,
                      gboolean (*is_handled) (gpointer object),
                      GSource *(*watch) (gpointer object))
{
  GSource      *source = g_source_new (&stream_source_funcs, sizeof (StreamSource));
  StreamSource *self = (StreamSource *) source;

  self->object = object;
  self->is_handled = is_handled;
  self->make_watch = watch;
  return source;
}
