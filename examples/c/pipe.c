/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One process sends what another receives:  pipe */

#include "child.h"

static gboolean
send_words (GError **error)
{
  const char *words[] = { "Hello", "World", "From", "Pipe" };
  g_autoptr (MpConnection) connection = MP_CONNECTION (mp_inherit ("connection", error));

  if (connection == NULL)
    return FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_print ("Sending: %s\n", words[i]);
      if (!mp_connection_send (connection, g_variant_new_string (words[i]), -1, NULL, error))
        return FALSE;
    }

  return mp_connection_close (connection, error);
}

static gboolean
receive_words (GError **error)
{
  g_autoptr (MpConnection) connection = MP_CONNECTION (mp_inherit ("connection", error));
  g_autoptr (GError) failure = NULL;
  GVariant *word;

  if (connection == NULL)
    return FALSE;

  /* Loop until the other end is closed. */
  while ((word = mp_connection_next_value (connection, &failure)) != NULL)
    {
      g_print ("Received: %s\n", g_variant_get_string (word, NULL));
      g_variant_unref (word);
    }

  if (failure == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpConnection) reader = NULL;
  g_autoptr (MpConnection) writer = NULL;
  g_autoptr (MpProcess) sender = make_child (program, "send", NULL);
  g_autoptr (MpProcess) receiver = make_child (program, "receive", NULL);

  if (!mp_pipe (FALSE, &reader, &writer, error))
    return FALSE;

  mp_process_give (sender, "connection", MP_SHAREABLE (writer));
  mp_process_give (receiver, "connection", MP_SHAREABLE (reader));

  /* The receiver gets the end of the stream only if no other process has the writer open. */
  return mp_process_start (sender, error) && mp_process_start (receiver, error) &&
         mp_connection_close (writer, error) &&
         mp_process_join (sender, -1, NULL, error) && mp_process_join (receiver, -1, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done;

  if (argc == 1)
    done = run (argv[0], &error);
  else if (g_str_equal (argv[1], "send"))
    done = send_words (&error);
  else
    done = receive_words (&error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
