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
 * @describe: describes the object so that another process can open it: appends duplicates of the
 *   required descriptors to @descriptors and returns all other required data as a floating variant
 * @open: the inverse, called on the interface of the class and not on an object: creates an object
 *   of @type from the result of `describe` in another process. The description is untrusted and has
 *   to be checked
 *
 * What a class implements so that its objects can be passed to another process.
 *
 * The library holds no lock while it calls these functions, so they may call any of its functions.
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
