/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "resp.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <string.h>

/* The longest array and the deepest nesting of a reply: a get returns at most 256 messages of
 * three elements each, a list of deliveries 30,000 elements. */
#define MAX_ELEMENTS 32768
#define MAX_DEPTH    3

/* Further bytes of a reply, such as lengths, besides its longest string. */
#define MAX_OVERHEAD (16 << 20)

struct _MpReplyReader
{
  redisReader *reader;
  gsize        max_string;
};

/* --- Replies ------------------------------------------------------------------------- */

void
mp_reply_free (MpReply *self)
{
  for (guint i = 0; i < self->n_elements; i++)
    if (self->elements[i] != NULL)
      mp_reply_free (self->elements[i]);
  g_free (self->elements);
  g_free (self->string);
  g_free (self);
}

const MpReply *
mp_reply_get (const MpReply *self,
              guint          index)
{
  static const MpReply nil = { .type = MP_REPLY_NIL };

  return index < self->n_elements && self->elements[index] != NULL ? self->elements[index] : &nil;
}

gint64
mp_reply_get_integer (const MpReply *self,
                      gint64         fallback)
{
  gint64 number;

  if (self->type == MP_REPLY_INTEGER)
    return self->integer;
  if (self->type == MP_REPLY_STRING &&
      g_ascii_string_to_signed (self->string, 10, G_MININT64, G_MAXINT64, &number, NULL))
    return number;
  return fallback;
}

const char *
mp_reply_get_string (const MpReply *self)
{
  return self->string != NULL ? self->string : "";
}

/* --- Functions called by hiredis ----------------------------------------------------- */

static MpReply *
add_reply (const redisReadTask *task,
           MpReplyType          type)
{
  MpReply *self = g_new0 (MpReply, 1);

  self->type = type;
  if (task->parent != NULL)
    ((MpReply *) task->parent->obj)->elements[task->idx] = self;
  return self;
}

static void *
create_string (const redisReadTask *task,
               char                *bytes,
               size_t               length)
{
  const MpReplyReader *reader = task->privdata;
  MpReply             *self;

  if (length > reader->max_string)
    return NULL;

  self = add_reply (task, task->type == REDIS_REPLY_ERROR    ? MP_REPLY_ERROR
                          : task->type == REDIS_REPLY_STATUS ? MP_REPLY_STATUS
                                                             : MP_REPLY_STRING);
  self->string = g_malloc (length + 1);
  if (length > 0)
    memcpy (self->string, bytes, length);
  self->string[length] = '\0';
  self->length = length;
  return self;
}

static int
get_depth (const redisReadTask *task)
{
  int depth = 0;

  for (; task->parent != NULL; task = task->parent)
    depth++;
  return depth;
}

/* The type of the length differs between the versions of hiredis. */
#if HIREDIS_MAJOR >= 1
static void *
create_array (const redisReadTask *task,
              size_t               n)
#else
static void *
create_array (const redisReadTask *task,
              int                  n)
#endif
{
  MpReply *self;

  if (n > MAX_ELEMENTS || get_depth (task) >= MAX_DEPTH)
    return NULL;

  self = add_reply (task, MP_REPLY_ARRAY);
  self->elements = g_new0 (MpReply *, n);
  self->n_elements = (guint) n;
  return self;
}

static void *
create_integer (const redisReadTask *task,
                long long            integer)
{
  MpReply *self = add_reply (task, MP_REPLY_INTEGER);

  self->integer = integer;
  return self;
}

static void *
create_nil (const redisReadTask *task)
{
  return add_reply (task, MP_REPLY_NIL);
}

static void
free_object (void *object)
{
  mp_reply_free (object);
}

static redisReplyObjectFunctions functions = {
  .createString = create_string,
  .createArray = create_array,
  .createInteger = create_integer,
  .createNil = create_nil,
  .freeObject = free_object,
};

/* --- The reader ---------------------------------------------------------------------- */

MpReplyReader *
mp_reply_reader_new (gsize max_string)
{
  MpReplyReader *self = g_new0 (MpReplyReader, 1);

  self->reader = redisReaderCreateWithFunctions (&functions);
  g_assert (self->reader != NULL);
  self->reader->privdata = self;
  self->max_string = max_string;
  return self;
}

void
mp_reply_reader_free (MpReplyReader *self)
{
  redisReaderFree (self->reader);
  g_free (self);
}

void
mp_reply_reader_set_max (MpReplyReader *self,
                         gsize          max_string)
{
  self->max_string = max_string;
}

static gboolean
refuse (GError **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                       _ ("The server does not speak the protocol of Redis"));
  return FALSE;
}

gboolean
mp_reply_reader_feed (MpReplyReader *self,
                      const guint8  *bytes,
                      gsize          length,
                      GError       **error)
{
  if (self->reader->len - self->reader->pos + length > self->max_string + MAX_OVERHEAD ||
      redisReaderFeed (self->reader, (const char *) bytes, length) != REDIS_OK)
    return refuse (error);
  return TRUE;
}

gboolean
mp_reply_reader_next (MpReplyReader *self,
                      MpReply      **reply,
                      GError       **error)
{
  void *found = NULL;

  *reply = NULL;
  if (redisReaderGetReply (self->reader, &found) != REDIS_OK)
    return refuse (error);
  *reply = found;
  return TRUE;
}

/* --- Commands ------------------------------------------------------------------------ */

static void
add_head (GByteArray *out,
          char        kind,
          gsize       number)
{
  char  text[32];
  char *end = text + sizeof text;
  char *begin = end;

  *--begin = '\n';
  *--begin = '\r';
  do
    *--begin = (char) ('0' + number % 10);
  while ((number /= 10) > 0);
  *--begin = kind;
  g_byte_array_append (out, (const guint8 *) begin, (guint) (end - begin));
}

void
mp_command_begin (GByteArray *out,
                  guint       n_arguments)
{
  add_head (out, '*', n_arguments);
}

void
mp_command_begin_argument (GByteArray *out,
                           gsize       length)
{
  add_head (out, '$', length);
}

void
mp_command_end_argument (GByteArray *out)
{
  g_byte_array_append (out, (const guint8 *) "\r\n", 2);
}

void
mp_command_add (GByteArray   *out,
                gconstpointer bytes,
                gsize         length)
{
  mp_command_begin_argument (out, length);
  g_byte_array_append (out, bytes, (guint) length);
  mp_command_end_argument (out);
}

void
mp_command_add_string (GByteArray *out,
                       const char *string)
{
  mp_command_add (out, string, strlen (string));
}

void
mp_command_add_integer (GByteArray *out,
                        gint64      integer)
{
  char text[24];
  int  length = g_snprintf (text, sizeof text, "%" PRId64, integer);

  mp_command_add (out, text, (gsize) length);
}
