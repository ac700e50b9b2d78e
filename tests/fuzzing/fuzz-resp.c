/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-error.h"
#include "redis/resp.h"

#define MAX_STRING 4096

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

static gsize
measure (const MpReply *reply)
{
  gsize total = reply->length;

  g_assert_cmpuint (reply->length, <=, MAX_STRING);
  mp_reply_get_integer (reply, 0);
  mp_reply_get_string (reply);
  for (guint i = 0; i < reply->n_elements; i++)
    total += measure (mp_reply_get (reply, i));
  return total;
}

/* Reads all replies, and returns whether the bytes were refused. */
static gboolean
read_all (MpReplyReader *reader,
          guint         *n,
          gsize         *total)
{
  for (;;)
    {
      g_autoptr (MpReply) reply = NULL;
      g_autoptr (GError) error = NULL;

      if (!mp_reply_reader_next (reader, &reply, &error))
        {
          g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
          return TRUE;
        }
      if (reply == NULL)
        return FALSE;
      *total += measure (reply);
      (*n)++;
    }
}

/* It does not matter in which pieces the bytes arrive. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (MpReplyReader) whole = mp_reply_reader_new (MAX_STRING);
  g_autoptr (MpReplyReader) bytewise = mp_reply_reader_new (MAX_STRING);
  gboolean is_refused, is_refused_bytewise = FALSE;
  gsize    total = 0, total_bytewise = 0;
  guint    n = 0, n_bytewise = 0;

  if (!mp_reply_reader_feed (whole, data, size, NULL))
    return 0;
  is_refused = read_all (whole, &n, &total);

  for (gsize i = 0; i < size && !is_refused_bytewise; i++)
    {
      g_assert_true (mp_reply_reader_feed (bytewise, data + i, 1, NULL));
      is_refused_bytewise = read_all (bytewise, &n_bytewise, &total_bytewise);
    }
  g_assert_cmpint (is_refused, ==, is_refused_bytewise);
  g_assert_cmpuint (n, ==, n_bytewise);
  g_assert_cmpuint (total, ==, total_bytewise);
  return 0;
}
