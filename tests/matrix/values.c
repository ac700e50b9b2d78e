/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What C puts and gets in the matrix of values; see tests/js/test-matrix.js. */

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#define REFUSED "refused"
#define INSIDE  " inside"

static GVariant *
nest (guint depth)
{
  GVariant *value = g_variant_new_int64 (1);

  for (guint i = 0; i < depth; i++)
    {
      GVariant *item = g_variant_new_variant (value);

      value = g_variant_new_array (G_VARIANT_TYPE_VARIANT, &item, 1);
    }

  return g_variant_ref_sink (value);
}

/* Puts the value in a list in a dictionary: each kind of value is also put that way. */
static GVariant *
variant_inside (GVariant *value)
{
  GVariant    *item = g_variant_new_variant (value);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "in",
                               g_variant_new_array (G_VARIANT_TYPE_VARIANT, &item, 1));
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

static char *
json_inside (const char *json)
{
  return g_strdup_printf ("{\"in\":[%s]}", json);
}

/* The value that the table has for @name as a GVariant, if it has one. */
static GVariant *
find_variant (GKeyFile   *cases,
              const char *name)
{
  g_autofree char *text = g_key_file_get_value (cases, "variant", name, NULL);
  g_autofree char *depth = g_key_file_get_value (cases, "nested", name, NULL);

  if (text != NULL)
    return g_variant_parse (NULL, text, NULL, NULL, NULL);
  return depth != NULL ? nest (g_ascii_strtoull (depth, NULL, 10)) : NULL;
}

static void
put_name (MpQueue    *values,
          const char *name,
          const char *suffix)
{
  g_autofree char *full = g_strconcat (name, suffix, NULL);
  g_autoptr (GError) error = NULL;

  mp_queue_put (values, g_variant_new_string (full), -1, NULL, &error);
  g_assert_no_error (error);
}

static void
put_variants (GKeyFile   *cases,
              const char *group,
              MpQueue    *values)
{
  g_auto (GStrv) names = g_key_file_get_keys (cases, group, NULL, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GVariant) value = find_variant (cases, names[i]);
      g_autoptr (GVariant) inside = variant_inside (value);

      put_name (values, names[i], "");
      mp_queue_put (values, value, -1, NULL, &error);
      g_assert_no_error (error);
      put_name (values, names[i], INSIDE);
      mp_queue_put (values, inside, -1, NULL, &error);
      g_assert_no_error (error);
    }
}

static void
put_json (GKeyFile *cases,
          MpQueue  *values)
{
  g_auto (GStrv) names = g_key_file_get_keys (cases, "json", NULL, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *json = g_key_file_get_value (cases, "json", names[i], NULL);
      g_autofree char *inside = json_inside (json);

      put_name (values, names[i], "");
      mp_queue_put_json (values, json, -1, NULL, &error);
      g_assert_no_error (error);
      put_name (values, names[i], INSIDE);
      mp_queue_put_json (values, inside, -1, NULL, &error);
      g_assert_no_error (error);
    }
}

static void
put (GKeyFile *cases,
     MpQueue  *values)
{
  g_autoptr (GVariant) deep = nest (10000);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\1", 1);
  g_autoptr (MpMessage) opaque = mp_message_new_opaque (bytes, "dill");
  g_autoptr (GError) error = NULL;

  put_variants (cases, "variant", values);
  put_variants (cases, "nested", values);
  put_json (cases, values);

  g_assert_false (mp_queue_put (values, deep, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_clear_error (&error);
  put_name (values, "opaque", "");
  mp_queue_put_message (values, opaque, -1, NULL, &error);
  g_assert_no_error (error);
}

/* Returns the next message as text: as a GVariant, or else as JSON, or else "refused". */
static char *
got (MpQueue    *values,
     const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message = mp_queue_get_message (values, -1, NULL, &error);
  g_autoptr (GVariant) value = NULL;
  char *json;

  g_assert_no_error (error);
  value = mp_message_get_variant (message, &error);
  if (value != NULL)
    return g_variant_print (value, TRUE);
  if (g_str_equal (name, "opaque") && strstr (error->message, "dill") == NULL)
    return g_strdup (error->message);

  json = mp_message_get_json (message, NULL);
  return json != NULL ? json : g_strdup (REFUSED);
}

static char *
expected (GKeyFile   *cases,
          const char *name)
{
  g_autofree char *plain = g_strdup (name);
  gboolean         is_inside = g_str_has_suffix (name, INSIDE);
  g_autofree char *json = NULL;
  g_autoptr (GVariant) value = NULL, inside = NULL;

  if (is_inside)
    plain[strlen (plain) - strlen (INSIDE)] = '\0';

  json = g_key_file_get_value (cases, "json", plain, NULL);
  if (json != NULL)
    return is_inside ? json_inside (json) : g_steal_pointer (&json);

  value = find_variant (cases, plain);
  if (value == NULL)
    return g_strdup (REFUSED);
  if (!is_inside)
    return g_variant_print (value, TRUE);

  inside = variant_inside (value);
  return g_variant_print (inside, TRUE);
}

static void
get (GKeyFile *cases,
     MpQueue  *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) results = mp_inherit ("results", &error);
  GVariant *name_value;

  g_assert_no_error (error);
  while ((name_value = mp_queue_next_value (values, &error)) != NULL)
    {
      g_autoptr (GVariant) owned = name_value;
      const char      *name = g_variant_get_string (owned, NULL);
      g_autofree char *a = got (values, name), *b = expected (cases, name);
      g_autofree char *difference =
        g_str_equal (a, b) ? g_strdup ("") : g_strdup_printf ("%s is not %s", a, b);

      mp_queue_put (MP_QUEUE (results), g_variant_new ("(ss)", name, difference), -1, NULL,
                    NULL);
    }
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) values = mp_inherit ("values", &error);
  g_autoptr (GKeyFile) cases = g_key_file_new ();

  g_assert_no_error (error);
  g_key_file_load_from_file (cases, argv[1], G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);

  if (g_str_equal (argv[2], "put"))
    put (cases, MP_QUEUE (values));
  else
    get (cases, MP_QUEUE (values));
  return 0;
}
