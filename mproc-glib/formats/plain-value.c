/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "plain-value.h"

static GVariant *
describe_null (void)
{
  return g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL);
}

gboolean
mp_plain_value_is_null (GVariant *description)
{
  return g_variant_is_of_type (description, G_VARIANT_TYPE ("mv")) &&
         g_variant_n_children (description) == 0;
}

static GVariant *
describe_enum (const GValue *value)
{
  GEnumClass *class = g_type_class_peek (G_VALUE_TYPE (value));
  const GEnumValue *entry = g_enum_get_value (class, g_value_get_enum (value));

  return entry != NULL ? g_variant_new_string (entry->value_nick) : NULL;
}

static GVariant *
describe_flags (const GValue *value)
{
  GFlagsClass *class = g_type_class_peek (G_VALUE_TYPE (value));
  guint           flags = g_value_get_flags (value);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  while (flags != 0)
    {
      const GFlagsValue *entry = g_flags_get_first_value (class, flags);

      if (entry == NULL || entry->value == 0)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }

      g_variant_builder_add (&builder, "s", entry->value_nick);
      flags &= ~entry->value;
    }

  return g_variant_builder_end (&builder);
}

static GVariant *
describe_string (const char *string)
{
  if (string == NULL)
    return describe_null ();

  return g_utf8_validate (string, -1, NULL) ? g_variant_new_string (string) : NULL;
}

static GVariant *
describe_strv (const char *const *strings)
{
  if (strings == NULL)
    return describe_null ();

  for (guint i = 0; strings[i] != NULL; i++)
    if (!g_utf8_validate (strings[i], -1, NULL))
      return NULL;

  return g_variant_new_strv (strings, -1);
}

static GVariant *
describe_boxed (const GValue *value)
{
  if (G_VALUE_HOLDS (value, G_TYPE_STRV))
    return describe_strv (g_value_get_boxed (value));

  if (G_VALUE_HOLDS (value, G_TYPE_BYTES))
    {
      GBytes *bytes = g_value_get_boxed (value);

      return bytes != NULL ? g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE)
                           : describe_null ();
    }

  return NULL;
}

GVariant *
mp_plain_value_describe (const GValue *value)
{
  GVariant *variant;

  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_BOOLEAN:
      return g_variant_new_boolean (g_value_get_boolean (value));

    case G_TYPE_CHAR:
      return g_variant_new_int16 (g_value_get_schar (value));

    case G_TYPE_UCHAR:
      return g_variant_new_byte (g_value_get_uchar (value));

    case G_TYPE_INT:
      return g_variant_new_int32 (g_value_get_int (value));

    case G_TYPE_UINT:
      return g_variant_new_uint32 (g_value_get_uint (value));

    case G_TYPE_LONG:
      return g_variant_new_int64 (g_value_get_long (value));

    case G_TYPE_ULONG:
      return g_variant_new_uint64 (g_value_get_ulong (value));

    case G_TYPE_INT64:
      return g_variant_new_int64 (g_value_get_int64 (value));

    case G_TYPE_UINT64:
      return g_variant_new_uint64 (g_value_get_uint64 (value));

    case G_TYPE_FLOAT:
      return g_variant_new_double (g_value_get_float (value));

    case G_TYPE_DOUBLE:
      return g_variant_new_double (g_value_get_double (value));

    case G_TYPE_STRING:
      return describe_string (g_value_get_string (value));

    case G_TYPE_ENUM:
      return describe_enum (value);

    case G_TYPE_FLAGS:
      return describe_flags (value);

    case G_TYPE_BOXED:
      return describe_boxed (value);

    case G_TYPE_VARIANT:
      variant = g_value_get_variant (value);
      return variant != NULL ? g_variant_new_variant (variant) : describe_null ();

    default:
      return NULL;
    }
}

/* An integer of any size and sign, if it lies between @min and @max. */
static gboolean
get_integer (GVariant *description,
             gint64    min,
             gint64    max,
             gint64   *out)
{
  switch (g_variant_classify (description))
    {
    case G_VARIANT_CLASS_BYTE:
      *out = g_variant_get_byte (description);
      break;

    case G_VARIANT_CLASS_INT16:
      *out = g_variant_get_int16 (description);
      break;

    case G_VARIANT_CLASS_UINT16:
      *out = g_variant_get_uint16 (description);
      break;

    case G_VARIANT_CLASS_INT32:
      *out = g_variant_get_int32 (description);
      break;

    case G_VARIANT_CLASS_UINT32:
      *out = g_variant_get_uint32 (description);
      break;

    case G_VARIANT_CLASS_INT64:
      *out = g_variant_get_int64 (description);
      break;

    case G_VARIANT_CLASS_UINT64:
      if (g_variant_get_uint64 (description) > G_MAXINT64)
        return FALSE;
      *out = g_variant_get_uint64 (description);
      break;

    default:
      return FALSE;
    }

  return *out >= min && *out <= max;
}

static gboolean
get_unsigned (GVariant *description,
              guint64  *out)
{
  gint64 integer;

  if (g_variant_is_of_type (description, G_VARIANT_TYPE_UINT64))
    {
      *out = g_variant_get_uint64 (description);
      return TRUE;
    }
  if (!get_integer (description, 0, G_MAXINT64, &integer))
    return FALSE;

  *out = integer;
  return TRUE;
}

static gboolean
build_integer (GValue   *value,
               GVariant *description)
{
  gint64 integer;

  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_CHAR:
      if (!get_integer (description, G_MININT8, G_MAXINT8, &integer))
        return FALSE;
      g_value_set_schar (value, integer);
      return TRUE;

    case G_TYPE_UCHAR:
      if (!get_integer (description, 0, G_MAXUINT8, &integer))
        return FALSE;
      g_value_set_uchar (value, integer);
      return TRUE;

    case G_TYPE_INT:
      if (!get_integer (description, G_MININT, G_MAXINT, &integer))
        return FALSE;
      g_value_set_int (value, integer);
      return TRUE;

    case G_TYPE_UINT:
      if (!get_integer (description, 0, G_MAXUINT, &integer))
        return FALSE;
      g_value_set_uint (value, integer);
      return TRUE;

    case G_TYPE_LONG:
      if (!get_integer (description, G_MINLONG, G_MAXLONG, &integer))
        return FALSE;
      g_value_set_long (value, integer);
      return TRUE;

    default:
      if (!get_integer (description, G_MININT64, G_MAXINT64, &integer))
        return FALSE;
      g_value_set_int64 (value, integer);
      return TRUE;
    }
}

static gboolean
build_unsigned (GValue   *value,
                GVariant *description)
{
  guint64 integer;

  if (!get_unsigned (description, &integer))
    return FALSE;

  if (G_VALUE_HOLDS_UINT64 (value))
    g_value_set_uint64 (value, integer);
  else if (integer <= G_MAXULONG)
    g_value_set_ulong (value, integer);
  else
    return FALSE;

  return TRUE;
}

static gboolean
build_number (GValue   *value,
              GVariant *description)
{
  gint64 integer;
  double number;

  if (g_variant_is_of_type (description, G_VARIANT_TYPE_DOUBLE))
    number = g_variant_get_double (description);
  else if (get_integer (description, G_MININT64, G_MAXINT64, &integer))
    number = integer;
  else
    return FALSE;

  if (G_VALUE_HOLDS_FLOAT (value))
    g_value_set_float (value, number);
  else
    g_value_set_double (value, number);

  return TRUE;
}

static gboolean
build_enum (GValue   *value,
            GVariant *description)
{
  GEnumClass *class = g_type_class_peek (G_VALUE_TYPE (value));
  const GEnumValue *entry;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE_STRING))
    return FALSE;

  entry = g_enum_get_value_by_nick (class, g_variant_get_string (description, NULL));
  if (entry == NULL)
    return FALSE;

  g_value_set_enum (value, entry->value);
  return TRUE;
}

static gboolean
build_flags (GValue   *value,
             GVariant *description)
{
  GFlagsClass *class = g_type_class_peek (G_VALUE_TYPE (value));
  guint        flags = 0;
  GVariantIter iter;
  const char  *nick;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE_STRING_ARRAY))
    return FALSE;

  g_variant_iter_init (&iter, description);
  while (g_variant_iter_next (&iter, "&s", &nick))
    {
      const GFlagsValue *entry = g_flags_get_value_by_nick (class, nick);

      if (entry == NULL)
        return FALSE;
      flags |= entry->value;
    }

  g_value_set_flags (value, flags);
  return TRUE;
}

/* NULL is the default of boxed values, strings and variants. */
static gboolean
build_nullable (GValue   *value,
                GVariant *description)
{
  if (mp_plain_value_is_null (description))
    return TRUE;

  if (G_VALUE_HOLDS_VARIANT (value))
    {
      if (!g_variant_is_of_type (description, G_VARIANT_TYPE_VARIANT))
        return FALSE;
      g_value_take_variant (value, g_variant_get_variant (description));
      return TRUE;
    }

  if (G_VALUE_HOLDS_STRING (value) &&
      g_variant_is_of_type (description, G_VARIANT_TYPE_STRING))
    {
      g_value_set_string (value, g_variant_get_string (description, NULL));
      return TRUE;
    }

  if (G_VALUE_HOLDS (value, G_TYPE_STRV) &&
      g_variant_is_of_type (description, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_value_take_boxed (value, g_variant_dup_strv (description, NULL));
      return TRUE;
    }

  if (G_VALUE_HOLDS (value, G_TYPE_BYTES) &&
      g_variant_is_of_type (description, G_VARIANT_TYPE_BYTESTRING))
    {
      g_value_take_boxed (value, g_variant_get_data_as_bytes (description));
      return TRUE;
    }

  return FALSE;
}

gboolean
mp_plain_value_build (GValue   *value,
                      GVariant *description)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_BOOLEAN:
      if (!g_variant_is_of_type (description, G_VARIANT_TYPE_BOOLEAN))
        return FALSE;
      g_value_set_boolean (value, g_variant_get_boolean (description));
      return TRUE;

    case G_TYPE_CHAR:
    case G_TYPE_UCHAR:
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_LONG:
    case G_TYPE_INT64:
      return build_integer (value, description);

    case G_TYPE_ULONG:
    case G_TYPE_UINT64:
      return build_unsigned (value, description);

    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
      return build_number (value, description);

    case G_TYPE_ENUM:
      return build_enum (value, description);

    case G_TYPE_FLAGS:
      return build_flags (value, description);

    default:
      return build_nullable (value, description);
    }
}
