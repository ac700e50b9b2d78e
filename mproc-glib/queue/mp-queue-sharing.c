/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* Implements MpShareable for queues. */

static GVariant *
describe (MpShareable *shareable,
          GUnixFDList *descriptors,
          GError     **error)
{
  MpQueue         *self = MP_QUEUE (shareable);
  MpQueueStore    *store = &mp_queue_get_private (self)->store;
  g_autofree char *uri = NULL;

  if (!mp_queue_check_open (self, error))
    return NULL;

  uri = store->backend->describe (store->home, descriptors, error);
  return uri != NULL ? g_variant_new ("(s)", uri) : NULL;
}

MpShareable *
mp_queue_open_described (GType        type,
                         MpQueueMode  mode,
                         GVariant    *description,
                         GUnixFDList *descriptors,
                         GError     **error)
{
  MpQueueStore store = { 0 };
  const char  *uri;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE ("(s)")))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("The description of a queue has type %s, not (s)"),
                   g_variant_get_type_string (description));
      return NULL;
    }

  g_variant_get (description, "(&s)", &uri);
  mp_queue_store_open (&store, uri, descriptors, NULL, NULL);
  if (store.home == NULL)
    {
      g_propagate_error (error, store.error);
      return NULL;
    }
  if (store.settings.mode != mode)
    {
      mp_queue_store_clear (&store);
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("The memory is not that of a %s"), g_type_name (type));
      return NULL;
    }
  return g_object_new (type, "opened", &store, NULL);
}

static MpShareable *
open_described (GType        type,
                GVariant    *description,
                GUnixFDList *descriptors,
                GError     **error)
{
  return mp_queue_open_described (type, MP_QUEUE_MODE_PLAIN, description, descriptors, error);
}

void
mp_queue_shareable_init (MpShareableInterface *iface)
{
  iface->describe = describe;
  iface->open = open_described;
}
