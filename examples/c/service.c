/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service that has texts analysed by a worker, an ordinary Python program: service WORKER
 *
 * WORKER is examples/python/service-worker.py.  The service reads lines from its standard input,
 * and prints the worker's answer to each.  If the worker is killed, a new one is started, and gets
 * the request again.
 *
 * Each step is a function that starts an operation, and a callback that continues with the next
 * step:
 *
 *   read_text → ask → (start_worker →) send → receive → read_text
 */

#include <gio/gunixinputstream.h>
#include <mproc-glib/mproc-glib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TRIES 3

typedef struct
{
  GMainLoop        *loop;
  GDataInputStream *input;
  const char       *program;
  char             *key;
  MpListener       *listener;

  /* NULL while there is no worker. */
  MpConnection *connection;

  char   *text;
  int     n_tries;
  GError *error;
} Service;

static void read_text (Service *self);
static void ask (Service *self);

/* Ends the service, with or without an error. */
static void
finish (Service *self,
        GError  *error)
{
  self->error = error;
  g_main_loop_quit (self->loop);
}

/* Sends the request again, to a new worker. */
static void
worker_lost (Service *self,
             GError  *error)
{
  g_print ("The worker is gone: %s\n", error->message);
  g_clear_object (&self->connection);
  if (++self->n_tries == MAX_TRIES)
    {
      finish (self, error);
      return;
    }

  g_error_free (error);
  ask (self);
}

/* The peer may send any value. */
static gboolean
print_answer (GVariant *answer,
              GError  **error)
{
  gint64           words, letters;
  const char      *longest;
  g_autofree char *text = NULL;

  if (g_variant_is_of_type (answer, G_VARIANT_TYPE_VARDICT) &&
      g_variant_lookup (answer, "words", "x", &words) &&
      g_variant_lookup (answer, "letters", "x", &letters) &&
      g_variant_lookup (answer, "longest", "&s", &longest))
    {
      g_print ("words: %" G_GINT64_FORMAT ", letters: %" G_GINT64_FORMAT ", longest: %s\n",
               words, letters, longest);
      return TRUE;
    }

  text = g_variant_print (answer, FALSE);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "This is no answer: %s", text);
  return FALSE;
}

static void
received_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Service *self = user_data;
  GError  *error = NULL;
  g_autoptr (GVariant) answer = mp_connection_recv_finish (MP_CONNECTION (object), result, &error);

  if (answer == NULL)
    worker_lost (self, error);
  else if (!print_answer (answer, &error))
    finish (self, error);
  else
    read_text (self);
}

static void
sent_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Service *self = user_data;
  GError  *error = NULL;

  if (mp_connection_send_finish (MP_CONNECTION (object), result, &error))
    mp_connection_recv_async (self->connection, G_PRIORITY_DEFAULT, NULL, received_cb, self);
  else
    worker_lost (self, error);
}

static void
accepted_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Service *self = user_data;
  GError  *error = NULL;

  self->connection = mp_listener_accept_finish (MP_LISTENER (object), result, &error);
  if (self->connection == NULL)
    {
      worker_lost (self, error);
      return;
    }

  mp_connection_set_format (self->connection, MP_FORMAT_PICKLE);
  ask (self);
}

static void
worker_ended_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GCancellable) ended = user_data;

  g_cancellable_cancel (ended);
}

static void
start_worker (Service *self)
{
  g_autofree char *address = mp_listener_get_address (self->listener);
  const char      *path = address + strlen ("unix:");
  g_autoptr (MpProcess) worker =
    mp_process_new ((const char *[]){ "python3", self->program, path, NULL });
  g_autoptr (GCancellable) ended = g_cancellable_new ();
  GError *error = NULL;

  mp_process_set_die_with_parent (worker, TRUE);
  mp_process_set_env (worker, "SERVICE_KEY", self->key);
  if (!mp_process_start (worker, &error))
    {
      finish (self, error);
      return;
    }

  /* The worker either connects or ends. */
  g_print ("The worker is process %d\n", mp_process_get_pid (worker));
  mp_process_join_async (worker, G_PRIORITY_DEFAULT, NULL, worker_ended_cb, g_object_ref (ended));
  mp_listener_accept_async (self->listener, G_PRIORITY_DEFAULT, ended, accepted_cb, self);
}

static void
ask (Service *self)
{
  if (self->connection == NULL)
    start_worker (self);
  else
    mp_connection_send_async (self->connection, g_variant_new_string (self->text),
                              G_PRIORITY_DEFAULT, NULL, sent_cb, self);
}

static void
text_read_cb (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  Service *self = user_data;
  GError  *error = NULL;

  g_free (self->text);
  self->text = g_data_input_stream_read_line_finish_utf8 (self->input, result, NULL, &error);
  if (self->text == NULL)
    {
      finish (self, error);
      return;
    }

  self->n_tries = 0;
  ask (self);
}

static void
read_text (Service *self)
{
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, text_read_cb, self);
}

static gboolean
run (const char *program,
     GError    **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GInputStream) standard_input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GDataInputStream) input = g_data_input_stream_new (standard_input);
  g_autofree char *key = g_uuid_string_random ();
  g_autoptr (GBytes) auth_key = g_bytes_new (key, strlen (key));

  /* Python up to 3.11 knows only legacy digests. */
  g_autoptr (MpListener) listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "auth-key",
                                                  auth_key, "legacy-digests", TRUE, NULL);
  Service self = {
    loop,
    input,
    program,
    key,
    listener,
  };

  if (!mp_listener_listen (listener, error))
    return FALSE;

  read_text (&self);
  g_main_loop_run (loop);
  g_free (self.text);

  /* The worker ends when its connection is closed. */
  g_clear_object (&self.connection);
  if (self.error != NULL)
    {
      g_propagate_error (error, self.error);
      return FALSE;
    }

  g_print ("Closed\n");
  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    {
      g_printerr ("Usage: %s WORKER\n", argv[0]);
      return 2;
    }

  if (run (argv[1], &error))
    return 0;

  g_printerr ("%s: %s\n", argv[0], error->message);
  return 1;
}
