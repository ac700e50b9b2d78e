/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* A message on the wire is its length and its bytes.  The length is a signed 32-bit number
 * in network order; -1 says that an unsigned 64-bit number follows. */
#define MP_FRAME_MAX_HEADER 12

/* When it reads ahead, longer messages are received straight into the memory that will hold them;
 * shorter ones pass through the read-ahead buffer, many with one system call. */
#define MP_FRAME_LARGE 16384

typedef enum
{
  MP_FRAME_ERROR = -1,
  MP_FRAME_INCOMPLETE = 0,
  MP_FRAME_COMPLETE = 1
} MpFrameStatus;

/* Puts pieces of a stream together to messages.  It does no input itself: it says where the
 * next bytes go, is told how many came, and keeps its place between any two of them. */
typedef struct
{
  /* Whether bytes beyond the next message may be asked for.  Otherwise what the descriptor
   * shows is what there is, and after each message another reader can take over. */
  gboolean reads_ahead;

  /* The header of the next message, and with reads_ahead what came with it. */
  guint8 *ahead;
  gsize   ahead_size;
  gsize   start;
  gsize   end;

  /* How many bytes beyond a message are welcome: many after small ones, few after large
   * ones, which would have to be copied out of the read-ahead buffer. */
  gsize appetite;

  /* Whether the last read filled the buffer, so that a larger one is worth its while. */
  gboolean filled_up;

  gboolean have_header;
  gsize    header_size;
  guint64  length;

  /* The memory of a large message that is under way; lent when it is the caller's. */
  guint8  *payload;
  gsize    filled;
  gsize    allocated;
  gboolean lent;

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
guint8       *mp_frame_reader_take (MpFrameReader *self,
                                    gsize         *length);
void          mp_frame_reader_copy (MpFrameReader *self,
                                    guint8        *buffer);
gboolean      mp_frame_reader_lend (MpFrameReader *self,
                                    guint8        *buffer,
                                    gsize          size);
gboolean      mp_frame_reader_take_back (MpFrameReader *self);
gboolean      mp_frame_reader_is_empty (MpFrameReader *self);

G_END_DECLS
