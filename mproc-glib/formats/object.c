/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "object.h"
#include "plain-value.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* The serialised form of a list model: the type name of its items, and the items. */
#define LIST_DESCRIPTION_TYPE G_VARIANT_TYPE ("(sav)")

/* The largest number of objects in one message; an object that is referenced twice is counted
 * twice. */
#define MAX_OBJECTS 1000000

static G_DEFINE_QUARK (mp - object - enabled, mp_object_enabled)

  void mp_object_enable (GType type)
{
  g_type_set_qdata (type, mp_object_enabled_quark (), GINT_TO_POINTER (TRUE));
}

static gboolean
is_enabled (GType type)
{
  return g_type_get_qdata (type, mp_object_enabled_quark ()) != NULL;
}

/* The chain of objects from the outermost one to the one being described, to find cycles. */
typedef struct _Path Path;
struct _Path
{
  const Path *outer;
  GObject    *object;
  guint       depth;
  guint      *n_objects;
};

static GVariant *describe (GObject    *object,
                           const Path *outer,
                           GError    **error);

static gboolean
refuse_object (GObject    *object,
               const char *why,
               GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("An object of the type %s %s"),
               G_OBJECT_TYPE_NAME (object), why);
  return FALSE;
}

static gboolean
check_path (const Path *path,
            GError    **error)
{
  for (const Path *outer = path->outer; outer != NULL; outer = outer->outer)
    if (outer->object == path->object)
      return refuse_object (path->object, "contains itself", error);

  if (path->depth == MP_OBJECT_MAX_NESTING)
    return refuse_object (path->object, "is nested too deep in others", error);
  if (++*path->n_objects > MAX_OBJECTS)
    return refuse_object (path->object, "comes after too many others", error);

  return TRUE;
}

static GVariant *
describe_list (GListModel *model,
               const Path *outer,
               GError    **error)
{
  Path            path = { outer, G_OBJECT (model), outer->depth + 1, outer->n_objects };
  GVariantBuilder builder;
  guint           n = g_list_model_get_n_items (model);

  if (!check_path (&path, error))
    return NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GObject) item = g_list_model_get_item (model, i);
      GVariant *description = describe (item, &path, error);

      if (description == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "v", description);
    }

  return g_variant_new ("(sav)", g_type_name (g_list_model_get_item_type (model)), &builder);
}

static gboolean
travels (const GParamSpec *pspec)
{
  return (pspec->flags & G_PARAM_READWRITE) == G_PARAM_READWRITE;
}

/* Returns a floating reference. */
static GVariant *
describe_property (const GParamSpec *pspec,
                   const GValue     *value,
                   const Path       *path,
                   GError          **error)
{
  GVariant *description;

  if (G_VALUE_HOLDS_OBJECT (value) || G_TYPE_IS_INTERFACE (G_VALUE_TYPE (value)))
    {
      GObject *object = g_value_get_object (value);

      if (object == NULL)
        return g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL);
      if (G_IS_LIST_MODEL (object) && !is_enabled (G_OBJECT_TYPE (object)))
        return describe_list (G_LIST_MODEL (object), path, error);
      return describe (object, path, error);
    }

  description = mp_plain_value_describe (value);
  if (description == NULL)
    g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                 _ ("The property %s of the type %s has a value of the type %s, which cannot "
                    "be sent"),
                 pspec->name, G_OBJECT_TYPE_NAME (path->object), G_VALUE_TYPE_NAME (value));
  return description;
}

/* Returns a floating reference. */
static GVariant *
describe (GObject    *object,
          const Path *outer,
          GError    **error)
{
  guint                   n_objects = 0, n_properties;
  Path                    path = { outer, object, outer != NULL ? outer->depth + 1 : 0,
                outer != NULL ? outer->n_objects : &n_objects };
  g_autofree GParamSpec **pspecs =
    g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_properties);
  GVariantBuilder builder;

  if (!check_path (&path, error))
    return NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < n_properties; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;
      GVariant *description;

      if (!travels (pspecs[i]))
        continue;

      g_object_get_property (object, pspecs[i]->name,
                             g_value_init (&value, pspecs[i]->value_type));
      description = describe_property (pspecs[i], &value, &path, error);
      if (description == NULL)
        {
          g_variant_builder_clear (&builder);
          return NULL;
        }
      g_variant_builder_add (&builder, "{sv}", pspecs[i]->name, description);
    }

  return g_variant_new ("(sa{sv})", G_OBJECT_TYPE_NAME (object), &builder);
}

GVariant *
mp_object_describe (GObject *object,
                    GError **error)
{
  GVariant *description = describe (object, NULL, error);

  return description != NULL ? g_variant_ref_sink (description) : NULL;
}

static GObject *build (GVariant *description,
                       GType     expected_type,
                       guint     depth,
                       GError  **error);

/* Returns the type called @name, if objects of it are enabled and may be built where an
 * @expected_type is wanted.  Only types that are registered in this process are found. */
static GType
find_type (const char *name,
           GType       expected_type,
           GError    **error)
{
  GType type = g_type_from_name (name);

  if (type == G_TYPE_INVALID || !g_type_is_a (type, G_TYPE_OBJECT) || !is_enabled (type))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("The type %s was not enabled to be built from messages"), name);
      return G_TYPE_INVALID;
    }

  if (!g_type_is_a (type, expected_type) || G_TYPE_IS_ABSTRACT (type))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("The type %s is no %s that can be built"), name,
                   g_type_name (expected_type));
      return G_TYPE_INVALID;
    }

  return type;
}

static GListModel *
build_list (GVariant *description,
            GType     expected_type,
            guint     depth,
            GError  **error)
{
  const char *name;
  g_autoptr (GVariant) items = NULL;
  g_autoptr (GListStore) store = NULL;
  GType item_type;

  g_variant_get (description, "(&s@av)", &name, &items);
  item_type = g_type_from_name (name);
  if (!g_type_is_a (G_TYPE_LIST_STORE, expected_type) ||
      item_type == G_TYPE_INVALID || !g_type_is_a (item_type, G_TYPE_OBJECT))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("A list of %s cannot be built as a %s"), name, g_type_name (expected_type));
      return NULL;
    }

  store = g_list_store_new (item_type);
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (items, i);
      g_autoptr (GVariant) item_description = g_variant_get_variant (child);
      g_autoptr (GObject) item = build (item_description, item_type, depth + 1, error);

      if (item == NULL)
        return NULL;
      g_list_store_append (store, item);
    }

  return G_LIST_MODEL (g_steal_pointer (&store));
}

static gboolean
refuse_property (GType       type,
                 const char *name,
                 const char *why,
                 GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, _ ("The property %s of the type %s %s"),
               name, g_type_name (type), why);
  return FALSE;
}

static gboolean
is_right_variant (GParamSpec   *pspec,
                  const GValue *value)
{
  GVariant *variant = G_IS_PARAM_SPEC_VARIANT (pspec) ? g_value_get_variant (value) : NULL;

  return variant == NULL ||
         g_variant_is_of_type (variant, G_PARAM_SPEC_VARIANT (pspec)->type);
}

static gboolean
build_property (GParamSpec *pspec,
                GVariant   *description,
                guint       depth,
                GValue     *value,
                GError    **error)
{
  GParamSpec *target = g_param_spec_get_redirect_target (pspec);
  GObject    *object;

  g_value_init (value, pspec->value_type);
  if (G_VALUE_HOLDS_OBJECT (value) || G_TYPE_IS_INTERFACE (pspec->value_type))
    {
      if (mp_plain_value_is_null (description))
        return TRUE;

      if (g_variant_is_of_type (description, LIST_DESCRIPTION_TYPE))
        object = (GObject *) build_list (description, pspec->value_type, depth + 1, error);
      else
        object = build (description, pspec->value_type, depth + 1, error);
      g_value_take_object (value, object);
      return object != NULL;
    }

  if (!mp_plain_value_build (value, description) ||
      !is_right_variant (target != NULL ? target : pspec, value))
    return refuse_property (pspec->owner_type, pspec->name, "has another type", error);

  if (g_param_value_validate (pspec, value))
    return refuse_property (pspec->owner_type, pspec->name, "cannot have that value", error);

  return TRUE;
}

static GObject *
construct (GType         type,
           guint         n,
           const char  **names,
           const GValue *values,
           GError      **error)
{
  g_autoptr (GObject) object = g_object_new_with_properties (type, n, names, values);

  if (g_object_is_floating (object))
    g_object_ref_sink (object);
  if (G_IS_INITABLE (object) && !g_initable_init (G_INITABLE (object), NULL, error))
    return NULL;

  return g_steal_pointer (&object);
}

static gboolean
build_properties (GObjectClass *class,
                  GVariant    *properties,
                  guint        depth,
                  const char **names,
                  GValue      *values,
                  guint       *n,
                  GError     **error)
{
  GType        type = G_OBJECT_CLASS_TYPE (class);
  GVariantIter iter;
  const char  *name;
  GVariant    *description;

  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &description))
    {
      GParamSpec *pspec = g_object_class_find_property (class, name);
      gboolean    built;

      for (guint i = 0; i < *n; i++)
        if (pspec != NULL && g_str_equal (names[i], pspec->name))
          pspec = NULL;

      if (pspec == NULL || !travels (pspec))
        {
          refuse_property (type, name, "does not exist, does not travel or comes twice",
                           error);
          g_variant_unref (description);
          return FALSE;
        }

      names[*n] = pspec->name;
      built = build_property (pspec, description, depth, &values[(*n)++], error);
      if (!built)
        {
          g_variant_unref (description);
          return FALSE;
        }
    }

  return TRUE;
}

static GObject *
build (GVariant *description,
       GType     expected_type,
       guint     depth,
       GError  **error)
{
  const char *name;
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GTypeClass) class = NULL;
  g_autofree const char **names = NULL;
  g_autofree GValue      *values = NULL;
  GObject                *object = NULL;
  GType                   type;
  guint                   n = 0, n_properties;

  if (!g_variant_is_of_type (description, MP_OBJECT_DESCRIPTION_TYPE) ||
      depth > MP_OBJECT_MAX_NESTING)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("A value of the type %s, nested %u deep, does not describe an object"),
                   g_variant_get_type_string (description), depth);
      return NULL;
    }

  g_variant_get (description, "(&s@a{sv})", &name, &properties);
  type = find_type (name, expected_type, error);
  if (type == G_TYPE_INVALID)
    return NULL;

  class = g_type_class_ref (type);
  g_free (g_object_class_list_properties (G_OBJECT_CLASS (class), &n_properties));
  if (g_variant_n_children (properties) > n_properties)
    {
      refuse_property (type, "list", "is too long", error);
      return NULL;
    }

  names = g_new0 (const char *, n_properties + 1);
  values = g_new0 (GValue, n_properties + 1);
  if (build_properties (G_OBJECT_CLASS (class), properties, depth, names, values, &n, error))
    object = construct (type, n, names, values, error);

  for (guint i = 0; i < n; i++)
    if (G_IS_VALUE (&values[i]))
      g_value_unset (&values[i]);
  return object;
}

GObject *
mp_object_build (GVariant *description,
                 GType     expected_type,
                 GError  **error)
{
  return build (description, expected_type, 0, error);
}
