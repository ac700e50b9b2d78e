/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server and a client that authenticate each other with a key: listener */

#include "child.h"

#define KEY "secret_key"

static GBytes *
make_key (void)
{
  return g_bytes_new_static (KEY, strlen (KEY));
}

static gboolean
send_text (MpConnection *connection,
           const char   *text,
           GError      **error)
{
  return mp_connection_send (connection, g_variant_new_string (text), -1, NULL, error);
}

/* The peer may send any value, and need not be text. */
static char *
receive_text (MpConnection *connection,
              GError      **error)
{
  g_autoptr (GVariant) value = mp_connection_recv (connection, -1, NULL, error);

  if (value == NULL)
    return NULL;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Got a value of type %s",
                   g_variant_get_type_string (value));
      return NULL;
    }

  return g_variant_dup_string (value, NULL);
}

static gboolean
serve (MpListener *listener,
       GError    **error)
{
  g_autoptr (MpConnection) connection = mp_listener_accept (listener, -1, NULL, error);

  if (connection == NULL)
    return FALSE;

  g_print ("Connection accepted\n");
  while (TRUE)
    {
      g_autofree char *text = receive_text (connection, error);
      g_autofree char *echo = NULL;

      if (text == NULL)
        return FALSE;

      g_print ("Server received: %s\n", text);
      if (g_str_equal (text, "quit"))
        return TRUE;

      echo = g_strconcat ("Echo: ", text, NULL);
      if (!send_text (connection, echo, error))
        return FALSE;
    }
}

static gboolean
visit (const char *address,
       GError    **error)
{
  const char *words[] = { "hello", "world" };
  g_autoptr (GBytes) key = make_key ();
  g_autoptr (MpConnection) connection = mp_connect (address, key, -1, NULL, error);

  if (connection == NULL)
    return FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autofree char *echo = NULL;

      if (!send_text (connection, words[i], error))
        return FALSE;

      echo = receive_text (connection, error);
      if (echo == NULL)
        return FALSE;

      g_print ("Client received: %s\n", echo);
    }

  return send_text (connection, "quit", error);
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (GBytes) key = make_key ();
  g_autoptr (MpListener) listener = mp_listener_new ("tcp:localhost:0", key, error);
  g_autoptr (MpProcess) client = NULL;
  g_autofree char *address = NULL;

  if (listener == NULL)
    return FALSE;

  address = mp_listener_get_address (listener);
  g_print ("Server listening on %s\n", address);
  client = make_child (program, "visit", address);

  return mp_process_start (client, error) && serve (listener, error) &&
         mp_process_join (client, -1, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done = argc == 1 ? run (argv[0], &error) : visit (argv[2], &error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
