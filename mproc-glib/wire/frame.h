/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-large-memory.h"

#include <sys/uio.h>

G_BEGIN_DECLS

/* A message on the wire is its length, then its bytes.  The length is a signed 32-bit number in
 * network byte order; -1 means that an unsigned 64-bit number follows. */
#define MP_FRAME_MAX_HEADER 12

/* With reading ahead, longer messages are received directly into their own memory; shorter ones
 * pass through the read-ahead buffer, many with one system call. */
#define MP_FRAME_LARGE 16384

typedef enum
{
  MP_FRAME_ERROR = -1,
  MP_FRAME_INCOMPLETE = 0,
  MP_FRAME_COMPLETE = 1
} MpFrameStatus;

/* Assembles messages from pieces of a stream.  It does no input itself: it returns where to store
 * the next bytes, is told how many were stored, and can be interrupted between any two of them. */
typedef struct
{
  /* Whether bytes beyond the next message may be requested.  If not, the descriptor always shows
   * whether there is data, and another reader can take over after each message. */
  gboolean reads_ahead;

  /* The header of the next message, and with reads_ahead the bytes that were read with it. */
  guint8 *ahead;
  gsize   ahead_size;
  gsize   start;
  gsize   end;

  /* How many bytes beyond a message to request: many after small messages, few after large ones,
   * which would have to be copied out of the read-ahead buffer. */
  gsize appetite;

  /* Whether the last read filled the buffer, so that a larger one is worthwhile. */
  gboolean filled_up;

  gboolean have_header;
  gsize    header_size;
  guint64  length;

  /* The memory of a large message that is incomplete.  `lent`: it is the caller's.  `large`: what
   * it belongs to, if that was wanted when the message began. */
  guint8        *payload;
  gsize          filled;
  gsize          allocated;
  gboolean       lent;
  gboolean       wants_large;
  MpLargeMemory *large;

  /* Offsets in the stream: behind the last byte received, and behind the last message taken. */
  guint64 received;
  guint64 consumed;
} MpFrameReader;

gsize         mp_frame_put_header (guint8 *header,
                                   guint64 length);
MpFrameStatus mp_frame_parse_header (const guint8 *data,
                                     gsize         size,
                                     gsize        *header_size,
                                     guint64      *length,
                                     GError      **error);

void          mp_frame_reader_clear (MpFrameReader *self);
MpFrameStatus mp_frame_reader_peek (MpFrameReader *self,
                                    gsize          limit,
                                    GError       **error);
gboolean      mp_frame_reader_get_space (MpFrameReader *self,
                                         struct iovec  *vectors,
                                         guint         *n_vectors,
                                         GError       **error);
void          mp_frame_reader_commit (MpFrameReader *self,
                                      gsize          size);
guint8       *mp_frame_reader_take (MpFrameReader  *self,
                                    gsize          *length,
                                    MpLargeMemory **large);
void          mp_frame_reader_copy (MpFrameReader *self,
                                    guint8        *buffer);
gboolean      mp_frame_reader_lend (MpFrameReader *self,
                                    guint8        *buffer,
                                    gsize          size);
gboolean      mp_frame_reader_take_back (MpFrameReader *self);
gboolean      mp_frame_reader_is_empty (MpFrameReader *self);

G_END_DECLS
