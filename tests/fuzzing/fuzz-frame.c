/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#include "wire/frame.h"

#define LIMIT 65536

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* Takes a message in one of two ways. */
static void
take (MpFrameReader *reader,
      gboolean       copy)
{
  g_autofree guint8 *message = NULL;
  MpLargeMemory     *large;
  gsize              length = (gsize) reader->length;

  if (copy)
    {
      message = g_malloc (length + 1);
      mp_frame_reader_copy (reader, message);
    }
  else
    {
      message = mp_frame_reader_take (reader, &length, &large);
      g_assert_cmpint (message[length], ==, 0);
      if (large != NULL)
        {
          g_assert_true (message == large->data);
          mp_large_memory_free (large);
          message = NULL;
        }
    }
  g_assert_cmpint (reader->consumed, <=, reader->received);
}

/* Simulates one read of at most @most bytes.  Returns FALSE at the end. */
static gboolean
receive (MpFrameReader *reader,
         const guint8 **data,
         gsize         *size,
         gsize          most)
{
  struct iovec vectors[2];
  guint        n_vectors;
  gsize        total = 0;

  if (*size == 0 || !mp_frame_reader_get_space (reader, vectors, &n_vectors, NULL))
    return FALSE;

  for (guint i = 0; i < n_vectors; i++)
    {
      gsize here = MIN (MIN (vectors[i].iov_len, *size), most - total);

      memcpy (vectors[i].iov_base, *data, here);
      *data += here;
      *size -= here;
      total += here;
    }
  g_assert_cmpint (total, >, 0);
  mp_frame_reader_commit (reader, total);
  return TRUE;
}

/* The first byte determines the size of each read, whether reading ahead is enabled, in which
 * memory messages are received, and how they are taken. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  MpFrameReader reader = {
    0,
  };
  static guint8 buffer[LIMIT];
  MpFrameStatus status;
  guint8        control;
  gsize         most;

  if (size == 0)
    return 0;
  control = *data++;
  size--;
  reader.reads_ahead = control & 1;
  reader.wants_large = (control & 2) != 0;
  most = (control & 0x3f) == 0 ? G_MAXSIZE : (gsize) (control & 0x3f) * (control & 0x3f);

  for (;;)
    {
      status = mp_frame_reader_peek (&reader, LIMIT, NULL);
      if (status == MP_FRAME_ERROR)
        break;
      if (status == MP_FRAME_COMPLETE)
        {
          take (&reader, (control & 0x40) != 0 || reader.lent);
          continue;
        }

      if ((control & 0x80) != 0 && !mp_frame_reader_lend (&reader, buffer, LIMIT))
        mp_frame_reader_take_back (&reader);
      if (!receive (&reader, &data, &size, most))
        break;
    }

  mp_frame_reader_take_back (&reader);
  mp_frame_reader_clear (&reader);
  return 0;
}
