/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/format.h"
#include "formats/pickle-reader.h"
#include "mp-error.h"
#include "message/mp-message-private.h"

#include <string.h>

/* Putting and getting for Python, in one call whatever the form of the message. */

/* The bytes of a codec, without its name; what another codec made stays queued. */
static guint8 *
load_opaque (MpQueueDelivery *delivery,
             const char      *codec,
             gsize           *length,
             GError         **error)
{
  gsize name_size = strnlen ((const char *) delivery->data, delivery->size);

  if (name_size == delivery->size)
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                           "An opaque message does not say which codec made it");
      return NULL;
    }
  if (g_strcmp0 ((const char *) delivery->data, codec) != 0)
    {
      mp_format_refuse_opaque (delivery->data, delivery->size, error);
      return NULL;
    }

  *length = delivery->size - name_size - 1;
  return g_memdup2 (delivery->data + name_size + 1, MAX (1, *length));
}

static guint8 *
steal_data (MpQueueDelivery *delivery,
            gsize           *length)
{
  *length = delivery->size;
  if (delivery->data != delivery->buffer)
    return g_steal_pointer (&delivery->data);
  return delivery->size != 0 ? g_memdup2 (delivery->data, delivery->size) : g_malloc (1);
}

/* The bytes as they are, when Python can load them so; NULL without an error when they have
 * to be converted: what is not a pickle, or one that would have Python import something. */
static guint8 *
load (MpQueueDelivery *delivery,
      const char      *codec,
      gsize           *length,
      GError         **error)
{
  gboolean needs_dill;

  if (delivery->tag == MP_FORMAT_BYTES)
    return steal_data (delivery, length);
  if (delivery->tag == MP_FORMAT_OPAQUE)
    return load_opaque (delivery, codec, length, error);
  if (delivery->tag != MP_FORMAT_PICKLE)
    return NULL;
  /* Who loads every pickle has no use for a check. */
  if (g_strcmp0 (codec, "pickle") != 0 &&
      (!mp_pickle_check (delivery->data, delivery->size, &needs_dill, error) || needs_dill))
    return NULL;
  return steal_data (delivery, length);
}

static int
loadable_format (const MpQueueDelivery *delivery)
{
  if (delivery->tag == MP_FORMAT_BYTES || delivery->tag == MP_FORMAT_OPAQUE)
    return (int) delivery->tag;
  return MP_FORMAT_PICKLE;
}

/* FALSE without an error when the time is over or a signal handler ran. */
static gboolean
get_interruptibly (MpQueue         *self,
                   MpQueueDelivery *delivery,
                   gint64           timeout_us,
                   GError         **error)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  const MpQueueWait wait = { timeout_us, NULL, TRUE };
  MpQueueStatus     status;

  if (!mp_queue_check (self, error))
    return FALSE;

  status = priv->backend->get (priv->store, delivery, &wait);
  if (G_UNLIKELY (priv->fd_bell != NULL))
    mp_queue_refresh_fd (self);

  if (status == MP_QUEUE_OK)
    return TRUE;
  if (status == MP_QUEUE_EMPTY || status == MP_QUEUE_INTERRUPTED)
    return FALSE;
  return mp_queue_set_error (self, status, delivery, error);
}

/**
 * mp_queue_get_loadable:
 * @self: a queue
 * @codec: (nullable): the codec whose opaque messages the caller can read
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @format: (out): the form of the result, an [enum@Format]: `BYTES`, `PICKLE` or
 *   `OPAQUE`; -1 when there is none
 * @length: (out): how many bytes
 * @error: return location for an error
 *
 * Gets the next message in the form that is quickest to load for Python: bytes as they are,
 * what @codec made as it made it, everything else as a pickle that was checked. Who names the
 * codec `pickle` loads every pickle anyway, and gets those unchecked.
 *
 * Like [method@Queue.wait] it returns when a signal handler of the process ran. Else it
 * fails as [method@Queue.get_pickle] does.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): the bytes;
 *   %NULL without an error when the time is over or a signal handler ran, with @error when
 *   the message cannot be loaded or the queue cannot be used
 *
 * Since: 1.0
 */
guint8 *
mp_queue_get_loadable (MpQueue    *self,
                       const char *codec,
                       gint64      timeout_us,
                       int        *format,
                       gsize      *length,
                       GError    **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);
  g_autoptr (GError) refused = NULL;
  guint8 *result;

  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (format != NULL && length != NULL, NULL);

  *format = -1;
  *length = 0;
  if (!get_interruptibly (self, &delivery, timeout_us, error))
    return NULL;

  result = load (&delivery, codec, length, &refused);
  if (refused != NULL)
    {
      mp_queue_give_back (self, &delivery, delivery.data);
      g_propagate_error (error, g_steal_pointer (&refused));
      return NULL;
    }
  if (result != NULL)
    mp_queue_end_get (self, &delivery);
  else
    result = mp_queue_get_converted (self, &delivery, mp_queue_convert_to_pickle, length, error);

  if (result != NULL)
    *format = loadable_format (&delivery);
  if (delivery.data != delivery.buffer)
    g_free (delivery.data);
  return result;
}

static MpQueueStatus
put_interruptibly (MpQueue           *self,
                   const MpQueueItem *item,
                   const MpQueueWait *wait)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  guint           n_put;

  if (G_UNLIKELY (priv->store == NULL))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (g_atomic_int_get (&priv->closed)))
    return MP_QUEUE_CLOSED;
  return priv->backend->put (priv->store, item, 1, wait, &n_put);
}

/**
 * mp_queue_put_loadable:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): bytes, a pickle of plain values, or
 *   the name of a codec, a NUL, and what the codec made
 * @length: how many bytes
 * @format: the form of @data, an [enum@Format]: `BYTES`, `PICKLE` or `OPAQUE`
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Puts what [method@Queue.get_loadable] gets.
 *
 * Like [method@Queue.wait] it returns when a signal handler of the process ran. Else it
 * fails as [method@Queue.put_pickle] does.
 *
 * Returns: whether it was put; %FALSE without an error when there was no room until the time
 *   was over or a signal handler ran
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_loadable (MpQueue      *self,
                       const guint8 *data,
                       gsize         length,
                       int           format,
                       gint64        timeout_us,
                       GError      **error)
{
  const MpQueueItem item = { data, length, (guint8) format };
  const MpQueueWait wait = { timeout_us, NULL, TRUE };
  MpQueueStatus     status;
  gboolean          needs_dill;

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);
  g_return_val_if_fail (format == MP_FORMAT_BYTES || format == MP_FORMAT_PICKLE ||
                          (format == MP_FORMAT_OPAQUE && data != NULL &&
                           memchr (data, 0, length) != NULL),
                        FALSE);

  if (format == MP_FORMAT_PICKLE && !mp_pickle_check (data, length, &needs_dill, error))
    return FALSE;

  status = put_interruptibly (self, &item, &wait);
  if (status == MP_QUEUE_OK)
    return TRUE;
  if (status == MP_QUEUE_FULL || status == MP_QUEUE_INTERRUPTED)
    return FALSE;
  return mp_queue_set_error (self, status, NULL, error);
}
