/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-shareable-private.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "mp-error.h"

/* The name comes from another process and is shown in error messages. */
#define MAX_NAME_LENGTH 255

/**
 * MpShareable:
 *
 * An object that can be passed to another process, which then has access to the same queue or
 * connection.
 *
 * Queues and connections are shareable. [method@Process.give] passes them to a process at its
 * start, where [func@inherit] gets them; `mp_connection_send_shareable()` sends them to a running
 * process. Any other way of passing them uses [method@Shareable.describe] in one process and
 * [func@Shareable.open] in the other.
 *
 * A program's own classes can implement the interface too. Such a type has to be registered in both
 * processes. An instance of a class derived from one of the library's, as scripting languages
 * create them, becomes an instance of the library's class in the other process.
 *
 * The functions of this interface may be called from any thread.
 *
 * Since: 1.0
 */
G_DEFINE_INTERFACE (MpShareable, mp_shareable, G_TYPE_OBJECT)

static void
set_no_way_error (MpShareable *self,
                  GError     **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("A %s cannot be passed to another process"), G_OBJECT_TYPE_NAME (self));
}

/* For a class that does not implement the function. */
static GVariant *
describe_by_default (MpShareable *self,
                     GUnixFDList *descriptors,
                     GError     **error)
{
  set_no_way_error (self, error);
  return NULL;
}

static void
mp_shareable_default_init (MpShareableInterface *iface)
{
  iface->describe = describe_by_default;
}

/* Returns the interface as implemented by @type, or NULL.  The class must be loaded. */
static MpShareableInterface *
peek_interface (GType type)
{
  gpointer klass = g_type_class_peek (type);

  return klass != NULL ? g_type_interface_peek (klass, MP_TYPE_SHAREABLE) : NULL;
}

static GType
find_in_library (const char *name)
{
  for (gsize i = 0; mp_shareable_types[i] != NULL; i++)
    if (g_str_equal (g_type_name (mp_shareable_types[i]()), name))
      return mp_shareable_types[i]();

  return G_TYPE_INVALID;
}

/* Whether other processes can be expected to know @type: it is one of the library's, or implements
 * the interface itself.  A type that is merely derived from such a type is not expected to be
 * known. */
static gboolean
travels_by_name (GType type)
{
  MpShareableInterface *iface;
  MpShareableInterface *parent_iface;

  if (find_in_library (g_type_name (type)) == type)
    return TRUE;

  iface = peek_interface (type);
  if (iface == NULL)
    return FALSE;

  parent_iface = peek_interface (g_type_parent (type));
  return parent_iface == NULL || parent_iface->open != iface->open;
}

/**
 * mp_shareable_describe:
 * @self: a shareable
 * @descriptors: the list to which duplicates of its descriptors are appended
 * @error: return location for an error
 *
 * Describes the object, so that [func@Shareable.open] in another process can open it.
 *
 * The descriptors have to be passed too, in the same order and as the only ones in their list. As
 * long as they are open, the underlying queue or connection exists.
 *
 * Fails if the object is closed, or has state that cannot be continued in another process.
 *
 * Returns: (transfer full): a variant of type `(sv)`
 *
 * Since: 1.0
 */
GVariant *
mp_shareable_describe (MpShareable *self,
                       GUnixFDList *descriptors,
                       GError     **error)
{
  GVariant *description;
  GType     type;

  g_return_val_if_fail (MP_IS_SHAREABLE (self), NULL);
  g_return_val_if_fail (G_IS_UNIX_FD_LIST (descriptors), NULL);

  for (type = G_OBJECT_TYPE (self); type != G_TYPE_OBJECT; type = g_type_parent (type))
    if (travels_by_name (type))
      break;

  if (type == G_TYPE_OBJECT)
    {
      set_no_way_error (self, error);
      return NULL;
    }

  description = MP_SHAREABLE_GET_IFACE (self)->describe (self, descriptors, error);
  if (description == NULL)
    return NULL;

  return g_variant_ref_sink (g_variant_new ("(sv)", g_type_name (type), description));
}

/* Finds the type that a description names, and loads its class. */
static GTypeClass *
load_class (const char *name,
            GError    **error)
{
  GType type = find_in_library (name);

  if (type == G_TYPE_INVALID)
    type = g_type_from_name (name);

  if (type == G_TYPE_INVALID ||
      !G_TYPE_IS_INSTANTIATABLE (type) || G_TYPE_IS_ABSTRACT (type) ||
      !g_type_is_a (type, G_TYPE_OBJECT) || !g_type_is_a (type, MP_TYPE_SHAREABLE))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("There is no shareable class “%s” in this process"), name);
      return NULL;
    }

  return g_type_class_ref (type);
}

/**
 * mp_shareable_open:
 * @description: the result of [method@Shareable.describe] in another process
 * @descriptors: the descriptors that belong to it
 * @error: return location for an error
 *
 * Opens an object that another process has described.
 *
 * The descriptors are duplicated, so @descriptors may be closed afterwards. @description is
 * untrusted: anything that is wrong with it is an error, `MP_ERROR_INVALID_MESSAGE`,
 * `MP_ERROR_DAMAGED`, or `MP_ERROR_UNSUPPORTED` if its class is unknown in this process.
 *
 * Returns: (transfer full): an object of the class that was described
 *
 * Since: 1.0
 */
MpShareable *
mp_shareable_open (GVariant    *description,
                   GUnixFDList *descriptors,
                   GError     **error)
{
  g_autoptr (GTypeClass) klass = NULL;
  g_autoptr (GVariant) inner = NULL;
  MpShareableInterface *iface;
  const char           *name;

  g_return_val_if_fail (description != NULL, NULL);
  g_return_val_if_fail (G_IS_UNIX_FD_LIST (descriptors), NULL);

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE ("(sv)")) ||
      !g_variant_is_normal_form (description))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("These %zu bytes do not describe a shareable object"),
                   g_variant_get_size (description));
      return NULL;
    }

  g_variant_get (description, "(&sv)", &name, &inner);
  if (strlen (name) > MAX_NAME_LENGTH)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("The name of a class cannot have %zu bytes"),
                   strlen (name));
      return NULL;
    }

  klass = load_class (name, error);
  if (klass == NULL)
    return NULL;

  iface = peek_interface (G_TYPE_FROM_CLASS (klass));
  if (!travels_by_name (G_TYPE_FROM_CLASS (klass)) || iface->open == NULL)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("A %s cannot be opened in another process"), name);
      return NULL;
    }

  return iface->open (G_TYPE_FROM_CLASS (klass), inner, descriptors, error);
}
