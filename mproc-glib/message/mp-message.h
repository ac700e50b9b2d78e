/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"
#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define MP_TYPE_MESSAGE (mp_message_get_type ())
typedef struct _MpMessage MpMessage;

MP_AVAILABLE_IN_1_0
GType mp_message_get_type (void) G_GNUC_CONST;

MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_variant (GVariant *value);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_bytes (GBytes *bytes);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_data (const guint8 *data,
                                gsize         length);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_json (const char *json);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_pickle (const guint8 *data,
                                  gsize         length);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_object (GObject *object);
MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_opaque (GBytes     *bytes,
                                  const char *codec);

MP_AVAILABLE_IN_1_0
MpMessage *mp_message_new_array (const char    *type,
                                 const guint64 *shape,
                                 guint          n_dimensions,
                                 gboolean       fortran_order,
                                 const guint8  *data,
                                 gsize          length);

MP_AVAILABLE_IN_1_0
MpMessage *mp_message_ref (MpMessage *self);
MP_AVAILABLE_IN_1_0
void mp_message_unref (MpMessage *self);

MP_AVAILABLE_IN_1_0
MpFormat mp_message_get_format (MpMessage *self);
MP_AVAILABLE_IN_1_0
gsize mp_message_get_size (MpMessage *self);
MP_AVAILABLE_IN_1_0
const char *mp_message_get_codec (MpMessage *self);

MP_AVAILABLE_IN_1_0
GVariant *mp_message_get_variant (MpMessage *self,
                                  GError   **error);
MP_AVAILABLE_IN_1_0
GBytes *mp_message_get_bytes (MpMessage *self,
                              GError   **error);
MP_AVAILABLE_IN_1_0
const guint8 *mp_message_get_data (MpMessage *self,
                                   gsize     *length);
MP_AVAILABLE_IN_1_0
guintptr mp_message_get_address (MpMessage *self,
                                 gsize     *length);
MP_AVAILABLE_IN_1_0
const char *mp_message_get_array (MpMessage *self,
                                  guint64  **shape,
                                  guint     *n_dimensions,
                                  gboolean  *fortran_order,
                                  guintptr  *address,
                                  gsize     *length,
                                  GError   **error);
MP_AVAILABLE_IN_1_0
char *mp_message_get_json (MpMessage *self,
                           GError   **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_message_get_pickle (MpMessage *self,
                               gsize     *length,
                               GError   **error);
MP_AVAILABLE_IN_1_0
GObject *mp_message_get_object (MpMessage *self,
                                GType      expected_type,
                                GError   **error);

MP_AVAILABLE_IN_1_0
void mp_message_set_fd_list (MpMessage   *self,
                             GUnixFDList *fd_list);
MP_AVAILABLE_IN_1_0
GUnixFDList *mp_message_get_fd_list (MpMessage *self);

MP_AVAILABLE_IN_1_0
void mp_serializable_enable (GType type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpMessage, mp_message_unref)

G_END_DECLS
