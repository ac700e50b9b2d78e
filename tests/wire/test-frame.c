/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#include "wire/frame.h"

#define LIMIT (64 * 1024 * 1024)

typedef struct
{
  guint64     length;
  const char *header;
  gsize       size;
} Header;

static const Header headers[] = {
  { 0, "\0\0\0\0", 4 },
  { 1, "\0\0\0\1", 4 },
  { 16385, "\0\0\100\1", 4 },
  { 0x7fffffff, "\177\377\377\377", 4 },
  { 0x80000000, "\377\377\377\377\0\0\0\0\200\0\0\0", 12 },
  { G_GUINT64_CONSTANT (0x7fffffffffffffff), "\377\377\377\377\177\377\377\377\377\377\377\377",
    12 },
};

static void
test_header (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_autoptr (GError) error = NULL;
      guint8  header[MP_FRAME_MAX_HEADER];
      gsize   size = mp_frame_put_header (header, headers[i].length);
      guint64 length;

      g_assert_cmpmem (header, size, headers[i].header, headers[i].size);
      for (gsize n = 0; n < size; n++)
        g_assert_cmpint (mp_frame_parse_header (header, n, &size, &length, &error), ==,
                         MP_FRAME_INCOMPLETE);
      g_assert_cmpint (mp_frame_parse_header (header, size, &size, &length, &error), ==,
                       MP_FRAME_COMPLETE);
      g_assert_no_error (error);
      g_assert_cmpuint (length, ==, headers[i].length);
      g_assert_cmpint (size, ==, headers[i].size);
    }
}

/* Feeds the reader at most @most bytes of @data; returns how many it took. */
static gsize
feed (MpFrameReader *reader,
      const guint8  *data,
      gsize          size,
      gsize          most)
{
  g_autoptr (GError) error = NULL;
  struct iovec vectors[2];
  guint        n_vectors;
  gsize        total = 0;

  g_assert_true (mp_frame_reader_get_space (reader, vectors, &n_vectors, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < n_vectors; i++)
    {
      gsize here = MIN (MIN (vectors[i].iov_len, size - total), most - total);

      memcpy (vectors[i].iov_base, data + total, here);
      total += here;
    }
  mp_frame_reader_commit (reader, total);
  return total;
}

static guint8
pattern (gsize message,
         gsize i)
{
  return (guint8) (message * 31 + i * 7 + i / 253);
}

static const gsize lengths[] = { 3, 0, 0, 100, 16384, 16385, 1, 70000,
                                 2, 5, 300000, 0, 65536, 65532, 7 };

static GByteArray *
write_stream (void)
{
  GByteArray *stream = g_byte_array_new ();

  for (gsize m = 0; m < G_N_ELEMENTS (lengths); m++)
    {
      guint8 header[MP_FRAME_MAX_HEADER];

      g_byte_array_append (stream, header, (guint) mp_frame_put_header (header, lengths[m]));
      for (gsize i = 0; i < lengths[m]; i++)
        {
          guint8 byte = pattern (m, i);

          g_byte_array_append (stream, &byte, 1);
        }
    }
  return stream;
}

/* Takes a message as memory from malloc (). */
static guint8 *
take (MpFrameReader *reader,
      gsize         *length)
{
  MpLargeMemory *large;
  guint8        *message = mp_frame_reader_take (reader, length, &large);

  g_assert_cmpint (message[*length], ==, 0);
  if (large == NULL)
    return message;

  g_assert_true (message == large->data && large->size > *length);
  message = g_memdup2 (message, *length);
  mp_large_memory_free (large);
  return message;
}

typedef enum
{
  TAKE,
  COPY,
  LEND,
  LEND_AND_TAKE_BACK,

  /* Flags to be added to one of these. */
  READ_AHEAD = 8,
  LARGE = 16
} Way;

/* Returns the next message, in one of the ways in which a caller can take it. */
static guint8 *
next_message (MpFrameReader *reader,
              Way            way,
              guint8        *buffer,
              const guint8 **data,
              gsize         *size,
              gsize          most,
              gsize         *length)
{
  g_autoptr (GError) error = NULL;
  gsize n;

  while (mp_frame_reader_peek (reader, LIMIT, &error) == MP_FRAME_INCOMPLETE)
    {
      g_assert_cmpint (*size, >, 0);
      if (way >= LEND)
        mp_frame_reader_lend (reader, buffer, 300000);
      n = feed (reader, *data, *size, most);
      *data += n;
      *size -= n;
      if (way == LEND_AND_TAKE_BACK)
        {
          g_assert_true (mp_frame_reader_take_back (reader));
          memset (buffer, 0xee, 300000);
        }
    }
  g_assert_no_error (error);

  *length = (gsize) reader->length;
  if (way == TAKE)
    return take (reader, length);

  mp_frame_reader_copy (reader, buffer);
  return g_memdup2 (buffer, *length);
}

static void
test_stream (gconstpointer data)
{
  static const gsize pieces[] = { 1, 2, 3, 5, 13, 4096, 65536, G_MAXSIZE };
  gboolean           reads_ahead = (GPOINTER_TO_INT (data) & READ_AHEAD) != 0;
  gboolean           wants_large = (GPOINTER_TO_INT (data) & LARGE) != 0;
  Way                way = GPOINTER_TO_INT (data) & ~(READ_AHEAD | LARGE);
  g_autoptr (GByteArray) stream = write_stream ();
  g_autofree guint8 *buffer = g_malloc (300000);

  /* Not byte by byte if each step copies, which is too slow. */
  for (gsize p = way == LEND_AND_TAKE_BACK ? 4 : 0; p < G_N_ELEMENTS (pieces); p++)
    {
      MpFrameReader reader = { .reads_ahead = reads_ahead, .wants_large = wants_large };
      const guint8 *left = stream->data;
      gsize         size = stream->len;

      for (gsize m = 0; m < G_N_ELEMENTS (lengths); m++)
        {
          gsize              length;
          g_autofree guint8 *message =
            next_message (&reader, way, buffer, &left, &size, pieces[p], &length);

          g_assert_cmpint (length, ==, lengths[m]);
          if (!reads_ahead)
            g_assert_cmpint (reader.received, ==, reader.consumed);
          for (gsize i = 0; i < length; i++)
            {
              if (message[i] != pattern (m, i))
                g_assert_cmpint (message[i], ==, pattern (m, i));
            }
        }

      g_assert_true (mp_frame_reader_is_empty (&reader));
      g_assert_cmpint (reader.consumed, ==, stream->len);
      mp_frame_reader_clear (&reader);
    }
}

/* Reading ahead can begin or end in the middle of a message without loss. */
static void
test_mode_changes (void)
{
  g_autoptr (GByteArray) stream = write_stream ();
  MpFrameReader reader = { 0 };
  const guint8 *left = stream->data;
  gsize         size = stream->len;
  guint         n_feeds = 0;

  for (gsize m = 0; m < G_N_ELEMENTS (lengths); m++)
    {
      gsize              length;
      g_autofree guint8 *message = NULL;

      while (mp_frame_reader_peek (&reader, LIMIT, NULL) == MP_FRAME_INCOMPLETE)
        {
          gsize n;

          reader.reads_ahead = n_feeds++ % 3 == 0;
          n = feed (&reader, left, size, 1 + n_feeds % 7 * 100);
          left += n;
          size -= n;
        }
      message = take (&reader, &length);
      g_assert_cmpint (length, ==, lengths[m]);
      for (gsize i = 0; i < length; i++)
        {
          if (message[i] != pattern (m, i))
            g_assert_cmpint (message[i], ==, pattern (m, i));
        }
    }

  g_assert_true (mp_frame_reader_is_empty (&reader));
  mp_frame_reader_clear (&reader);
}

/* Memory is allocated as bytes arrive, not as an untrusted length announces. */
static void
test_promise (gconstpointer wants_large)
{
  MpFrameReader      reader = { .reads_ahead = TRUE, .wants_large = wants_large != NULL };
  g_autofree guint8 *piece = g_malloc0 (65536);
  gsize              there = 0;

  feed (&reader, (const guint8 *) "\3\377\377\377", 4, 4);
  g_assert_cmpint (mp_frame_reader_peek (&reader, LIMIT, NULL), ==, MP_FRAME_INCOMPLETE);

  while (there < 4 * 1024 * 1024)
    {
      there += feed (&reader, piece, 65536, 65536);
      g_assert_cmpint (reader.allocated, <=, MAX (256 * 1024, 2 * there + 65536));
    }
  mp_frame_reader_clear (&reader);
}

static void
test_too_large (void)
{
  MpFrameReader reader = { .reads_ahead = TRUE };
  g_autoptr (GError) error = NULL;

  feed (&reader, (const guint8 *) "\0\0\0\4abcd", 8, 8);
  g_assert_cmpint (mp_frame_reader_peek (&reader, 3, &error), ==, MP_FRAME_ERROR);
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_assert_null (reader.payload);
  g_assert_cmpint (mp_frame_reader_peek (&reader, 4, NULL), ==, MP_FRAME_COMPLETE);
  mp_frame_reader_clear (&reader);
}

/* Many small messages are received with one read; after a large one little is read ahead, because
 * it would have to be copied. */
static void
test_appetite (void)
{
  MpFrameReader      reader = { .reads_ahead = TRUE };
  g_autofree guint8 *zeros = g_malloc0 (200000);
  struct iovec       vectors[2];
  guint              n_vectors;
  gsize              length;

  /* Zeros are empty messages.  The buffer grows as long as reads fill it. */
  for (int i = 0; i < 6; i++)
    {
      feed (&reader, zeros, 200000, G_MAXSIZE);
      while (mp_frame_reader_peek (&reader, LIMIT, NULL) == MP_FRAME_COMPLETE)
        g_free (take (&reader, &length));
    }
  g_assert_cmpint (reader.ahead_size, ==, 65536);
  g_assert_cmpint (feed (&reader, zeros, 200000, G_MAXSIZE), ==, 65536);
  while (mp_frame_reader_peek (&reader, LIMIT, NULL) == MP_FRAME_COMPLETE)
    g_free (take (&reader, &length));

  memcpy (zeros, "\0\1\0\0", 4);
  for (gsize n = 0; n < 65540;)
    {
      n += feed (&reader, zeros + n, 65540 - n, G_MAXSIZE);
      (void) mp_frame_reader_peek (&reader, LIMIT, NULL);
    }
  g_free (take (&reader, &length));
  g_assert_cmpint (length, ==, 65536);
  g_assert_true (mp_frame_reader_get_space (&reader, vectors, &n_vectors, NULL));
  g_assert_cmpint (vectors[0].iov_len, ==, 4096);
  mp_frame_reader_clear (&reader);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/frame/header", test_header);
  g_test_add_data_func ("/frame/stream/take", GINT_TO_POINTER (TAKE), test_stream);
  g_test_add_data_func ("/frame/stream/take/ahead", GINT_TO_POINTER (TAKE | READ_AHEAD),
                        test_stream);
  g_test_add_data_func ("/frame/stream/take/large", GINT_TO_POINTER (TAKE | LARGE), test_stream);
  g_test_add_data_func ("/frame/stream/take/large-ahead",
                        GINT_TO_POINTER (TAKE | LARGE | READ_AHEAD), test_stream);
  g_test_add_data_func ("/frame/stream/copy/large", GINT_TO_POINTER (COPY | LARGE), test_stream);
  g_test_add_data_func ("/frame/stream/lend-and-take-back/large",
                        GINT_TO_POINTER (LEND_AND_TAKE_BACK | LARGE), test_stream);
  g_test_add_data_func ("/frame/stream/copy/ahead", GINT_TO_POINTER (COPY | READ_AHEAD),
                        test_stream);
  g_test_add_data_func ("/frame/stream/lend/ahead", GINT_TO_POINTER (LEND | READ_AHEAD),
                        test_stream);
  g_test_add_data_func ("/frame/stream/lend-and-take-back/ahead",
                        GINT_TO_POINTER (LEND_AND_TAKE_BACK | READ_AHEAD), test_stream);
  g_test_add_func ("/frame/stream/mode-changes", test_mode_changes);
  g_test_add_data_func ("/frame/stream/copy", GINT_TO_POINTER (COPY), test_stream);
  g_test_add_data_func ("/frame/stream/lend", GINT_TO_POINTER (LEND), test_stream);
  g_test_add_data_func ("/frame/stream/lend-and-take-back", GINT_TO_POINTER (LEND_AND_TAKE_BACK),
                        test_stream);
  g_test_add_data_func ("/frame/promise", GINT_TO_POINTER (FALSE), test_promise);
  g_test_add_data_func ("/frame/promise/large", GINT_TO_POINTER (TRUE), test_promise);
  g_test_add_func ("/frame/too-large", test_too_large);
  g_test_add_func ("/frame/appetite", test_appetite);

  return g_test_run ();
}
