/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "lines.h"

#include "command.h"
#include "value.h"

#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

MpLinesOptions mp_lines_options = { .n_seconds = -1 };

/* The standard input.  It is kept for the next connection, since it may have read ahead. */
static GDataInputStream *input;

typedef struct
{
  const char   *address;
  MpConnection *connection;
  GCancellable *cancellable;
  GMainLoop    *loop;
  guint         timeout_id;
  gboolean      one_message;
  gboolean      is_reading;
  gboolean      is_receiving;
  gboolean      is_over;
  gboolean      was_interrupted;
  int           status;
} Lines;

static void read_line (Lines *lines);
static void receive (Lines *lines);

gboolean
mp_lines_check (const char *command)
{
  static const char *const formats[] = { "json", "pickle", "bytes", "gvariant", NULL };

  if (mp_lines_options.format == NULL ||
      g_strv_contains (formats, mp_lines_options.format))
    return TRUE;
  mp_command_refuse (command, MP_EXIT_USAGE, "--format is json, pickle, bytes or gvariant");
  return FALSE;
}

GBytes *
mp_lines_read_key (GError **error)
{
  char *content;
  gsize length;

  if (mp_lines_options.key_file == NULL ||
      !g_file_get_contents (mp_lines_options.key_file, &content, &length, error))
    return NULL;
  if (length > 0 && content[length - 1] == '\n')
    length--;
  return g_bytes_new_take (content, length);
}

/* --- Out -------------------------------------------------------------------------------------- */

/* A value of JSON as a pickle, for peers that know nothing else. */
static gboolean
send_pickle (Lines      *lines,
             const char *text,
             GError    **error)
{
  g_autoptr (JsonNode) node = json_from_string (text, error);
  g_autoptr (GVariant) value = NULL;

  if (node == NULL)
    return FALSE;
  value = json_gvariant_deserialize (node, NULL, error);
  if (value == NULL)
    return FALSE;
  mp_connection_set_format (lines->connection, MP_FORMAT_PICKLE);
  return mp_connection_send (lines->connection, g_steal_pointer (&value), -1, NULL, error);
}

static gboolean
send_line (Lines      *lines,
           const char *text,
           gsize       length,
           GError    **error)
{
  const char *format = mp_lines_options.format;
  g_autoptr (MpMessage) message = NULL;

  if (g_strcmp0 (format, "pickle") == 0)
    return send_pickle (lines, text, error);
  message = mp_value_read (text, length,
                           g_strcmp0 (format, "bytes") == 0      ? MP_VALUE_RAW
                           : g_strcmp0 (format, "gvariant") == 0 ? MP_VALUE_GVARIANT
                                                                 : MP_VALUE_JSON,
                           error);
  return message != NULL &&
         mp_connection_send_message (lines->connection, message, -1, NULL, error);
}

static void
stop (Lines *lines,
      int    status)
{
  lines->is_over = TRUE;
  lines->status = status;
  g_cancellable_cancel (lines->cancellable);
  g_main_loop_quit (lines->loop);
}

/* Whether the error is in one line of the input, so that the next line can still be sent. */
static gboolean
is_of_line (const GError *error)
{
  return g_error_matches (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE) ||
         g_error_matches (error, MP_ERROR, MP_ERROR_TOO_LARGE) ||
         g_error_matches (error, MP_ERROR, MP_ERROR_UNSUPPORTED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA) ||
         error->domain == JSON_PARSER_ERROR || error->domain == G_VARIANT_PARSE_ERROR;
}

/* Sends a line.  For one that is not a valid value, an error is written, and it is skipped. */
static void
line_read (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Lines *lines = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  gsize            length;

  line = g_data_input_stream_read_line_finish (input, result, &length, &error);
  lines->is_reading = FALSE;
  if (lines->is_over || line == NULL)
    return;
  if (!send_line (lines, line, length, &error))
    {
      int status = mp_command_fail (lines->address, error);

      if (!is_of_line (error))
        {
          stop (lines, status);
          return;
        }
    }
  read_line (lines);
}

static void
read_line (Lines *lines)
{
  lines->is_reading = TRUE;
  g_data_input_stream_read_line_async (input, G_PRIORITY_DEFAULT, lines->cancellable,
                                       line_read, lines);
}

/* --- In --------------------------------------------------------------------------------------- */

static gboolean
time_is_over (gpointer user_data)
{
  Lines *lines = user_data;

  lines->timeout_id = 0;
  stop (lines, MP_EXIT_NOTHING);
  return G_SOURCE_REMOVE;
}

static void
start_timeout (Lines *lines)
{
  g_clear_handle_id (&lines->timeout_id, g_source_remove);
  if (mp_lines_options.n_seconds >= 0)
    lines->timeout_id =
      g_timeout_add ((guint) (mp_lines_options.n_seconds * 1000), time_is_over, lines);
}

static gboolean
write_out (MpMessage *message,
           GError   **error)
{
  if (mp_output.json != MP_OUTPUT_TABLE)
    mp_value_print (message, 0, G_MAXUINT64);
  else if (!mp_value_write (message, MP_VALUE_JSON, G_MAXUINT64, error))
    return FALSE;
  return mp_output_flush (error);
}

static void
received (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  Lines *lines = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message =
    mp_connection_recv_message_finish (MP_CONNECTION (source), result, &error);

  lines->is_receiving = FALSE;
  if (lines->is_over)
    return;
  if (message != NULL && write_out (message, &error))
    {
      start_timeout (lines);
      if (lines->one_message)
        stop (lines, MP_EXIT_DONE);
      else
        receive (lines);
      return;
    }
  if (g_error_matches (error, MP_ERROR, MP_ERROR_END_OF_STREAM))
    stop (lines, MP_EXIT_DONE);
  else
    stop (lines, mp_command_fail (lines->address, error));
}

static void
receive (Lines *lines)
{
  lines->is_receiving = TRUE;
  mp_connection_recv_message_async (lines->connection, G_PRIORITY_DEFAULT, lines->cancellable,
                                    received, lines);
}

static gboolean
asked_to_end (gpointer user_data)
{
  ((Lines *) user_data)->was_interrupted = TRUE;
  stop (user_data, MP_EXIT_DONE);
  return G_SOURCE_CONTINUE;
}

int
mp_lines_run (const char   *address,
              MpConnection *connection,
              gboolean      one_message,
              gboolean     *was_interrupted)
{
  Lines lines = { .address = address, .connection = connection, .one_message = one_message };
  guint signals[2];

  if (input == NULL)
    {
      g_autoptr (GInputStream) bytes = g_unix_input_stream_new (STDIN_FILENO, FALSE);

      input = g_data_input_stream_new (bytes);
    }
  lines.cancellable = g_cancellable_new ();
  lines.loop = g_main_loop_new (NULL, FALSE);
  signals[0] = g_unix_signal_add (SIGINT, asked_to_end, &lines);
  signals[1] = g_unix_signal_add (SIGTERM, asked_to_end, &lines);
  start_timeout (&lines);
  read_line (&lines);
  receive (&lines);
  g_main_loop_run (lines.loop);

  /* The callbacks of cancelled operations use @lines, so wait for them. */
  while (lines.is_reading || lines.is_receiving)
    g_main_context_iteration (NULL, TRUE);
  g_clear_handle_id (&lines.timeout_id, g_source_remove);
  g_source_remove (signals[0]);
  g_source_remove (signals[1]);
  g_object_unref (lines.cancellable);
  g_main_loop_unref (lines.loop);
  mp_connection_close (connection, NULL);
  *was_interrupted = lines.was_interrupted;
  return lines.status;
}
