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
 * @share: describes the object so that another process can open it: appends duplicates
 *   of the descriptors needed to @descriptors and returns whatever else is needed, as a
 *   floating variant
 * @restore: the opposite, called on the interface of the class and not on an object:
 *   makes an object of @type from what `share` gave in another process. The description
 *   may come from a stranger
 *
 * What a class gives so that its objects can be handed to another process.
 *
 * Since: 1.0
 */
struct _MpShareableInterface
{
  GTypeInterface g_iface;

  GVariant *(*share) (MpShareable *self,
                      GUnixFDList *descriptors,
                      GError     **error);
  MpShareable *(*restore) (GType        type,
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
