/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-store.h"

#include "base/mp-deadline.h"
#include "base/public-uri.h"
#include "formats/format.h"
#include "mp-error.h"
#include "queue-backends.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

static void
open_home (MpQueueStore          *self,
           const char            *uri,
           GUnixFDList           *descriptors,
           const MpQueueSettings *wanted,
           GCancellable          *cancellable)
{
  MpQueueCall call = { .timeout_us = -1, .cancellable = cancellable };

  self->home = self->backend->open (uri, descriptors, wanted, &call);
  if (self->home != NULL)
    self->backend->get_settings (self->home, &self->settings);
  else
    self->error = call.error;
}

void
mp_queue_store_make (MpQueueStore *self)
{
  g_autofree char *uri = NULL;

  self->backend = mp_queue_default_backend;
  uri = g_strconcat (self->backend->name, ":", NULL);
  open_home (self, uri, NULL, &self->settings, NULL);
}

void
mp_queue_store_open (MpQueueStore          *self,
                     const char            *uri,
                     GUnixFDList           *descriptors,
                     const MpQueueSettings *wanted,
                     GCancellable          *cancellable)
{
  self->backend = mp_queue_find_backend (uri, &self->error);
  if (self->backend != NULL)
    open_home (self, uri, descriptors, wanted, cancellable);
  /* On this machine, descriptors identify it if there are any. */
  if (self->home != NULL && (descriptors == NULL || self->backend->begin != NULL))
    self->uri = mp_public_uri (uri);
}

void
mp_queue_store_clear (MpQueueStore *self)
{
  if (self->home != NULL)
    self->backend->free (g_steal_pointer (&self->home));
  g_clear_error (&self->error);
  g_clear_pointer (&self->uri, g_free);
}

/* --- Errors -------------------------------------------------------------------------------- */

static void
set_sized_error (MpQueueStore          *self,
                 MpQueueStatus          status,
                 const MpQueueDelivery *delivery,
                 GError               **error)
{
  if (status == MP_QUEUE_TOO_LARGE)
    g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                 _ ("The message is larger than the %" PRIu64
                    " bytes that max-bytes of the queue allows"),
                 self->settings.max_bytes);
  else
    g_set_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT,
                 _ ("The message has %zu bytes, and the buffer %zu"),
                 delivery->size, delivery->capacity);
}

static void
set_form_error (const MpQueueDelivery *delivery,
                GError               **error)
{
  if (delivery->tag < MP_N_FORMATS)
    g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                 _ ("A message in the format %s cannot be read in the requested format"),
                 mp_format_get_name ((MpFormat) delivery->tag));
  else
    g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, _ ("No format has the number %u"),
                 delivery->tag);
}

/* Calls attach () again, since that sets the error.  If it succeeds this time, the queue had too
 * many users before. */
static void
set_detached_error (MpQueueStore *self,
                    GError      **error)
{
  if (self->home == NULL)
    g_propagate_error (error, g_error_copy (self->error));
  else if (self->backend->attach (self->home, error))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, _ ("The queue had too many users"));
}

static void
set_dropped_error (MpQueueStore *self,
                   GError      **error)
{
  MpQueueCounts counts;

  mp_queue_store_count (self, &counts);
  g_set_error (error, MP_ERROR, MP_ERROR_CLOSED,
               _ ("%" PRIu64 " messages were dropped and are not done"), counts.n_dropped);
}

static void
set_plain_error (MpQueueStatus status,
                 MpQueueCall  *call,
                 GError      **error)
{
  switch (status)
    {
    case MP_QUEUE_EMPTY:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_EMPTY, _ ("The queue is empty"));
      break;
    case MP_QUEUE_FULL:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_FULL, _ ("The queue is full"));
      break;
    case MP_QUEUE_CLOSED:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The queue is closed"));
      break;
    case MP_QUEUE_STALE:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_STALE,
                           _ ("The message was given to another consumer"));
      break;
    case MP_QUEUE_CANCELLED:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("Operation was cancelled"));
      break;
    case MP_QUEUE_TIMED_OUT:
    case MP_QUEUE_INTERRUPTED:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("The timeout has expired"));
      break;
    case MP_QUEUE_NO_SPACE:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           _ ("The system has no memory for the message or for the queue"
                              " (a limit on memory or file sizes, or a full file system)"));
      break;
    case MP_QUEUE_TOO_MUCH_HELD:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           _ ("Consumers hold more messages than the queue can store, or "
                              "larger ones than its max-bytes leaves memory for: finish some "
                              "first"));
      break;
    case MP_QUEUE_BUSY:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                   _ ("The process %" PRId64 " holds a lock of the queue and does not continue"),
                   call->busy_pid);
      break;
    default:
      g_set_error_literal (error, MP_ERROR, MP_ERROR_DAMAGED,
                           _ ("The memory of the queue is damaged"));
    }
}

/* Always returns FALSE. */
gboolean
mp_queue_store_set_error (MpQueueStore          *self,
                          MpQueueStatus          status,
                          MpQueueCall           *call,
                          const MpQueueDelivery *delivery,
                          GError               **error)
{
  switch (status)
    {
    case MP_QUEUE_TOO_LARGE:
    case MP_QUEUE_TOO_SHORT:
      set_sized_error (self, status, delivery, error);
      break;
    case MP_QUEUE_OTHER_FORM:
      set_form_error (delivery, error);
      break;
    case MP_QUEUE_DETACHED:
      set_detached_error (self, error);
      break;
    case MP_QUEUE_DROPPED:
      set_dropped_error (self, error);
      break;
    case MP_QUEUE_FAILED:
      g_propagate_error (error, g_steal_pointer (&call->error));
      break;
    default:
      set_plain_error (status, call, error);
    }
  return FALSE;
}

/* Checked by each call first: whether the queue could be opened. */
gboolean
mp_queue_store_check (MpQueueStore *self,
                      GError      **error)
{
  return G_LIKELY (self->home != NULL) ||
         mp_queue_store_set_error (self, MP_QUEUE_DETACHED, NULL, NULL, error);
}

/* All counts are 0 if they cannot be determined. */
void
mp_queue_store_count (MpQueueStore  *self,
                      MpQueueCounts *counts)
{
  MpQueueCall call = { .timeout_us = -1 };

  *counts = (MpQueueCounts){ 0 };
  if (self->home != NULL)
    self->backend->count (self->home, counts, &call);
  g_clear_error (&call.error);
}

/* --- Payloads in and out ---------------------------------------------------------------- */

guint8 *
mp_queue_delivery_steal (MpQueueDelivery *delivery)
{
  if (delivery->data != delivery->buffer)
    return g_steal_pointer (&delivery->data);
  return delivery->size != 0 ? g_memdup2 (delivery->data, delivery->size) : g_malloc (1);
}

GBytes *
mp_queue_delivery_steal_bytes (MpQueueDelivery *delivery)
{
  const guint8 *data = g_steal_pointer (&delivery->data);

  if (data == delivery->buffer)
    return g_bytes_new (data, delivery->size);
  if (delivery->large == NULL)
    return g_bytes_new_take ((gpointer) data, delivery->size);
  return g_bytes_new_with_free_func (data, delivery->size, (GDestroyNotify) mp_large_memory_free,
                                     g_steal_pointer (&delivery->large));
}

/* Initializes the deliveries of a batch, which share @buffer. */
void
mp_queue_deliveries_init (MpQueueDelivery *deliveries,
                          guint            n,
                          guint8          *buffer,
                          gsize            capacity)
{
  for (guint i = 0; i < n; i++)
    deliveries[i] = (MpQueueDelivery){ .buffer = NULL };
  deliveries[0].buffer = buffer;
  deliveries[0].capacity = capacity;
}

void
mp_queue_delivery_free_memory (MpQueueDelivery *delivery)
{
  if (delivery->large != NULL)
    g_clear_pointer (&delivery->large, mp_large_memory_free);
  else
    g_free (delivery->data);
  delivery->data = NULL;
}

/* Frees the value of a tentative delivery that could not be settled. */
static void
drop_value (const MpQueueReader *reader,
            gpointer            *value)
{
  if (*value != NULL && reader->free_value != NULL)
    reader->free_value (*value);
  *value = NULL;
}

static MpQueueStatus
read_and_settle (MpQueueStore        *self,
                 const MpQueueReader *reader,
                 gpointer             request,
                 MpQueueDelivery     *delivery,
                 MpQueueCall         *call,
                 gpointer            *value)
{
  MpQueueStatus status = MP_QUEUE_OK;
  GError       *error = NULL;

  *value = reader->read (delivery, request, &error);
  mp_queue_delivery_clear (delivery);
  if (delivery->tentative)
    status = self->backend->settle (self->home, delivery, *value != NULL, call);
  if (G_LIKELY (status == MP_QUEUE_OK && *value != NULL))
    return MP_QUEUE_OK;

  if (status == MP_QUEUE_OK)
    {
      call->error = error;
      return MP_QUEUE_FAILED;
    }
  g_clear_error (&error);
  drop_value (reader, value);
  return status;
}

MpQueueStatus
mp_queue_store_get (MpQueueStore        *self,
                    const MpQueueReader *reader,
                    gpointer             request,
                    MpQueueDelivery     *delivery,
                    MpQueueCall         *call,
                    gpointer            *value)
{
  const gint64  timeout_us = call->timeout_us;
  const gint64  deadline = timeout_us > 0 ? mp_deadline_for_timeout (timeout_us)
                                          : MP_DEADLINE_NEVER;
  MpQueueStatus status;
  guint         n_got;

  *value = NULL;
  delivery->accepts_large = reader->accepts_large;
  if (G_UNLIKELY (self->home == NULL))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (g_atomic_int_get (&self->phase) != MP_QUEUE_STORE_OPEN))
    return MP_QUEUE_CLOSED;

  for (;;)
    {
      status = self->backend->get (self->home, delivery, 1, &reader->accepted, call, &n_got);
      if (G_LIKELY (status == MP_QUEUE_OK))
        status = read_and_settle (self, reader, request, delivery, call, value);
      if (G_LIKELY (status != MP_QUEUE_STALE))
        return status;
      if (timeout_us > 0)
        call->timeout_us = mp_deadline_get_left (deadline);
    }
}

MpQueueStatus
mp_queue_store_finish (MpQueueStore       *self,
                       const MpQueueToken *token,
                       MpQueueFinish       how,
                       MpQueueCall        *call)
{
  MpQueueStatus answer;

  self->backend->finish (self->home, token, 1, how, &answer, call);
  return answer;
}
