/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "mp-error.h"

#include <string.h>

/* Putting and getting many payloads in one call and one step of the queue, for language bindings,
 * in which a call costs more than a message does.
 *
 * Packed payloads are stored as their number, the size of each, the format of each as one byte, and
 * the concatenated payloads.  Numbers have 32 bits in the byte order of the machine. */

#define MAX_BATCH   64
#define BUFFER_SIZE 16384

/* The maximum number of messages that one get takes, so that it ends also if producers are faster.
 */
#define MAX_PACKED 4096

typedef struct
{
  guint         n;
  const guint8 *sizes;
  const guint8 *formats;
  const guint8 *payloads;
} Packed;

static guint32
read_number (const guint8 *data)
{
  guint32 number;

  memcpy (&number, data, sizeof number);
  return number;
}

static gboolean
unpack (Packed       *packed,
        const guint8 *data,
        gsize         length)
{
  gsize rest = length;

  if (rest < sizeof (guint32))
    return FALSE;
  packed->n = read_number (data);
  rest -= sizeof (guint32);
  if (packed->n > rest / (sizeof (guint32) + 1))
    return FALSE;

  packed->sizes = data + sizeof (guint32);
  packed->formats = packed->sizes + packed->n * sizeof (guint32);
  packed->payloads = packed->formats + packed->n;
  rest -= packed->n * (sizeof (guint32) + 1);
  for (guint i = 0; i < packed->n; i++)
    {
      guint32 size = read_number (packed->sizes + i * sizeof (guint32));

      if (size > rest)
        return FALSE;
      rest -= size;
    }
  return rest == 0;
}

/* Puts one batch and advances @payload. */
static MpQueueStatus
put_batch (MpQueue       *self,
           const Packed  *packed,
           guint          first,
           const guint8 **payload,
           MpQueueCall   *call,
           guint         *n_put,
           GError       **error)
{
  MpQueueItem   items[MAX_BATCH];
  guint         n = MIN (packed->n - first, MAX_BATCH);
  MpQueueStatus status;

  for (guint i = 0; i < n; i++)
    {
      guint32 size = read_number (packed->sizes + (first + i) * sizeof (guint32));

      items[i] = (MpQueueItem){ i == 0 ? *payload : items[i - 1].data + items[i - 1].size, size,
                                packed->formats[first + i], NULL };
      if (!mp_queue_check_payload (items[i].tag, items[i].data, size, error))
        {
          n = i;
          break;
        }
    }
  status = MP_QUEUE_OK;
  *n_put = 0;
  if (n > 0)
    status = mp_queue_store_put (&mp_queue_get_private (self)->store, items, n, call, n_put);
  for (guint i = 0; i < *n_put; i++)
    *payload += items[i].size;
  return status;
}

static const guint8 *
find_payload (const Packed *packed,
              guint         index)
{
  const guint8 *payload = packed->payloads;

  for (guint i = 0; i < index; i++)
    payload += read_number (packed->sizes + i * sizeof (guint32));
  return payload;
}

/**
 * mp_queue_put_packed:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): packed payloads: their number, the size of
 *   each, the [enum@Format] of each as one byte, and the concatenated payloads; numbers have 32
 *   bits in the byte order of the machine
 * @length: how many bytes
 * @first: how many to skip, since an earlier call put them
 * @n_put: (out): how many were put, beginning with @first; set also on failure
 * @timeout_us: how long to wait for room, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Puts many payloads in as few steps as possible, each as [method@Queue.put_payload] does.
 *
 * It also returns after a signal handler of the process has run; see [method@Queue.get_payload].
 *
 * Returns: whether all were put; %FALSE without an error if there was no room before the timeout, a
 *   signal handler ran, or only a part could be put and @timeout_us is not 0: then another call
 *   tells why
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_packed (MpQueue      *self,
                     const guint8 *data,
                     gsize         length,
                     guint         first,
                     guint        *n_put,
                     gint64        timeout_us,
                     GError      **error)
{
  MpQueueCall   call = { .timeout_us = timeout_us, .interruptible = TRUE };
  MpQueueStatus status = MP_QUEUE_OK;
  Packed        packed;
  g_autoptr (GError) refused = NULL;
  const guint8 *payload;

  *n_put = 0;
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (unpack (&packed, data, length), FALSE);
  g_return_val_if_fail (first <= packed.n, FALSE);

  payload = find_payload (&packed, first);
  while (first < packed.n && status == MP_QUEUE_OK && refused == NULL)
    {
      guint n;

      status = put_batch (self, &packed, first, &payload, &call, &n, &refused);
      first += n;
      *n_put += n;
    }

  if (status == MP_QUEUE_FULL || status == MP_QUEUE_INTERRUPTED)
    return FALSE;
  /* Bindings have no @n_put after an error. */
  if (*n_put > 0 && timeout_us != 0 && first < packed.n)
    return FALSE;
  if (status != MP_QUEUE_OK)
    return mp_queue_set_error (self, status, &call, error);
  if (refused != NULL)
    g_propagate_error (error, g_steal_pointer (&refused));
  return first == packed.n;
}

typedef struct
{
  GByteArray *sizes, *formats, *payloads;
  gboolean    has_met_arrays; /* the next message may have arrays: the caller gets it otherwise */
} Packing;

static void
pack (Packing      *packing,
      guint8        format,
      const guint8 *data,
      guint32       size)
{
  g_byte_array_append (packing->sizes, (const guint8 *) &size, sizeof size);
  g_byte_array_append (packing->formats, &format, 1);
  if (size > 0)
    g_byte_array_append (packing->payloads, data, size);
}

static guint8 *
end_packing (Packing *packing,
             gsize   *length)
{
  guint32     n = packing->formats->len;
  GByteArray *packed = g_byte_array_sized_new (sizeof n + packing->sizes->len + n +
                                               packing->payloads->len);

  g_byte_array_append (packed, (const guint8 *) &n, sizeof n);
  g_byte_array_append (packed, packing->sizes->data, packing->sizes->len);
  g_byte_array_append (packed, packing->formats->data, n);
  if (packing->payloads->len > 0)
    g_byte_array_append (packed, packing->payloads->data, packing->payloads->len);
  *length = packed->len;
  return g_byte_array_free (packed, FALSE);
}

/* Appends payloads that are adjacent in memory in one step.  Returns their number. */
static guint
pack_payloads (Packing         *packing,
               MpQueueDelivery *deliveries,
               guint            n)
{
  const guint8 *begin = deliveries[0].data;
  const guint8 *end = begin + deliveries[0].size;
  guint         n_packed = 1;

  if (deliveries[0].data == deliveries[0].buffer)
    for (; n_packed < n && deliveries[n_packed].data == end &&
           deliveries[n_packed].data == deliveries[n_packed].buffer;
         n_packed++)
      end += deliveries[n_packed].size;
  if (end > begin)
    g_byte_array_append (packing->payloads, begin, end - begin);
  for (guint i = 0; i < n_packed; i++)
    mp_queue_delivery_clear (&deliveries[i]);
  return n_packed;
}

static void
take_batch (MpQueue         *self,
            MpQueueDelivery *deliveries,
            guint            n,
            Packing         *packing)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  guint32         sizes[MAX_BATCH];
  guint8          formats[MAX_BATCH];

  for (guint i = 0; i < n; i++)
    {
      if (deliveries[i].token.lease != 0)
        priv->keep (self, &deliveries[i].token);
      sizes[i] = deliveries[i].size;
      formats[i] = deliveries[i].tag;
    }
  g_byte_array_append (packing->sizes, (const guint8 *) sizes, n * sizeof *sizes);
  g_byte_array_append (packing->formats, formats, n);
  for (guint i = 0; i < n; i += pack_payloads (packing, deliveries + i, n - i))
    ;
}

/* The delivery is tentative: returns it, and gets the message anew as a single payload.  Returns
 * FALSE if it cannot be read or another consumer has taken it. */
static gboolean
take_one (MpQueue         *self,
          MpQueueDelivery *delivery,
          MpQueueCall     *call,
          MpFormats        accepted,
          Packing         *packing,
          GError         **error)
{
  MpQueueStore      *store = &mp_queue_get_private (self)->store;
  g_autofree guint8 *data = NULL;
  MpFormat           format;
  gsize              length;

  mp_queue_delivery_clear (delivery);
  store->backend->settle (store->home, delivery, FALSE, call);
  g_clear_error (&call->error);
  data = mp_queue_get_payload (self, accepted, &format, &length, 0, error);
  if (data != NULL)
    pack (packing, (guint8) format, data, length);
  packing->has_met_arrays = data == NULL && format != MP_FORMAT_NONE;
  return data != NULL;
}

/* Waits for the first message, and takes those behind it that are available. */
static MpQueueStatus
take_all (MpQueue     *self,
          MpFormats    accepted,
          guint        max,
          MpQueueCall *call,
          Packing     *packing,
          GError     **error)
{
  MpQueueStore         *store = &mp_queue_get_private (self)->store;
  const MpQueueAccepted tags = mp_queue_accept_payloads (accepted, mp_queue_get_codec (self));
  guint8                buffer[BUFFER_SIZE];

  while (packing->formats->len < max)
    {
      MpQueueDelivery deliveries[MAX_BATCH];
      guint           n = MIN (max - packing->formats->len, MAX_BATCH), n_got = 0;
      MpQueueStatus   status;

      mp_queue_deliveries_init (deliveries, n, buffer, sizeof buffer);
      status = store->backend->get (store->home, deliveries, n, &tags, call, &n_got);
      packing->has_met_arrays = status == MP_QUEUE_OTHER_FORM &&
                                deliveries[0].tag == MP_FORMAT_GVARIANT &&
                                (accepted & MP_FORMATS_ARRAYS) != 0;
      if (status != MP_QUEUE_OK)
        return status;
      if (!deliveries[0].tentative)
        take_batch (self, deliveries, n_got, packing);
      else if (!take_one (self, deliveries, call, accepted, packing, error))
        return MP_QUEUE_OK;
      call->timeout_us = 0;
    }
  return MP_QUEUE_OK;
}

/**
 * mp_queue_get_packed:
 * @self: a queue
 * @accepted: (type guint): the formats that the caller can read, [flags@Formats]
 * @max: the maximum number of payloads to get, up to 4096; 0 is the same as 4096
 * @length: (out): how many bytes
 * @timeout_us: how long to wait for the first, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Gets many payloads, each as [method@Queue.get_payload] does: waits for the first message, and
 * also takes those behind it that are available.
 *
 * A message that cannot be read stays queued; it is an error only if it is the first one. If the
 * first one may have arrays, which [method@Queue.get_payload] does not return either, there are 0
 * payloads.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): packed payloads,
 *   see [method@Queue.put_packed]; %NULL without an error if the timeout expired or a signal
 *   handler ran, with @error set if the first message cannot be read or the queue cannot be used
 *
 * Since: 1.0
 */
guint8 *
mp_queue_get_packed (MpQueue  *self,
                     MpFormats accepted,
                     guint     max,
                     gsize    *length,
                     gint64    timeout_us,
                     GError  **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .interruptible = TRUE };
  g_autoptr (GByteArray) sizes = g_byte_array_new ();
  g_autoptr (GByteArray) formats = g_byte_array_new ();
  g_autoptr (GByteArray) payloads = g_byte_array_new ();
  g_autoptr (GError) refused = NULL;
  Packing         packing = { sizes, formats, payloads, FALSE };
  MpQueuePrivate *priv;
  MpQueueStatus   status;

  *length = 0;
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  if (!mp_queue_check_gets (self, error))
    return NULL;
  priv = mp_queue_get_private (self);
  max = max == 0 ? MAX_PACKED : MIN (max, MAX_PACKED);
  status = take_all (self, accepted, max, &call, &packing, &refused);
  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);

  if (formats->len > 0 || packing.has_met_arrays)
    return end_packing (&packing, length);
  if (refused != NULL)
    g_propagate_error (error, g_steal_pointer (&refused));
  else if (status != MP_QUEUE_OK && !mp_queue_is_nothing_now (status, MP_QUEUE_EMPTY, &call))
    mp_queue_set_error (self, status, &call, error);
  return NULL;
}
