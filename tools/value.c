/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "value.h"

#include "terminal.h"

/* How much of bytes a line of a table shows. */
#define MAX_LINE 200

static const char *
name_of_format (MpMessage *message)
{
  g_autoptr (GEnumClass) formats = g_type_class_ref (MP_TYPE_FORMAT);

  return g_enum_get_value (formats, (int) mp_message_get_format (message))->value_nick;
}

/* The value as JSON; NULL where it has none. */
static JsonNode *
read_json (MpMessage *message)
{
  g_autofree char *text = NULL;

  if (mp_message_get_format (message) == MP_FORMAT_BYTES)
    return NULL;
  text = mp_message_get_json (message, NULL);
  return text != NULL ? json_from_string (text, NULL) : NULL;
}

static void
add_bytes (JsonBuilder *builder,
           MpMessage   *message)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);
  g_autofree char *text = NULL;

  json_builder_set_member_name (builder, "value");
  if (bytes == NULL)
    {
      json_builder_add_null_value (builder);
      return;
    }
  text = g_base64_encode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "base64");
  json_builder_add_string_value (builder, text);
  json_builder_end_object (builder);
}

static void
print_json (MpMessage *message,
            guint64    position)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  JsonNode *value = read_json (message);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "position");
  json_builder_add_int_value (builder, (gint64) position);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, name_of_format (message));
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64) mp_message_get_size (message));
  if (value != NULL)
    {
      json_builder_set_member_name (builder, "value");
      json_builder_add_value (builder, value);
    }
  else
    {
      add_bytes (builder, message);
    }
  json_builder_end_object (builder);
  mp_output_json (builder);
}

static char *
dup_line (MpMessage *message)
{
  g_autoptr (JsonNode) value = read_json (message);
  g_autoptr (GBytes) bytes = NULL;
  gsize length;

  if (value != NULL)
    return json_to_string (value, FALSE);
  bytes = mp_message_get_bytes (message, NULL);
  if (bytes == NULL)
    return g_strdup ("(not readable here)");
  length = MIN (g_bytes_get_size (bytes), MAX_LINE);
  return g_strndup (g_bytes_get_data (bytes, NULL), length);
}

void
mp_value_print (MpMessage *message,
                guint64    position)
{
  g_autofree char *line = NULL;
  g_autofree char *safe = NULL;

  if (mp_output.json != MP_OUTPUT_TABLE)
    {
      print_json (message, position);
      return;
    }
  line = dup_line (message);
  safe = mp_terminal_escape (line);
  g_print ("%" G_GUINT64_FORMAT "  %-8s  %s\n", position, name_of_format (message), safe);
}
