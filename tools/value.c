/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "value.h"

#include "terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How many bytes of a value one line of output shows. */
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

/* The bytes of a message that has no value as JSON. */
static GBytes *
get_bytes (MpMessage *message)
{
  const guint8 *data;
  gsize         length;

  data = mp_message_get_data (message, &length);
  return data != NULL ? g_bytes_new (data, length) : mp_message_get_bytes (message, NULL);
}

static JsonNode *
make_bytes (MpMessage *message)
{
  g_autoptr (GBytes) bytes = get_bytes (message);
  g_autofree char *text = NULL;
  JsonObject      *object;
  JsonNode        *node;

  if (bytes == NULL)
    return json_node_new (JSON_NODE_NULL);
  text = g_base64_encode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  object = json_object_new ();
  json_object_set_string_member (object, "base64", text);
  node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, object);
  return node;
}

/* The value as JSON, bytes as {"base64": "…"}. */
static JsonNode *
make_value (MpMessage *message)
{
  JsonNode *value = read_json (message);

  return value != NULL ? value : make_bytes (message);
}

static void
print_json (MpMessage *message,
            guint64    position,
            guint64    max_size)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "position");
  json_builder_add_int_value (builder, (gint64) position);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, name_of_format (message));
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64) mp_message_get_size (message));
  json_builder_set_member_name (builder, "value");
  if (mp_message_get_size (message) <= max_size)
    json_builder_add_value (builder, make_value (message));
  else
    json_builder_add_null_value (builder);
  json_builder_end_object (builder);
  mp_output_json (builder);
}

/* Cuts text to that many bytes, or less so as not to cut a character. */
static char *
cut (char   *text,
     guint64 max_size)
{
  const gsize length = strlen (text);
  gsize       end = (gsize) MIN (length, max_size);
  char       *shorter;

  if (end == length)
    return text;
  while (end > 0 && ((guint8) text[end] & 0xc0) == 0x80)
    end--;
  shorter = g_strdup_printf ("%.*s…", (int) end, text);
  g_free (text);
  return shorter;
}

/* The first bytes, as text that is safe on a terminal. */
static char *
dup_escaped (GBytes *bytes,
             guint64 max_size)
{
  const gsize      length = (gsize) MIN (g_bytes_get_size (bytes), max_size);
  g_autofree char *text = mp_terminal_escape_bytes (g_bytes_get_data (bytes, NULL), length);

  return g_strconcat (text, length < g_bytes_get_size (bytes) ? "…" : NULL, NULL);
}

static char *
dup_line (MpMessage *message,
          guint64    max_size)
{
  g_autoptr (JsonNode) value = read_json (message);
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *text = NULL;

  if (value != NULL)
    {
      text = cut (json_to_string (value, FALSE), max_size);
      return mp_terminal_escape (text);
    }
  bytes = get_bytes (message);
  return bytes != NULL ? dup_escaped (bytes, MIN (max_size, MAX_LINE))
                       : g_strdup ("(not readable here)");
}

void
mp_value_print (MpMessage *message,
                guint64    position,
                guint64    max_size)
{
  g_autofree char *line = NULL;

  if (mp_output.json != MP_OUTPUT_TABLE)
    {
      print_json (message, position, max_size);
      return;
    }
  line = dup_line (message, max_size);
  g_print ("%" G_GUINT64_FORMAT "  %-8s  %s\n", position, name_of_format (message), line);
}

/* --- Forms ------------------------------------------------------------------------------------ */

static const char *const forms[] = { "json", "gvariant", "raw", "hex" };

gboolean
mp_value_parse_form (const char  *name,
                     MpValueForm *form)
{
  *form = MP_VALUE_JSON;
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (forms); i++)
    if (g_str_equal (forms[i], name))
      {
        *form = (MpValueForm) i;
        return TRUE;
      }
  return name == NULL;
}

static GBytes *
get_raw (MpMessage *message,
         GError   **error)
{
  GBytes *bytes = get_bytes (message);
  char   *text;

  if (bytes != NULL)
    return bytes;
  text = mp_message_get_json (message, error);
  return text != NULL ? g_bytes_new_take (text, strlen (text)) : NULL;
}

static char *
dup_text (MpMessage  *message,
          MpValueForm form,
          GError    **error)
{
  g_autoptr (GVariant) variant = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GString) text = NULL;
  g_autoptr (JsonNode) value = NULL;

  if (form == MP_VALUE_JSON)
    {
      value = make_value (message);
      return json_to_string (value, FALSE);
    }
  if (form == MP_VALUE_GVARIANT)
    {
      variant = mp_message_get_variant (message, error);
      return variant != NULL ? g_variant_print (variant, TRUE) : NULL;
    }
  bytes = get_raw (message, error);
  if (bytes == NULL)
    return NULL;
  text = g_string_new (NULL);
  for (gsize i = 0; i < g_bytes_get_size (bytes); i++)
    g_string_append_printf (text, "%02x", ((const guint8 *) g_bytes_get_data (bytes, NULL))[i]);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* To a terminal bytes go as text, with what is not text made visible. */
static gboolean
write_raw (MpMessage *message,
           guint64    max_size,
           GError   **error)
{
  g_autoptr (GBytes) bytes = get_raw (message, error);
  g_autofree char *text = NULL;

  if (bytes == NULL)
    return FALSE;
  if (!isatty (STDOUT_FILENO))
    {
      fwrite (g_bytes_get_data (bytes, NULL), 1, (gsize) MIN (g_bytes_get_size (bytes), max_size),
              stdout);
      return TRUE;
    }
  text = dup_escaped (bytes, max_size);
  mp_output_line (text);
  return TRUE;
}

gboolean
mp_value_write (MpMessage  *message,
                MpValueForm form,
                guint64     max_size,
                GError    **error)
{
  char *text;

  if (form == MP_VALUE_RAW)
    return write_raw (message, max_size, error);
  text = dup_text (message, form, error);
  if (text == NULL)
    return FALSE;
  /* A byte is two hexadecimal digits. */
  text = cut (text, form == MP_VALUE_HEX && max_size < G_MAXUINT64 / 2 ? 2 * max_size : max_size);
  mp_output_line (text);
  g_free (text);
  return TRUE;
}

GBytes *
mp_value_to_input (MpMessage  *message,
                   MpValueForm form,
                   GError    **error)
{
  char *text, *line;

  if (form == MP_VALUE_RAW)
    return get_raw (message, error);
  text = dup_text (message, form, error);
  if (text == NULL)
    return NULL;
  line = g_strconcat (text, "\n", NULL);
  g_free (text);
  return g_bytes_new_take (line, strlen (line));
}

/* --- From text -------------------------------------------------------------------------------- */

static MpMessage *
read_hex (const char *text,
          gsize       length,
          GError    **error)
{
  g_autofree guint8 *bytes = g_malloc (length / 2 + 1);

  for (gsize i = 0; i < length / 2; i++)
    {
      const int high = g_ascii_xdigit_value (text[2 * i]);
      const int low = g_ascii_xdigit_value (text[2 * i + 1]);

      if (high == -1 || low == -1)
        break;
      bytes[i] = (guint8) (high << 4 | low);
      if (i + 1 == length / 2 && length % 2 == 0)
        return mp_message_new_data (bytes, length / 2);
    }
  if (length == 0)
    return mp_message_new_data (bytes, 0);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "“%.40s” is no hexadecimal number",
               text);
  return NULL;
}

MpMessage *
mp_value_read (const char *text,
               gsize       length,
               MpValueForm form,
               GError    **error)
{
  g_autoptr (GVariant) variant = NULL;

  if (form == MP_VALUE_RAW)
    return mp_message_new_data ((const guint8 *) text, length);
  if (form == MP_VALUE_HEX)
    return read_hex (text, length, error);
  if (strlen (text) != length || !g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the value is no text in UTF-8: see --bytes");
      return NULL;
    }
  if (form == MP_VALUE_JSON)
    return mp_message_new_json (text);
  variant = g_variant_parse (NULL, text, NULL, NULL, error);
  return variant != NULL ? mp_message_new_variant (variant) : NULL;
}
