/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "mp-error.h"
#include "waiting/mp-waitable-private.h"

#include <glib/gstdio.h>

/* A queue as something to share, and as something to wait for. */

static GVariant *
describe (MpShareable *shareable,
          GUnixFDList *descriptors,
          GError     **error)
{
  MpQueue         *self = MP_QUEUE (shareable);
  MpQueuePrivate  *priv = mp_queue_get_private (self);
  g_autofree char *uri = NULL;

  if (!mp_queue_check (self, error))
    return NULL;

  uri = priv->backend->share (priv->store, descriptors, error);
  return uri != NULL ? g_variant_new ("(s)", uri) : NULL;
}

static MpShareable *
open_described (GType        type,
                GVariant    *description,
                GUnixFDList *descriptors,
                GError     **error)
{
  const char           *uri;
  int                   fd, bell_fd;
  gpointer              store;
  MpSharedQueueSettings settings;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE ("(s)")))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   "The description of a queue has type %s, not (s)",
                   g_variant_get_type_string (description));
      return NULL;
    }

  g_variant_get (description, "(&s)", &uri);
  if (!g_str_equal (uri, MP_SHARED_QUEUE_SCHEME) || g_unix_fd_list_get_length (descriptors) != 2)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   "A queue at “%.64s” with %d descriptors cannot be opened", uri,
                   g_unix_fd_list_get_length (descriptors));
      return NULL;
    }

  fd = g_unix_fd_list_get (descriptors, 0, error);
  if (fd == -1)
    return NULL;
  bell_fd = g_unix_fd_list_get (descriptors, 1, error);
  if (bell_fd == -1)
    {
      g_close (fd, NULL);
      return NULL;
    }

  store = mp_shared_queue_open (fd, bell_fd, error);
  if (store == NULL)
    return NULL;

  mp_shared_queue_get_settings (store, &settings);
  if ((settings.mode == MP_QUEUE_MODE_ACKNOWLEDGED) !=
      g_type_is_a (type, g_type_from_name ("MpJoinableQueue")))
    {
      mp_shared_queue_backend.free (store);
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   "The memory is not that of a %s", g_type_name (type));
      return NULL;
    }
  return MP_SHAREABLE (mp_queue_new_for_store (type, store));
}

void
mp_queue_shareable_init (MpShareableInterface *iface)
{
  iface->describe = describe;
  iface->open = open_described;
}

static GIOCondition
get_condition (MpWaitable *waitable)
{
  return G_IO_IN;
}

static int
get_fd (MpWaitable *waitable)
{
  return mp_queue_peek_fd (MP_QUEUE (waitable));
}

static gboolean
has_pending (MpWaitable *waitable,
             GError    **error)
{
  MpQueue *self = MP_QUEUE (waitable);

  return mp_queue_check (self, error) && mp_queue_check_fd (self, FALSE);
}

static gboolean
is_ready (MpWaitable *waitable,
          GError    **error)
{
  MpQueue *self = MP_QUEUE (waitable);

  return mp_queue_check (self, error) && mp_queue_check_fd (self, TRUE);
}

static gboolean
wait_for (MpWaitable   *waitable,
          MpCondition   condition,
          MpWaitFlags   flags,
          gint64        timeout_us,
          GCancellable *cancellable,
          GError      **error)
{
  if (condition == MP_CONDITION_DONE)
    return mp_waitable_set_no_condition (waitable, error);

  return mp_queue_wait_for (MP_QUEUE (waitable),
                            condition == MP_CONDITION_READABLE ? MP_QUEUE_WAIT_ITEMS
                                                               : MP_QUEUE_WAIT_SPACE,
                            flags, timeout_us, cancellable, error);
}

void
mp_queue_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = get_fd;
  iface->get_condition = get_condition;
  iface->is_ready = is_ready;
  iface->has_pending = has_pending;
  iface->wait = wait_for;
}
