/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

static void
test_flush (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *large = g_malloc0 (1 << 22);
  MpConnection      *first, *second;

  g_assert_true (mp_pipe (TRUE, &first, &second, &error));
  g_assert_true (mp_connection_flush (first, 0, NULL, &error));
  /* A part of it is sent, so it counts as sent. */
  g_assert_true (mp_connection_send_data (first, large, 1 << 22, 0, NULL, &error));
  g_assert_false (mp_connection_flush (first, 1000, NULL, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (second);
  g_assert_false (mp_connection_flush (first, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_finalize_object (first);
}

/* More than one call writes, some of them empty, and together more than the kernel holds. */
#define N_PIECES 1000

static gpointer
receive (gpointer connection)
{
  g_autoptr (GError) error = NULL;
  GBytes *bytes = mp_connection_recv_bytes (connection, -1, -1, NULL, &error);

  g_assert_no_error (error);
  return bytes;
}

/* With @patience 0 the call returns in the middle of the message, whose rest flush () sends. */
static void
test_pieces (gconstpointer patience)
{
  g_autoptr (GByteArray) expected = g_byte_array_new ();
  g_autoptr (GBytes) received = NULL;
  g_autoptr (GError) error = NULL;
  guintptr      addresses[N_PIECES];
  gsize         sizes[N_PIECES], done = 0;
  MpConnection *first, *second;
  GThread      *receiver;

  for (guint i = 0; i < N_PIECES; i++)
    {
      sizes[i] = i * 7919 % 5000 < 300 ? 0 : i * 7919 % 5000;
      g_byte_array_set_size (expected, expected->len + sizes[i]);
      if (sizes[i] > 0)
        memset (expected->data + expected->len - sizes[i], (int) i, sizes[i]);
    }
  for (guint i = 0; i < N_PIECES; done += sizes[i++])
    addresses[i] = sizes[i] > 0 ? (guintptr) expected->data + done : 0;

  g_assert_true (mp_pipe (TRUE, &first, &second, &error));
  if (patience == NULL)
    g_assert_true (mp_connection_send_pieces (first, addresses, sizes, N_PIECES, 0, NULL, &error));
  receiver = g_thread_new (NULL, receive, second);
  if (patience != NULL)
    g_assert_true (mp_connection_send_pieces (first, addresses, sizes, N_PIECES, -1, NULL, &error));
  while (!mp_connection_flush (first, -1, NULL, &error))
    g_assert_no_error (error);
  received = g_thread_join (receiver);
  g_assert_cmpmem (g_bytes_get_data (received, NULL), g_bytes_get_size (received), expected->data,
                   expected->len);
  g_assert_cmpuint ((guintptr) g_bytes_get_data (received, NULL) % 64, ==, 0);

  g_assert_finalize_object (second);
  g_assert_finalize_object (first);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/connection/flush", test_flush);
  g_test_add_data_func ("/connection/pieces", GINT_TO_POINTER (TRUE), test_pieces);
  g_test_add_data_func ("/connection/pieces/rest-later", NULL, test_pieces);

  return g_test_run ();
}
