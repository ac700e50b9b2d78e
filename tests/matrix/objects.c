/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The objects that C puts and gets in the matrix; see tests/js/test-matrix.js. */

#include <mproc-glib/mproc-glib.h>

#include <string.h>

G_DECLARE_DERIVABLE_TYPE (MpMatrixInner, inner, MP_MATRIX, INNER, GObject)

struct _MpMatrixInnerClass
{
  GObjectClass parent_class;
};

G_DECLARE_FINAL_TYPE (MpMatrixThing, thing, MP_MATRIX, THING, GObject)
G_DECLARE_FINAL_TYPE (MpMatrixDisabled, disabled, MP_MATRIX, DISABLED, MpMatrixInner)
G_DECLARE_FINAL_TYPE (MpMatrixUnknownOfC, unknown, MP_MATRIX, UNKNOWN, GObject)

typedef struct
{
  int number;
} MpMatrixInnerPrivate;

enum
{
  PROP_0,
  PROP_NUMBER,
  PROP_TEXT,
  PROP_NOTHING,
  PROP_FRACTION,
  PROP_TRUTH,
  PROP_KIND,
  PROP_OPTIONS,
  PROP_WORDS,
  PROP_INNER,
  PROP_THINGS,
  PROP_EXTRA,
  N_PROPS
};

/* A class that stores its properties. */
struct _MpMatrixThing
{
  GObject parent_instance;
  GValue  values[N_PROPS];
};

/* Known in all languages, but not enabled. */
struct _MpMatrixDisabled
{
  MpMatrixInner parent_instance;
};

/* Known only in this language. */
struct _MpMatrixUnknownOfC
{
  GObject parent_instance;
};

G_DEFINE_TYPE_WITH_PRIVATE (MpMatrixInner, inner, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE (MpMatrixThing, thing, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE (MpMatrixDisabled, disabled, inner_get_type ())
G_DEFINE_FINAL_TYPE (MpMatrixUnknownOfC, unknown, G_TYPE_OBJECT)

static GParamSpec *
number_pspec (void)
{
  return g_param_spec_int ("number", NULL, NULL, G_MININT, G_MAXINT, 0, G_PARAM_READWRITE);
}

static void
inner_get_property (GObject    *object,
                    guint       id,
                    GValue     *value,
                    GParamSpec *pspec)
{
  MpMatrixInnerPrivate *priv = inner_get_instance_private (MP_MATRIX_INNER (object));

  g_value_set_int (value, priv->number);
}

static void
inner_set_property (GObject      *object,
                    guint         id,
                    const GValue *value,
                    GParamSpec   *pspec)
{
  MpMatrixInnerPrivate *priv = inner_get_instance_private (MP_MATRIX_INNER (object));

  priv->number = g_value_get_int (value);
}

static void
inner_class_init (MpMatrixInnerClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->get_property = inner_get_property;
  object_class->set_property = inner_set_property;
  g_object_class_install_property (object_class, PROP_NUMBER, number_pspec ());
}

static void
inner_init (MpMatrixInner *self)
{
}

static void
disabled_class_init (MpMatrixDisabledClass *class)
{
}

static void
disabled_init (MpMatrixDisabled *self)
{
}

static void
unknown_class_init (MpMatrixUnknownOfCClass *class)
{
}

static void
unknown_init (MpMatrixUnknownOfC *self)
{
}

static void
thing_get_property (GObject    *object,
                    guint       id,
                    GValue     *value,
                    GParamSpec *pspec)
{
  MpMatrixThing *self = MP_MATRIX_THING (object);

  if (G_IS_VALUE (&self->values[id]))
    g_value_copy (&self->values[id], value);
}

static void
thing_set_property (GObject      *object,
                    guint         id,
                    const GValue *value,
                    GParamSpec   *pspec)
{
  MpMatrixThing *self = MP_MATRIX_THING (object);

  if (!G_IS_VALUE (&self->values[id]))
    g_value_init (&self->values[id], pspec->value_type);
  g_value_copy (value, &self->values[id]);
}

static void
thing_finalize (GObject *object)
{
  MpMatrixThing *self = MP_MATRIX_THING (object);

  for (guint i = 0; i < N_PROPS; i++)
    if (G_IS_VALUE (&self->values[i]))
      g_value_unset (&self->values[i]);

  G_OBJECT_CLASS (thing_parent_class)->finalize (object);
}

static void
thing_class_init (MpMatrixThingClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags   flags = G_PARAM_READWRITE;
  GParamSpec   *properties[N_PROPS] = {
      NULL,
      number_pspec (),
      g_param_spec_string ("text", NULL, NULL, NULL, flags),
      g_param_spec_string ("nothing", NULL, NULL, NULL, flags),
      g_param_spec_double ("fraction", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0, flags),
      g_param_spec_boolean ("truth", NULL, NULL, FALSE, flags),
      g_param_spec_enum ("kind", NULL, NULL, G_TYPE_FILE_TYPE, G_FILE_TYPE_UNKNOWN, flags),
      g_param_spec_flags ("options", NULL, NULL, G_TYPE_CONVERTER_FLAGS, 0, flags),
      g_param_spec_boxed ("words", NULL, NULL, G_TYPE_STRV, flags),
      g_param_spec_object ("inner", NULL, NULL, inner_get_type (), flags),
      g_param_spec_object ("things", NULL, NULL, G_TYPE_LIST_MODEL, flags),
      g_param_spec_variant ("extra", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, flags),
  };

  object_class->get_property = thing_get_property;
  object_class->set_property = thing_set_property;
  object_class->finalize = thing_finalize;
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
thing_init (MpMatrixThing *self)
{
}

static GObject *
make_inner (GType type,
            int   number)
{
  return g_object_new (type, "number", number, NULL);
}

static GListModel *
make_things (void)
{
  GListStore *things = g_list_store_new (inner_get_type ());

  for (int number = 1; number <= 2; number++)
    {
      g_autoptr (GObject) inner = make_inner (inner_get_type (), number);

      g_list_store_append (things, inner);
    }

  return G_LIST_MODEL (things);
}

static GObject *
make_thing (GType inner_type)
{
  const char *words[] = { "one", "", "three", NULL };
  g_autoptr (GObject) inner = make_inner (inner_type, 7);
  g_autoptr (GListModel) things = make_things ();

  return g_object_new (thing_get_type (),
                       "text", "häß 😀",
                       "number", G_MININT,
                       "fraction", 0.1,
                       "truth", TRUE,
                       "kind", G_FILE_TYPE_DIRECTORY,
                       "options", G_CONVERTER_INPUT_AT_END | G_CONVERTER_FLUSH,
                       "words", words,
                       "inner", inner,
                       "things", things,
                       "extra", g_variant_new ("(si)", "a", 5),
                       NULL);
}

static void
put_object (MpQueue    *values,
            const char *name,
            GObject    *object)
{
  g_autoptr (GObject) owned = object;
  g_autoptr (MpMessage) message = mp_message_new_object (owned);
  g_autoptr (GError) error = NULL;

  mp_queue_put (values, g_variant_new_string (name), -1, NULL, &error);
  g_assert_no_error (error);
  mp_queue_put_message (values, message, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
put (MpQueue *values)
{
  put_object (values, "thing", make_thing (inner_get_type ()));
  put_object (values, "unknown", g_object_new (unknown_get_type (), NULL));
  put_object (values, "disabled", make_inner (disabled_get_type (), 7));
  put_object (values, "disabled inside", make_thing (disabled_get_type ()));
}

/* The plain properties of an object, those of the objects in it, and their types, as text. */
static void
print_object (GObject *object,
              GString *text)
{
  guint                   n;
  g_autofree GParamSpec **pspecs =
    g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n);

  g_string_append_printf (text, "%s:", G_OBJECT_TYPE_NAME (object));
  for (guint i = 0; i < n; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_get_property (object, pspecs[i]->name, &value);
      if (G_VALUE_HOLDS (&value, inner_get_type ()))
        {
          print_object (g_value_get_object (&value), text);
        }
      else if (G_VALUE_HOLDS (&value, G_TYPE_STRV))
        {
          g_autofree char *words = g_strjoinv (",", g_value_get_boxed (&value));

          g_string_append_printf (text, " %s=%s", pspecs[i]->name, words);
        }
      else if (!G_VALUE_HOLDS (&value, G_TYPE_LIST_MODEL))
        {
          g_autofree char *content = g_strdup_value_contents (&value);

          g_string_append_printf (text, " %s=%s", pspecs[i]->name, content);
        }
    }
}

static char *
print_thing (GObject *thing)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GListModel) things = NULL;

  g_object_get (thing, "things", &things, NULL);
  print_object (thing, text);
  for (guint i = 0; i < g_list_model_get_n_items (things); i++)
    {
      g_autoptr (GObject) item = g_list_model_get_item (things, i);

      print_object (item, text);
    }

  return g_string_free (text, FALSE);
}

static char *
check_thing (MpMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) got = mp_message_get_object (message, thing_get_type (), &error);
  g_autoptr (GObject) wanted = make_thing (inner_get_type ());
  g_autofree char *got_text = NULL, *wanted_text = print_thing (wanted);

  if (got == NULL)
    return g_strdup (error->message);

  got_text = print_thing (got);
  return g_str_equal (got_text, wanted_text)
           ? g_strdup ("")
           : g_strdup_printf ("%s is not %s", got_text, wanted_text);
}

static char *
check_refused (MpMessage  *message,
               const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) got = mp_message_get_object (message, G_TYPE_OBJECT, &error);

  if (got != NULL)
    return g_strdup ("it is not refused");
  if (g_error_matches (error, MP_ERROR, MP_ERROR_UNSUPPORTED) &&
      strstr (error->message, name) != NULL)
    return g_strdup ("");

  return g_strdup (error->message);
}

static char *
check (MpMessage  *message,
       const char *name)
{
  if (g_str_equal (name, "thing"))
    return check_thing (message);
  if (g_str_equal (name, "unknown"))
    return check_refused (message, "MpMatrixUnknownOf");

  return check_refused (message, "MpMatrixDisabled");
}

static void
get (MpQueue *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) results = mp_inherit ("results", &error);
  GVariant *name;

  g_assert_no_error (error);
  mp_serializable_enable (thing_get_type ());
  mp_serializable_enable (inner_get_type ());
  g_type_ensure (disabled_get_type ());

  while ((name = mp_queue_next_value (values, &error)) != NULL)
    {
      g_autoptr (MpMessage) message = mp_queue_get_message (values, -1, NULL, NULL);
      g_autofree char *difference = check (message, g_variant_get_string (name, NULL));

      mp_queue_put (MP_QUEUE (results), g_variant_new ("(@ss)", name, difference), -1, NULL,
                    NULL);
      g_variant_unref (name);
    }
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) values = mp_inherit ("values", &error);

  g_assert_no_error (error);
  if (g_str_equal (argv[1], "put"))
    put (MP_QUEUE (values));
  else
    get (MP_QUEUE (values));
  return 0;
}
