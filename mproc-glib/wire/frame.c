/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "frame.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_AHEAD 4096
#define HEADER_AHEAD   16
#define LARGEST_AHEAD  65536

#define SHORT_HEADER 4

#define ALIGNMENT 64

/* How much memory is allocated for a long message before its bytes have arrived. */
#define FIRST_PAYLOAD (256 * 1024)

gsize
mp_frame_put_header (guint8 *header,
                     guint64 length)
{
  guint32 short_length = GUINT32_TO_BE (length <= G_MAXINT32 ? (guint32) length : G_MAXUINT32);
  guint64 long_length = GUINT64_TO_BE (length);

  memcpy (header, &short_length, 4);
  if (length <= G_MAXINT32)
    return SHORT_HEADER;

  memcpy (header + 4, &long_length, 8);
  return MP_FRAME_MAX_HEADER;
}

MpFrameStatus
mp_frame_parse_header (const guint8 *data,
                       gsize         size,
                       gsize        *header_size,
                       guint64      *length,
                       GError      **error)
{
  guint32 word;
  gint32  short_length;
  guint64 long_length;

  if (size < SHORT_HEADER)
    return MP_FRAME_INCOMPLETE;

  memcpy (&word, data, 4);
  short_length = (gint32) GUINT32_FROM_BE (word);
  if (short_length >= 0)
    {
      *header_size = SHORT_HEADER;
      *length = (guint64) short_length;
      return MP_FRAME_COMPLETE;
    }

  if (short_length != -1)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("The peer sent a message with the negative length %d"), short_length);
      return MP_FRAME_ERROR;
    }

  if (size < MP_FRAME_MAX_HEADER)
    return MP_FRAME_INCOMPLETE;

  memcpy (&long_length, data + 4, 8);
  *header_size = MP_FRAME_MAX_HEADER;
  *length = GUINT64_FROM_BE (long_length);
  if (*length <= G_MAXINT64)
    return MP_FRAME_COMPLETE;

  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("The peer sent a message with the impossible length %" PRIu64), *length);
  return MP_FRAME_ERROR;
}

/* Frees the memory of the payload, if it belongs to the reader. */
static void
free_payload (MpFrameReader *self)
{
  if (self->large != NULL)
    g_clear_pointer (&self->large, mp_large_memory_free);
  else if (!self->lent)
    g_free (self->payload);
}

void
mp_frame_reader_clear (MpFrameReader *self)
{
  g_clear_pointer (&self->ahead, g_free);
  free_payload (self);
  memset (self, 0, sizeof *self);
}

static gsize
get_ahead_length (MpFrameReader *self)
{
  return self->end - self->start;
}

static gsize
get_filled (MpFrameReader *self)
{
  if (self->payload != NULL)
    return self->filled;

  return get_ahead_length (self) - self->header_size;
}

/* Whether the next message is complete, incomplete, or invalid.  An error persists: later calls
 * return it again. */
MpFrameStatus
mp_frame_reader_peek (MpFrameReader *self,
                      gsize          limit,
                      GError       **error)
{
  if (!self->have_header)
    {
      MpFrameStatus status;

      if (self->ahead == NULL)
        return MP_FRAME_INCOMPLETE;

      status = mp_frame_parse_header (self->ahead + self->start, get_ahead_length (self),
                                      &self->header_size, &self->length, error);
      if (status != MP_FRAME_COMPLETE)
        return status;

      self->have_header = TRUE;
    }

  if (self->length > limit)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("A message of %" PRIu64 " bytes is longer than the %zu bytes that "
                      "max-message-size or this call allows"),
                   self->length, limit);
      return MP_FRAME_ERROR;
    }

  return get_filled (self) >= self->length ? MP_FRAME_COMPLETE : MP_FRAME_INCOMPLETE;
}

/* Moves the received part of a large message out of the read-ahead buffer. */
static void
begin_payload (MpFrameReader *self,
               guint8        *memory,
               gsize          allocated)
{
  gsize there = get_filled (self);

  memcpy (memory, self->ahead + self->start + self->header_size, there);
  self->start = self->end = 0;
  self->payload = memory;
  self->allocated = allocated;
  self->filled = there;
}

/* Resizes the memory of a payload, which begins at a multiple of ALIGNMENT, since it may have
 * arrays of numbers.  Such memory is usually resized in place, or by mapping it elsewhere. */
static guint8 *
resize_aligned (guint8 *memory,
                gsize   filled,
                gsize   size)
{
  guint8 *resized = memory != NULL ? g_try_realloc (memory, size) : NULL;
  void   *aligned;

  if (memory != NULL && (resized == NULL || (guintptr) resized % ALIGNMENT == 0))
    return resized;
  if (posix_memalign (&aligned, ALIGNMENT, size) != 0)
    aligned = NULL;
  if (aligned == NULL)
    return resized;
  if (resized == NULL)
    return aligned;
  memcpy (aligned, resized, filled);
  g_free (resized);
  return aligned;
}

/* The same for memory that is used again by later messages. */
static guint8 *
resize_large (MpFrameReader *self,
              gsize          size)
{
  if (self->large == NULL)
    self->large = mp_large_memory_new (size);
  else if (!mp_large_memory_grow (self->large, size))
    return NULL;
  return self->large != NULL ? self->large->data : NULL;
}

/* Memory that already exists may be used before the bytes have arrived. */
static gboolean
reuse_large (MpFrameReader *self)
{
  if (!self->wants_large || self->payload != NULL || self->length < MP_LARGE_MEMORY_MIN ||
      self->length >= G_MAXSSIZE)
    return FALSE;

  self->large = mp_large_memory_reuse (self->length + 1);
  return self->large != NULL;
}

static gsize
get_wanted (MpFrameReader *self)
{
  gsize wanted = self->payload == NULL ? MAX (FIRST_PAYLOAD, get_filled (self))
                                       : 2 * self->allocated;

  return reuse_large (self) ? self->length : MIN (wanted, self->length);
}

static gboolean
grow_payload (MpFrameReader *self,
              GError       **error)
{
  gsize    wanted = get_wanted (self);
  gboolean begins_large = self->wants_large && self->payload == NULL &&
                          self->length >= MP_LARGE_MEMORY_MIN;
  guint8 *memory = self->large != NULL || begins_large
                     ? resize_large (self, wanted + 1)
                     : resize_aligned (self->payload, self->filled, wanted + 1);

  if (memory == NULL)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("There is no memory for a message of %" PRIu64 " bytes"), self->length);
      return FALSE;
    }

  if (self->payload == NULL)
    begin_payload (self, memory, wanted);

  self->payload = memory;
  self->allocated = wanted;
  return TRUE;
}

/* The number of bytes missing until the length is known. */
static gsize
get_missing_header (MpFrameReader *self)
{
  gsize there = get_ahead_length (self);

  return there < SHORT_HEADER ? SHORT_HEADER - there : MP_FRAME_MAX_HEADER - there;
}

/* Whether the rest of the message is received directly into its own memory. */
static gboolean
is_direct (MpFrameReader *self)
{
  return self->have_header &&
         (self->payload != NULL || self->length > MP_FRAME_LARGE || !self->reads_ahead);
}

static void
resize_ahead (MpFrameReader *self,
              gsize          size)
{
  self->ahead = g_realloc (self->ahead, size);
  self->ahead_size = size;
}

static void
make_room_ahead (MpFrameReader *self)
{
  gsize    length = get_ahead_length (self);
  gboolean small = self->have_header && !is_direct (self);
  gsize    needed = small ? self->header_size + self->length : MP_FRAME_MAX_HEADER;

  if (self->start > 0 &&
      (length == 0 || self->ahead_size - self->start < needed || self->end == self->ahead_size))
    {
      memmove (self->ahead, self->ahead + self->start, length);
      self->start = 0;
      self->end = length;
    }

  if (!self->reads_ahead && self->ahead == NULL)
    resize_ahead (self, HEADER_AHEAD);
  else if (self->reads_ahead && self->ahead_size < SMALLEST_AHEAD)
    resize_ahead (self, SMALLEST_AHEAD);
  else if (self->reads_ahead && self->filled_up && self->ahead_size < LARGEST_AHEAD)
    resize_ahead (self, 2 * self->ahead_size);

  while (self->ahead_size < needed)
    resize_ahead (self, 2 * self->ahead_size);
}

/* Returns where to store the next bytes: one or two buffers.  To be called after peek () found an
 * incomplete message; there is always room for at least one byte. */
gboolean
mp_frame_reader_get_space (MpFrameReader *self,
                           struct iovec  *vectors,
                           guint         *n_vectors,
                           GError       **error)
{
  gsize    appetite = self->appetite > 0 ? self->appetite : LARGEST_AHEAD;
  gboolean direct = is_direct (self);

  if (direct && (self->payload == NULL || self->filled == self->allocated))
    {
      if (!grow_payload (self, error))
        return FALSE;
    }

  *n_vectors = 0;
  if (direct)
    {
      vectors[(*n_vectors)++] = (struct iovec){ self->payload + self->filled,
                                                self->allocated - self->filled };
      if (self->allocated < self->length || !self->reads_ahead)
        return TRUE;
    }

  make_room_ahead (self);
  if (!self->reads_ahead)
    appetite = get_missing_header (self);
  else if (direct)
    appetite = SMALLEST_AHEAD;
  vectors[(*n_vectors)++] =
    (struct iovec){ self->ahead + self->end, MIN (self->ahead_size - self->end, appetite) };
  return TRUE;
}

/* Accounts for @n bytes stored in the buffers that get_space () returned. */
void
mp_frame_reader_commit (MpFrameReader *self,
                        gsize          size)
{
  self->received += size;

  if (self->payload != NULL)
    {
      gsize into_payload = MIN (size, self->allocated - self->filled);

      self->filled += into_payload;
      size -= into_payload;
    }

  self->end += size;
  self->filled_up = self->end == self->ahead_size;
}

static void
consume (MpFrameReader *self)
{
  self->appetite = self->length > MP_FRAME_LARGE ? SMALLEST_AHEAD : LARGEST_AHEAD;
  self->consumed += self->header_size + self->length;

  if (self->payload == NULL)
    self->start += self->header_size + self->length;
  if (self->start == self->end)
    self->start = self->end = 0;

  self->payload = NULL;
  self->filled = self->allocated = 0;
  self->lent = FALSE;
  self->have_header = FALSE;
  self->header_size = 0;
  self->length = 0;
}

/* Takes the message that peek () found complete, as memory owned by the caller, followed by a NUL
 * byte.  If @large is set, it is what the memory belongs to. */
guint8 *
mp_frame_reader_take (MpFrameReader  *self,
                      gsize          *length,
                      MpLargeMemory **large)
{
  guint8 *payload = self->payload;

  g_assert (self->have_header && !self->lent && get_filled (self) >= self->length);

  *length = self->length;
  if (payload == NULL)
    {
      payload = g_malloc (self->length + 1);
      memcpy (payload, self->ahead + self->start + self->header_size, self->length);
    }

  payload[self->length] = '\0';
  *large = g_steal_pointer (&self->large);
  consume (self);
  return payload;
}

/* Like take (), but copies into a buffer that is large enough. */
void
mp_frame_reader_copy (MpFrameReader *self,
                      guint8        *buffer)
{
  g_assert (self->have_header && get_filled (self) >= self->length);

  if (self->payload == NULL)
    memcpy (buffer, self->ahead + self->start + self->header_size, self->length);
  else if (!self->lent)
    memcpy (buffer, self->payload, self->length);

  free_payload (self);
  consume (self);
}

/* Lets the rest of a message be received directly into the caller's buffer, unless it passes
 * through the read-ahead buffer. */
gboolean
mp_frame_reader_lend (MpFrameReader *self,
                      guint8        *buffer,
                      gsize          size)
{
  if (!is_direct (self) || self->lent || self->length > size)
    return FALSE;

  if (self->payload == NULL)
    {
      begin_payload (self, buffer, self->length);
    }
  else
    {
      memcpy (buffer, self->payload, self->filled);
      free_payload (self);
      self->payload = buffer;
      self->allocated = self->length;
    }

  self->lent = TRUE;
  return TRUE;
}

/* Ends lending before the message is complete: the part received so far moves to memory of the
 * reader.  Returns FALSE if there is no memory, and the position in the stream is lost. */
gboolean
mp_frame_reader_take_back (MpFrameReader *self)
{
  guint8 *lent = self->payload;

  if (!self->lent)
    return TRUE;

  self->allocated = MIN (self->length, MAX (FIRST_PAYLOAD, self->filled));
  self->payload = g_try_malloc (self->allocated + 1);
  self->lent = FALSE;
  if (self->payload == NULL)
    {
      self->filled = self->allocated = 0;
      return FALSE;
    }

  memcpy (self->payload, lent, self->filled);
  return TRUE;
}

/* Whether the reader is between two messages and has read nothing ahead. */
gboolean
mp_frame_reader_is_empty (MpFrameReader *self)
{
  return self->start == self->end && !self->have_header;
}
