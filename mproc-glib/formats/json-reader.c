/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "json-reader.h"
#include "json-scan.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>

typedef struct
{
  char     *name;
  JsonNode *value;
} Member;

typedef struct
{
  const guint8 *data;
  gsize         size;
  MpSink       *sink;

  /* The members of each JsonObject that has any, in order. */
  GHashTable *members;

  /* Where the parser first found something that it did not expect. */
  gsize error_offset;

  /* A buffer for strings that contain marks. */
  GByteArray *scratch;
} Reader;

static gboolean tell_node (Reader   *self,
                           JsonNode *node,
                           GError  **error);

static void
member_clear (gpointer data)
{
  Member *member = data;

  g_free (member->name);
  json_node_unref (member->value);
}

/* Keeps members in a list, and removes them from the JsonObject.  JsonObject hashes names
 * without a random seed, so that a hostile peer could make them all collide, and it silently
 * drops duplicates. */
static void
object_member_cb (JsonParser *parser,
                  JsonObject *object,
                  const char *name,
                  gpointer    user_data)
{
  Reader *self = user_data;
  GArray *members = g_hash_table_lookup (self->members, object);
  Member  member;

  if (members == NULL)
    {
      members = g_array_new (FALSE, FALSE, sizeof (Member));
      g_array_set_clear_func (members, member_clear);
      g_hash_table_insert (self->members, object, members);
    }

  member.name = g_strdup (name);
  member.value = json_node_ref (json_object_get_member (object, name));
  g_array_append_val (members, member);
  json_object_remove_member (object, name);
}

/* The parser counts lines from 1, and the bytes that it has read of the current line. */
static void
error_cb (JsonParser *parser,
          gpointer    error,
          gpointer    user_data)
{
  Reader       *self = user_data;
  const guint8 *end = self->data + self->size, *line = self->data;

  for (guint n = json_parser_get_current_line (parser); n > 1 && line < end; n--)
    {
      const guint8 *newline = memchr (line, '\n', end - line);

      line = newline != NULL ? newline + 1 : end;
    }

  self->error_offset = MIN ((gsize) (line - self->data) + json_parser_get_current_pos (parser),
                            self->size);
}

/* A number is an integer if it fits into 64 bits; larger ones become a double, as in
 * JavaScript. */
static gboolean
tell_long_integer (Reader  *self,
                   gsize    offset,
                   GError **error)
{
  const char      *start = (const char *) self->data + offset;
  gsize            length = *start == '-' ? 1 : 0;
  g_autofree char *text = NULL;
  gint64           integer;
  guint64          natural;

  while (offset + length < self->size && g_ascii_isdigit (start[length]))
    length++;
  text = g_strndup (start, length);

  errno = 0;
  integer = g_ascii_strtoll (text, NULL, 10);
  if (errno == 0)
    return self->sink->funcs->add_int (self->sink, integer, error);

  errno = 0;
  natural = g_ascii_strtoull (text, NULL, 10);
  if (errno == 0 && *text != '-')
    return self->sink->funcs->add_uint (self->sink, natural, error);

  return self->sink->funcs->add_double (self->sink, g_ascii_strtod (text, NULL), error);
}

/* Parses @text as an integer; FALSE if it is none. */
static gboolean
find_long_integer (const char *text,
                   gsize      *out_offset)
{
  if (text[0] != MP_JSON_MARK || text[1] == 'u')
    return FALSE;

  *out_offset = g_ascii_strtoull (text + 1, NULL, 16);
  return TRUE;
}

static gboolean
tell_marked_string (Reader     *self,
                    const char *text,
                    const char *mark,
                    GError    **error)
{
  MpTextFlags flags = MP_TEXT_PLAIN;

  if (self->scratch == NULL)
    self->scratch = g_byte_array_new ();
  g_byte_array_set_size (self->scratch, 0);

  for (; mark != NULL; mark = strchr (text, MP_JSON_MARK))
    {
      char     digits[5] = "";
      guint8   bytes[4];
      gunichar character;

      memcpy (digits, mark + 2, 4);
      character = g_ascii_strtoull (digits, NULL, 16);
      if (character == 0)
        flags |= MP_TEXT_HAS_NUL;
      else if (character != MP_JSON_MARK)
        flags |= MP_TEXT_HAS_SURROGATE;

      g_byte_array_append (self->scratch, (const guint8 *) text, mark - text);
      g_byte_array_append (self->scratch, bytes, mp_text_write (character, bytes));
      text = mark + strlen ("\\u0000");
    }

  g_byte_array_append (self->scratch, (const guint8 *) text, strlen (text));
  return self->sink->funcs->add_string (self->sink, self->scratch->data, self->scratch->len,
                                        flags, error);
}

static gboolean
tell_string (Reader     *self,
             const char *text,
             GError    **error)
{
  const char *mark = strchr (text, MP_JSON_MARK);

  if (mark != NULL)
    return tell_marked_string (self, text, mark, error);

  return self->sink->funcs->add_string (self->sink, (const guint8 *) text, strlen (text),
                                        MP_TEXT_PLAIN, error);
}

static gboolean
tell_array (Reader    *self,
            JsonArray *array,
            GError   **error)
{
  const MpSinkFuncs *funcs = self->sink->funcs;
  guint              n = json_array_get_length (array);

  if (!funcs->open (self->sink, MP_CONTAINER_LIST, error))
    return FALSE;

  for (guint i = 0; i < n; i++)
    if (!tell_node (self, json_array_get_element (array, i), error))
      return FALSE;

  return funcs->close (self->sink, error);
}

static gboolean
tell_object (Reader     *self,
             JsonObject *object,
             GError    **error)
{
  const MpSinkFuncs *funcs = self->sink->funcs;
  GArray            *members = g_hash_table_lookup (self->members, object);
  gsize              offset;

  if (!funcs->open (self->sink, MP_CONTAINER_DICT, error))
    return FALSE;

  for (guint i = 0; members != NULL && i < members->len; i++)
    {
      Member *member = &g_array_index (members, Member, i);

      if (find_long_integer (member->name, &offset))
        return mp_json_refuse ("no string", offset, error);
      if (!tell_string (self, member->name, error) ||
          !tell_node (self, member->value, error))
        return FALSE;
    }

  return funcs->close (self->sink, error);
}

static gboolean
tell_value (Reader   *self,
            JsonNode *node,
            GError  **error)
{
  const MpSinkFuncs *funcs = self->sink->funcs;
  gsize              offset;

  switch (json_node_get_value_type (node))
    {
    case G_TYPE_BOOLEAN:
      return funcs->add_boolean (self->sink, json_node_get_boolean (node), error);

    case G_TYPE_INT64:
      return funcs->add_int (self->sink, json_node_get_int (node), error);

    case G_TYPE_DOUBLE:
      return funcs->add_double (self->sink, json_node_get_double (node), error);

    default:
      if (find_long_integer (json_node_get_string (node), &offset))
        return tell_long_integer (self, offset, error);
      return tell_string (self, json_node_get_string (node), error);
    }
}

/* The recursion is bounded by the nesting that the scan has allowed. */
static gboolean
tell_node (Reader   *self,
           JsonNode *node,
           GError  **error)
{
  switch (json_node_get_node_type (node))
    {
    case JSON_NODE_OBJECT:
      return tell_object (self, json_node_get_object (node), error);

    case JSON_NODE_ARRAY:
      return tell_array (self, json_node_get_array (node), error);

    case JSON_NODE_VALUE:
      return tell_value (self, node, error);

    case JSON_NODE_NULL:
    default:
      return self->sink->funcs->add_none (self->sink, error);
    }
}

static gboolean
parse_and_tell (Reader     *self,
                const char *text,
                GError    **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();

  g_signal_connect (parser, "object-member", G_CALLBACK (object_member_cb), self);
  g_signal_connect (parser, "error", G_CALLBACK (error_cb), self);

  /* The parser's own message may quote text that ends inside a character. */
  if (!json_parser_load_from_data (parser, text, self->size, NULL))
    return mp_json_refuse ("a value, comma, colon or bracket too many or too few",
                           self->error_offset, error);

  return tell_node (self, json_parser_get_root (parser), error);
}

/* Parses @text, as the scan has rewritten it, or @data if that is NULL. */
static gboolean
read_scanned (const guint8 *data,
              gsize         size,
              const char   *text,
              MpSink       *sink,
              GError      **error)
{
  Reader   self = { data, size, sink };
  gboolean done;

  self.members = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_array_unref);
  done = parse_and_tell (&self, text != NULL ? text : (const char *) data, error);

  g_hash_table_unref (self.members);
  if (self.scratch != NULL)
    g_byte_array_unref (self.scratch);
  return done;
}

gboolean
mp_json_read (const guint8 *data,
              gsize         size,
              MpSink       *sink,
              GError      **error)
{
  g_autofree char *text = NULL;
  gboolean         is_sound;

  return mp_json_scan (data, size, &text, &is_sound, error) &&
         read_scanned (data, size, text, sink, error);
}

gboolean
mp_json_check (const guint8 *data,
               gsize         size,
               GError      **error)
{
  g_autofree char *text = NULL;
  gboolean         is_sound;
  MpSink           sink;

  if (!mp_json_scan (data, size, &text, &is_sound, error))
    return FALSE;
  if (is_sound)
    return TRUE;

  mp_discard_writer_init (&sink, size);
  return read_scanned (data, size, text, &sink, error);
}
