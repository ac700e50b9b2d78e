/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two processes reply to each other: ping-pong */

#include "child.h"

#define COUNT 3

static gboolean
send_word (MpConnection *connection,
           const char   *word,
           int           i,
           GError      **error)
{
  g_autofree char *text = g_strdup_printf ("%s-%d", word, i);

  if (!mp_connection_send (connection, g_variant_new_string (text), -1, NULL, error))
    return FALSE;

  g_print ("Sent: %s\n", text);
  return TRUE;
}

static gboolean
receive_word (MpConnection *connection,
              GError      **error)
{
  g_autoptr (GVariant) word = mp_connection_recv (connection, -1, NULL, error);

  if (word == NULL)
    return FALSE;

  g_print ("Received: %s\n", g_variant_get_string (word, NULL));
  return TRUE;
}

static gboolean
ping (MpConnection *connection,
      GError      **error)
{
  for (int i = 0; i < COUNT; i++)
    {
      if (!send_word (connection, "ping", i, error) || !receive_word (connection, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
pong (MpConnection *connection,
      GError      **error)
{
  for (int i = 0; i < COUNT; i++)
    {
      if (!receive_word (connection, error) || !send_word (connection, "pong", i, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
play (const char *role,
      GError    **error)
{
  g_autoptr (MpConnection) connection = MP_CONNECTION (mp_inherit ("connection", error));

  if (connection == NULL)
    return FALSE;

  return g_str_equal (role, "ping") ? ping (connection, error) : pong (connection, error);
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (MpProcess) pinger = make_child (program, "ping", NULL);
  g_autoptr (MpProcess) ponger = make_child (program, "pong", NULL);

  if (!mp_pipe (TRUE, &first, &second, error))
    return FALSE;

  mp_process_give (pinger, "connection", MP_SHAREABLE (first));
  mp_process_give (ponger, "connection", MP_SHAREABLE (second));

  return mp_process_start (pinger, error) && mp_process_start (ponger, error) &&
         mp_process_join (pinger, -1, NULL, error) && mp_process_join (ponger, -1, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean done = argc == 1 ? run (argv[0], &error) : play (argv[1], &error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
