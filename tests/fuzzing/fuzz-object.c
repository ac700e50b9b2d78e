/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "formats/object.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

#define FUZZ_TYPE_THING (fuzz_thing_get_type ())
G_DECLARE_FINAL_TYPE (FuzzThing, fuzz_thing, FUZZ, THING, GObject)

/* A class with properties of all kinds that are checked in different ways. */
struct _FuzzThing
{
  GObject parent_instance;
};

enum
{
  PROP_0,
  PROP_INT,
  PROP_DOUBLE,
  PROP_STRING,
  PROP_ENUM,
  PROP_FLAGS,
  PROP_STRV,
  PROP_VARIANT,
  PROP_OTHER,
  PROP_LIST,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (FuzzThing, fuzz_thing, G_TYPE_OBJECT)

static void
fuzz_thing_get_property (GObject    *object,
                         guint       id,
                         GValue     *value,
                         GParamSpec *pspec)
{
}

static void
fuzz_thing_set_property (GObject      *object,
                         guint         id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  g_autofree char *text = g_strdup_value_contents (value);

  g_assert_nonnull (text);
  g_assert_true (G_VALUE_HOLDS (value, pspec->value_type));
}

static void
fuzz_thing_class_init (FuzzThingClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags   flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = fuzz_thing_get_property;
  object_class->set_property = fuzz_thing_set_property;

  properties[PROP_INT] = g_param_spec_int ("i", NULL, NULL, -9, 9, 0, flags);
  properties[PROP_DOUBLE] = g_param_spec_double ("d", NULL, NULL, -9, 9, 0, flags);
  properties[PROP_STRING] = g_param_spec_string ("s", NULL, NULL, NULL, flags);
  properties[PROP_ENUM] = g_param_spec_enum ("e", NULL, NULL, G_TYPE_DATA_STREAM_BYTE_ORDER,
                                             G_DATA_STREAM_BYTE_ORDER_BIG_ENDIAN, flags);
  properties[PROP_FLAGS] = g_param_spec_flags ("f", NULL, NULL, G_TYPE_CONVERTER_FLAGS, 0,
                                               flags);
  properties[PROP_STRV] = g_param_spec_boxed ("a", NULL, NULL, G_TYPE_STRV, flags);
  properties[PROP_VARIANT] = g_param_spec_variant ("v", NULL, NULL, G_VARIANT_TYPE ("a*"),
                                                   NULL, flags);
  properties[PROP_OTHER] = g_param_spec_object ("o", NULL, NULL, FUZZ_TYPE_THING, flags);
  properties[PROP_LIST] = g_param_spec_object ("l", NULL, NULL, G_TYPE_LIST_MODEL, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
fuzz_thing_init (FuzzThing *self)
{
}

/* Any description is either built without a warning or refused with an error. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  static const char type[] = "\0(sa{sv})";
  static const char mark = MP_GVARIANT_NATIVE_MARK;
  GByteArray       *array = g_byte_array_new ();
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GObject) object = NULL;
  g_autoptr (GError) error = NULL;

  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  mp_object_enable (FUZZ_TYPE_THING);

  g_byte_array_append (array, data, size);
  g_byte_array_append (array, (const guint8 *) type, sizeof type - 1);
  g_byte_array_append (array, (const guint8 *) &mark, 1);
  payload = g_byte_array_free_to_bytes (array);

  description = mp_gvariant_load_payload (payload, NULL);
  if (description == NULL)
    return 0;

  object = mp_object_build (description, FUZZ_TYPE_THING, &error);
  g_assert_true ((object == NULL) == (error != NULL));

  return 0;
}
