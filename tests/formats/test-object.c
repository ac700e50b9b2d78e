/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-message.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

#include <string.h>

#define TEST_TYPE_THING (test_thing_get_type ())
G_DECLARE_DERIVABLE_TYPE (TestThing, test_thing, TEST, THING, GObject)

struct _TestThingClass
{
  GObjectClass parent_class;
};

/* A class with a property of each kind, which stores any value. */
enum
{
  PROP_0,
  PROP_BOOLEAN,
  PROP_CHAR,
  PROP_UCHAR,
  PROP_INT,
  PROP_UINT,
  PROP_LONG,
  PROP_ULONG,
  PROP_INT64,
  PROP_UINT64,
  PROP_FLOAT,
  PROP_DOUBLE,
  PROP_STRING,
  PROP_NAME,
  PROP_ENUM,
  PROP_FLAGS,
  PROP_STRV,
  PROP_BYTES,
  PROP_VARIANT,
  PROP_OTHER,
  PROP_LIST,
  PROP_CHECKSUM,
  N_PROPS,
  PROP_SECRET
};

static GParamSpec *properties[N_PROPS];

typedef struct
{
  GValue values[N_PROPS];
} TestThingPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (TestThing, test_thing, G_TYPE_OBJECT)

/* A class that is not enabled, and one with a property that cannot be sent. */
G_DECLARE_FINAL_TYPE (TestDisabled, test_disabled, TEST, DISABLED, TestThing)

struct _TestDisabled
{
  TestThing parent_instance;
};

G_DEFINE_FINAL_TYPE (TestDisabled, test_disabled, TEST_TYPE_THING)

static void
test_thing_get_property (GObject    *object,
                         guint       id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  TestThingPrivate *priv = test_thing_get_instance_private (TEST_THING (object));

  g_value_copy (&priv->values[id], value);
}

static void
test_thing_set_property (GObject      *object,
                         guint         id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  TestThingPrivate *priv = test_thing_get_instance_private (TEST_THING (object));

  if (id < N_PROPS)
    g_value_copy (value, &priv->values[id]);
}

static void
test_thing_finalize (GObject *object)
{
  TestThingPrivate *priv = test_thing_get_instance_private (TEST_THING (object));

  for (guint i = 1; i < N_PROPS; i++)
    g_value_unset (&priv->values[i]);

  G_OBJECT_CLASS (test_thing_parent_class)->finalize (object);
}

static void
test_thing_class_init (TestThingClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags   flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = test_thing_get_property;
  object_class->set_property = test_thing_set_property;
  object_class->finalize = test_thing_finalize;

  properties[PROP_BOOLEAN] = g_param_spec_boolean ("boolean", NULL, NULL, FALSE, flags);
  properties[PROP_CHAR] = g_param_spec_char ("char", NULL, NULL, -128, 127, 0, flags);
  properties[PROP_UCHAR] = g_param_spec_uchar ("uchar", NULL, NULL, 0, 255, 0, flags);
  properties[PROP_INT] = g_param_spec_int ("int", NULL, NULL, -1000, 1000, 0, flags);
  properties[PROP_UINT] = g_param_spec_uint ("uint", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_LONG] = g_param_spec_long ("long", NULL, NULL, G_MINLONG, G_MAXLONG, 0, flags);
  properties[PROP_ULONG] = g_param_spec_ulong ("ulong", NULL, NULL, 0, G_MAXULONG, 0, flags);
  properties[PROP_INT64] =
    g_param_spec_int64 ("int64", NULL, NULL, G_MININT64, G_MAXINT64, 0, flags);
  properties[PROP_UINT64] =
    g_param_spec_uint64 ("uint64", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  properties[PROP_FLOAT] = g_param_spec_float ("float", NULL, NULL, -10, 10, 0, flags);
  properties[PROP_DOUBLE] = g_param_spec_double ("double", NULL, NULL, -10, 10, 0, flags);
  properties[PROP_STRING] = g_param_spec_string ("string", NULL, NULL, NULL, flags);
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL,
                                               flags | G_PARAM_CONSTRUCT_ONLY);
  properties[PROP_ENUM] = g_param_spec_enum ("enum", NULL, NULL, G_TYPE_DATA_STREAM_BYTE_ORDER,
                                             G_DATA_STREAM_BYTE_ORDER_BIG_ENDIAN, flags);
  properties[PROP_FLAGS] = g_param_spec_flags ("flags", NULL, NULL, G_TYPE_CONVERTER_FLAGS, 0,
                                               flags);
  properties[PROP_STRV] = g_param_spec_boxed ("strv", NULL, NULL, G_TYPE_STRV, flags);
  properties[PROP_BYTES] = g_param_spec_boxed ("bytes", NULL, NULL, G_TYPE_BYTES, flags);
  properties[PROP_VARIANT] = g_param_spec_variant ("variant", NULL, NULL,
                                                   G_VARIANT_TYPE ("a{ss}"), NULL, flags);
  properties[PROP_OTHER] = g_param_spec_object ("other", NULL, NULL, G_TYPE_OBJECT, flags);
  properties[PROP_LIST] = g_param_spec_object ("list", NULL, NULL, G_TYPE_LIST_MODEL, flags);
  properties[PROP_CHECKSUM] = g_param_spec_boxed ("checksum", NULL, NULL, G_TYPE_CHECKSUM,
                                                  G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  g_object_class_install_property (object_class, PROP_SECRET,
                                   g_param_spec_string ("secret", NULL, NULL, NULL,
                                                        G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS));
}

static void
test_thing_init (TestThing *self)
{
  TestThingPrivate *priv = test_thing_get_instance_private (self);

  for (guint i = 1; i < N_PROPS; i++)
    g_param_value_set_default (properties[i],
                               g_value_init (&priv->values[i], properties[i]->value_type));
}

static void
test_disabled_class_init (TestDisabledClass *class)
{
}

static void
test_disabled_init (TestDisabled *self)
{
}

static GObject *
deliver (GObject *object,
         GType    expected_type,
         GError **error)
{
  g_autoptr (MpMessage) message = mp_message_new_object (object);
  g_autoptr (GBytes) payload = mp_message_ref_payload (message, error);
  g_autoptr (MpMessage) delivered = NULL;

  if (payload == NULL)
    return NULL;

  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_OBJECT);
  delivered = mp_message_new_from_payload (MP_FORMAT_OBJECT, payload, error);
  g_assert_nonnull (delivered);
  return mp_message_get_object (delivered, expected_type, error);
}

/* Checks that all properties with plain values are equal. */
static void
assert_equal (GObject *a,
              GObject *b)
{
  for (guint i = 1; i < PROP_OTHER; i++)
    {
      g_auto (GValue) value_a = G_VALUE_INIT;
      g_auto (GValue) value_b = G_VALUE_INIT;
      g_autofree char *text_a = NULL;
      g_autofree char *text_b = NULL;

      g_value_init (&value_a, properties[i]->value_type);
      g_value_init (&value_b, properties[i]->value_type);
      g_object_get_property (a, properties[i]->name, &value_a);
      g_object_get_property (b, properties[i]->name, &value_b);

      if (i == PROP_BYTES)
        {
          GBytes *bytes_a = g_value_get_boxed (&value_a);
          GBytes *bytes_b = g_value_get_boxed (&value_b);

          g_assert_true (bytes_a == bytes_b ||
                         (bytes_a != NULL && bytes_b != NULL &&
                          g_bytes_equal (bytes_a, bytes_b)));
        }
      else if (i == PROP_STRV)
        {
          const char *const *strv_a = g_value_get_boxed (&value_a);
          const char *const *strv_b = g_value_get_boxed (&value_b);

          g_assert_true (strv_a == strv_b || g_strv_equal (strv_a, strv_b));
        }
      else
        {
          text_a = g_strdup_value_contents (&value_a);
          text_b = g_strdup_value_contents (&value_b);
          g_assert_cmpstr (text_a, ==, text_b);
        }
    }
}

static GObject *
make_thing (void)
{
  static const char *const strv[] = { "one", "", "drei", NULL };
  g_autoptr (GBytes) bytes = g_bytes_new_static ("a\0b", 3);

  return g_object_new (TEST_TYPE_THING,
                       "boolean", TRUE, "char", -7, "uchar", 200, "int", -1000,
                       "uint", G_MAXUINT, "long", G_MINLONG, "ulong", G_MAXULONG,
                       "int64", G_MININT64, "uint64", G_MAXUINT64, "float", 1.5,
                       "double", 0.1, "string", "text", "name", "given at birth",
                       "enum", G_DATA_STREAM_BYTE_ORDER_HOST_ENDIAN,
                       "flags", G_CONVERTER_FLUSH | G_CONVERTER_INPUT_AT_END,
                       "strv", strv, "bytes", bytes,
                       "variant", g_variant_new_parsed ("{'k': 'v'}"), NULL);
}

static void
test_object_properties (void)
{
  GObject *thing = make_thing ();
  g_autoptr (GError) error = NULL;
  GObject *got = deliver (thing, TEST_TYPE_THING, &error);

  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (got) == TEST_TYPE_THING);
  g_assert_true (got != thing);
  assert_equal (got, thing);

  g_assert_finalize_object (got);
  g_assert_finalize_object (thing);
}

static void
test_object_defaults (void)
{
  GObject *thing = g_object_new (TEST_TYPE_THING, NULL);
  g_autoptr (GError) error = NULL;
  GObject *got = deliver (thing, G_TYPE_OBJECT, &error);

  g_assert_no_error (error);
  assert_equal (got, thing);

  g_assert_finalize_object (got);
  g_assert_finalize_object (thing);
}

static void
test_object_nested (void)
{
  GObject    *inner = make_thing ();
  GListStore *list = g_list_store_new (TEST_TYPE_THING);
  GObject    *outer = g_object_new (TEST_TYPE_THING, "other", inner, "list", list, NULL);
  g_autoptr (GError) error = NULL;
  GObject    *got, *other;
  GListModel *got_list;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GObject) item = g_object_new (TEST_TYPE_THING, "int", i, NULL);

      g_list_store_append (list, item);
    }

  got = deliver (outer, TEST_TYPE_THING, &error);
  g_assert_no_error (error);

  g_object_get (got, "other", &other, "list", &got_list, NULL);
  assert_equal (other, inner);
  g_assert_cmpuint (g_list_model_get_n_items (got_list), ==, 3);
  g_assert_true (g_list_model_get_item_type (got_list) == TEST_TYPE_THING);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GObject) item = g_list_model_get_item (got_list, i);
      int number;

      g_object_get (item, "int", &number, NULL);
      g_assert_cmpint (number, ==, i);
    }

  g_object_unref (other);
  g_object_unref (got_list);
  g_object_unref (inner);
  g_object_unref (list);
  g_assert_finalize_object (got);
  g_assert_finalize_object (outer);
}

/* As a variant it can be read in other languages. */
static void
test_object_as_variant (void)
{
  g_autoptr (GObject) thing = g_object_new (TEST_TYPE_THING, "string", "text", NULL);
  g_autoptr (MpMessage) message = mp_message_new_object (thing);
  g_autoptr (MpMessage) other = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_message_get_variant (message, &error);
  g_autoptr (GVariant) dict = NULL;
  g_autoptr (GObject) got = NULL;
  const char *name, *text;

  g_assert_no_error (error);
  g_variant_get (value, "(&s@a{sv})", &name, &dict);
  g_assert_cmpstr (name, ==, "TestThing");
  g_assert_true (g_variant_lookup (dict, "string", "&s", &text));
  g_assert_cmpstr (text, ==, "text");
  g_assert_null (g_variant_lookup_value (dict, "secret", NULL));

  other = mp_message_new_variant (value);
  got = mp_message_get_object (other, TEST_TYPE_THING, &error);
  g_assert_no_error (error);
  assert_equal (got, thing);
}

static void
test_object_refused (void)
{
  static const struct
  {
    const char *value;
    int         code;
    const char *part;
  } rows[] = {
    { "('TestDisabled', @a{sv} {})", MP_ERROR_UNSUPPORTED, "TestDisabled" },
    { "('GObject', @a{sv} {})", MP_ERROR_UNSUPPORTED, "GObject" },
    { "('NoSuchThing', @a{sv} {})", MP_ERROR_UNSUPPORTED, "NoSuchThing" },
    { "('gint', @a{sv} {})", MP_ERROR_UNSUPPORTED, "gint" },
    { "('', @a{sv} {})", MP_ERROR_UNSUPPORTED, "enabled" },
    { "('GCancellable', @a{sv} {})", MP_ERROR_UNSUPPORTED, "GCancellable is no TestThing" },
    { "('TestThing', {'nothing': <1>})", MP_ERROR_INVALID_MESSAGE, "nothing" },
    { "('TestThing', {'secret': <'x'>})", MP_ERROR_INVALID_MESSAGE, "secret" },
    { "('TestThing', {'int': <1>, 'int': <2>})", MP_ERROR_INVALID_MESSAGE, "twice" },
    { "('TestThing', {'int': <'1'>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'int': <1001>})", MP_ERROR_INVALID_MESSAGE, "that value" },
    { "('TestThing', {'char': <200>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'uint': <-1>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'uint64': <-1>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'int64': <uint64 18446744073709551615>})", MP_ERROR_INVALID_MESSAGE,
      "another type" },
    { "('TestThing', {'double': <10.5>})", MP_ERROR_INVALID_MESSAGE, "that value" },
    { "('TestThing', {'boolean': <1>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'enum': <'no'>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'flags': <['no']>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'strv': <[1]>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'variant': <<1>>})", MP_ERROR_INVALID_MESSAGE, "another type" },
    { "('TestThing', {'other': <1>})", MP_ERROR_INVALID_MESSAGE, "not describe an object" },
    { "('TestThing', {'other': <('TestDisabled', @a{sv} {})>})", MP_ERROR_UNSUPPORTED,
      "TestDisabled" },
    { "('TestThing', {'other': <('gint', @av [])>})", MP_ERROR_UNSUPPORTED, "gint" },
    { "('TestThing', {'list': <('TestThing', [<1>])>})", MP_ERROR_INVALID_MESSAGE,
      "not describe an object" },
    { "('TestThing', {'list': <('TestDisabled', [<('TestThing', @a{sv} {})>])>})",
      MP_ERROR_UNSUPPORTED, "TestDisabled" },
    { "('TestThing', 1)", MP_ERROR_INVALID_MESSAGE, "not describe an object" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (MpMessage) message =
        mp_message_new_variant (g_variant_new_parsed (rows[i].value));
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", rows[i].value);
      g_assert_null (mp_message_get_object (message, TEST_TYPE_THING, &error));
      g_assert_error (error, MP_ERROR, rows[i].code);
      g_assert_nonnull (strstr (error->message, rows[i].part));
    }
}

static void
test_object_other_numbers (void)
{
  g_autoptr (MpMessage) message = mp_message_new_variant (g_variant_new_parsed (
    "('TestThing', {'int': <byte 7>, 'uint': <int64 8>, 'double': <9>, 'int64': <uint16 3>})"));
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) got = mp_message_get_object (message, TEST_TYPE_THING, &error);
  int    number;
  guint  positive;
  double real;
  gint64 large;

  g_assert_no_error (error);
  g_object_get (got, "int", &number, "uint", &positive, "double", &real, "int64", &large, NULL);
  g_assert_cmpint (number, ==, 7);
  g_assert_cmpuint (positive, ==, 8);
  g_assert_cmpfloat (real, ==, 9);
  g_assert_cmpint (large, ==, 3);
}

static void
test_object_cycle (void)
{
  GObject *first = g_object_new (TEST_TYPE_THING, NULL);
  GObject *second = g_object_new (TEST_TYPE_THING, "other", first, NULL);
  g_autoptr (GError) error = NULL;

  g_object_set (first, "other", second, NULL);
  g_assert_null (deliver (first, TEST_TYPE_THING, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "contains itself"));

  g_object_set (first, "other", NULL, NULL);
  g_object_unref (first);
  g_assert_finalize_object (second);
}

/* Twenty nested objects can be sent and built; one more cannot be sent. */
static void
test_object_deep (void)
{
  g_autoptr (GObject) object = g_object_new (TEST_TYPE_THING, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) got = NULL;

  for (guint i = 1; i < 20; i++)
    {
      g_autoptr (GObject) inner = g_steal_pointer (&object);

      object = g_object_new (TEST_TYPE_THING, "other", inner, NULL);
    }

  got = deliver (object, TEST_TYPE_THING, &error);
  g_assert_no_error (error);
  g_assert_nonnull (got);

  {
    g_autoptr (GObject) outer = g_object_new (TEST_TYPE_THING, "other", object, NULL);

    g_assert_null (deliver (outer, TEST_TYPE_THING, &error));
    g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  }
}

/* A property that cannot be described cannot be sent: an enum value without a name. */
static void
test_object_unsupported (void)
{
  g_autoptr (GObject) thing = g_object_new (TEST_TYPE_THING, "string", "\xff", NULL);
  g_autoptr (MpMessage) message = mp_message_new_object (thing);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_message_ref_payload (message, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "string"));
  g_assert_cmpuint (mp_message_get_size (message), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  mp_serializable_enable (TEST_TYPE_THING);
  mp_serializable_enable (G_TYPE_CANCELLABLE);
  g_type_ensure (test_disabled_get_type ());

  g_test_add_func ("/object/properties", test_object_properties);
  g_test_add_func ("/object/defaults", test_object_defaults);
  g_test_add_func ("/object/nested", test_object_nested);
  g_test_add_func ("/object/as-variant", test_object_as_variant);
  g_test_add_func ("/object/refused", test_object_refused);
  g_test_add_func ("/object/other-numbers", test_object_other_numbers);
  g_test_add_func ("/object/cycle", test_object_cycle);
  g_test_add_func ("/object/deep", test_object_deep);
  g_test_add_func ("/object/unsupported", test_object_unsupported);

  return g_test_run ();
}
