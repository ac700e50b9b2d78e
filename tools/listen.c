/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "lines.h"
#include "output.h"
#include "terminal.h"

#include <glib-unix.h>
#include <signal.h>

static const GOptionEntry options[] = {
  MP_LINES_ENTRIES,
  { "once", 0, 0, G_OPTION_ARG_NONE, &mp_lines_options.once, "Ends after the first connection",
    NULL },
  { NULL },
};

static MpListener *
new_listener (const char *address,
              GError    **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) key = mp_lines_read_key (&reason);

  if (reason != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return NULL;
    }
  return g_object_new (MP_TYPE_LISTENER, "address", address, "auth-key", key, "legacy-digests",
                       mp_lines_options.legacy_digests, NULL);
}

typedef struct
{
  GMainLoop    *loop;
  GCancellable *cancellable;
  MpConnection *connection;
  GError       *error;
  gboolean      is_late;
} Accept;

static void
accepted (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  Accept *accept = user_data;

  accept->connection = mp_listener_accept_finish (MP_LISTENER (source), result, &accept->error);
  g_main_loop_quit (accept->loop);
}

static gboolean
asked_to_end (gpointer user_data)
{
  g_cancellable_cancel (((Accept *) user_data)->cancellable);
  return G_SOURCE_CONTINUE;
}

static gboolean
time_is_over (gpointer user_data)
{
  ((Accept *) user_data)->is_late = TRUE;
  return asked_to_end (user_data);
}

/* Writes the address, once.  Called when the signal handlers are set, so that who reads it may send
 * a signal. */
static void
announce (MpListener *listener)
{
  static gboolean  is_announced;
  g_autofree char *address = mp_listener_get_address (listener);
  g_autofree char *safe = mp_terminal_escape (address);

  if (!is_announced && !mp_output.quiet)
    g_printerr ("mproc: listening at %s\n", safe);
  is_announced = TRUE;
}

static void
accept_in_loop (MpListener *listener,
                Accept     *accept)
{
  guint sources[3] = { g_unix_signal_add (SIGINT, asked_to_end, accept),
                       g_unix_signal_add (SIGTERM, asked_to_end, accept) };

  if (mp_lines_options.n_seconds >= 0)
    sources[2] =
      g_timeout_add ((guint) (mp_lines_options.n_seconds * 1000), time_is_over, accept);
  announce (listener);
  mp_listener_accept_async (listener, G_PRIORITY_DEFAULT, accept->cancellable, accepted, accept);
  g_main_loop_run (accept->loop);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
}

/* Waits until a peer is accepted.  A peer that does not have the key is reported, and the wait
 * continues.  Returns NULL with *@status set on failure. */
static MpConnection *
accept_one (MpListener *listener,
            const char *address,
            int        *status)
{
  Accept accept = { g_main_loop_new (NULL, FALSE), g_cancellable_new () };

  while (TRUE)
    {
      accept_in_loop (listener, &accept);
      if (accept.connection != NULL || g_cancellable_is_cancelled (accept.cancellable))
        break;
      *status = mp_command_fail (address, accept.error);
      if (!g_error_matches (accept.error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED))
        break;
      g_clear_error (&accept.error);
      *status = MP_EXIT_DONE;
    }
  if (accept.is_late && accept.connection == NULL)
    *status = MP_EXIT_NOTHING;
  g_clear_error (&accept.error);
  g_object_unref (accept.cancellable);
  g_main_loop_unref (accept.loop);
  return accept.connection;
}

static int
serve (MpListener *listener,
       const char *address)
{
  int      status = MP_EXIT_DONE;
  gboolean was_interrupted = FALSE;

  do
    {
      g_autoptr (MpConnection) connection = accept_one (listener, address, &status);

      if (connection == NULL)
        break;
      status = mp_lines_run (address, connection, FALSE, &was_interrupted);
    }
  while (!mp_lines_options.once && !was_interrupted);
  return status;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpListener) listener = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!mp_command_parse (&mp_command_listen, &argc, &argv, 1, 1, &status))
    return status;
  if (!mp_lines_check ("listen"))
    return MP_EXIT_USAGE;
  listener = new_listener (argv[1], &error);
  if (listener == NULL || !mp_listener_listen (listener, &error))
    return mp_command_fail (argv[1], error);

  status = serve (listener, argv[1]);
  mp_listener_close (listener);
  return status;
}

const MpCommand mp_command_listen = {
  .name = "listen",
  .arguments = "ADDRESS",
  .summary = "Waits for connections, sends lines, and writes what comes",
  .options = options,
  .run = run,
};
