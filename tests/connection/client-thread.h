/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

#include <string.h>

/* A thread that connects to a listener of the test. */

#define TIMEOUT (20 * G_USEC_PER_SEC)

typedef struct
{
  MpConnector  *connector;
  MpConnection *connection;
  GError       *error;
} Client;

static inline gpointer
run_client (gpointer data)
{
  Client *client = data;

  client->connection = mp_connector_open (client->connector, TIMEOUT, NULL, &client->error);
  return NULL;
}

static inline MpConnector *
client_make_connector (MpListener *listener,
                       const char *key)
{
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GBytes) auth_key = key != NULL ? g_bytes_new (key, strlen (key)) : NULL;

  return mp_connector_new (address, auth_key);
}
