/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The protocol of Redis, RESP 2: commands are written here, replies are read by hiredis. */

typedef enum
{
  MP_REPLY_STRING,
  MP_REPLY_STATUS,
  MP_REPLY_ERROR,
  MP_REPLY_INTEGER,
  MP_REPLY_ARRAY,
  MP_REPLY_NIL,
} MpReplyType;

typedef struct _MpReply MpReply;
struct _MpReply
{
  MpReplyType type;
  gint64      integer;
  char       *string; /* with a NUL byte behind its end, which @length does not count */
  gsize       length;
  MpReply   **elements; /* any may be NULL, if the reply was refused */
  guint       n_elements;
};

void mp_reply_free (MpReply *self);

/* The element at @index; a nil reply if there is none. */
const MpReply *mp_reply_get (const MpReply *self,
                             guint          index);
/* The number that a string or an integer is; @fallback for other replies. */
gint64 mp_reply_get_integer (const MpReply *self,
                             gint64         fallback);
/* The text of a string; "" for other replies. */
const char *mp_reply_get_string (const MpReply *self);

/* Reads replies from a stream of bytes.  A length that a server announces does not make the reader
 * allocate that much: it allocates for bytes that have arrived, and for arrays of a bounded
 * length. */
typedef struct _MpReplyReader MpReplyReader;

MpReplyReader *mp_reply_reader_new (gsize max_string);
void           mp_reply_reader_free (MpReplyReader *self);
void           mp_reply_reader_set_max (MpReplyReader *self,
                                        gsize          max_string);
gboolean       mp_reply_reader_feed (MpReplyReader *self,
                                     const guint8  *bytes,
                                     gsize          length,
                                     GError       **error);
/* Sets @reply to the next one, or to NULL if its end has not arrived. */
gboolean mp_reply_reader_next (MpReplyReader *self,
                               MpReply      **reply,
                               GError       **error);

/* Appends a command, argument by argument. */
void mp_command_begin (GByteArray *out,
                       guint       n_arguments);
void mp_command_add (GByteArray   *out,
                     gconstpointer bytes,
                     gsize         length);
void mp_command_add_string (GByteArray *out,
                            const char *string);
void mp_command_add_integer (GByteArray *out,
                             gint64      integer);
/* Appends the head of an argument of @length bytes, which the caller appends, and then
 * mp_command_end_argument (). */
void mp_command_begin_argument (GByteArray *out,
                                gsize       length);
void mp_command_end_argument (GByteArray *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpReply, mp_reply_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpReplyReader, mp_reply_reader_free)

G_END_DECLS
