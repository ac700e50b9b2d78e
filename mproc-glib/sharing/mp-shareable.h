/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define MP_TYPE_SHAREABLE (mp_shareable_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (MpShareable, mp_shareable, MP, SHAREABLE, GObject)

/**
 * MpShareableInterface:
 * @g_iface: the parent interface
 * @describe: describes the object so that another process can open it: appends duplicates
 *   of the descriptors needed to @descriptors and returns whatever else is needed, as a
 *   floating variant
 * @open: the opposite, called on the interface of the class and not on an object:
 *   makes an object of @type from what `describe` returned in another process. The
 *   description is not trusted, and has to be checked
 *
 * What a class implements so that its objects can be handed to another process.
 *
 * The library holds no lock while it calls these functions: they may use all of it.
 *
 * Since: 1.0
 */
struct _MpShareableInterface
{
  GTypeInterface g_iface;

  GVariant *(*describe) (MpShareable *self,
                         GUnixFDList *descriptors,
                         GError     **error);
  MpShareable *(*open) (GType        type,
                        GVariant    *description,
                        GUnixFDList *descriptors,
                        GError     **error);
};

MP_AVAILABLE_IN_1_0
GVariant *mp_shareable_describe (MpShareable *self,
                                 GUnixFDList *descriptors,
                                 GError     **error);
MP_AVAILABLE_IN_1_0
MpShareable *mp_shareable_open (GVariant    *description,
                                GUnixFDList *descriptors,
                                GError     **error);

G_END_DECLS
