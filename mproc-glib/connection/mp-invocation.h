/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-connection.h"

G_BEGIN_DECLS

#define MP_TYPE_INVOCATION (mp_invocation_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (MpInvocation, mp_invocation, MP, INVOCATION, GObject)

MP_AVAILABLE_IN_1_0
MpConnection *mp_invocation_get_connection (MpInvocation *self);
MP_AVAILABLE_IN_1_0
GCancellable *mp_invocation_get_cancellable (MpInvocation *self);
MP_AVAILABLE_IN_1_0
GVariant *mp_invocation_get_value (MpInvocation *self,
                                   GError      **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_invocation_get_message (MpInvocation *self,
                                      GError      **error);

MP_AVAILABLE_IN_1_0
void mp_invocation_return_value (MpInvocation *self,
                                 GVariant     *value);
MP_AVAILABLE_IN_1_0
void mp_invocation_return_message (MpInvocation *self,
                                   MpMessage    *message);
MP_AVAILABLE_IN_1_0
void mp_invocation_return_error (MpInvocation *self,
                                 const GError *error);
MP_AVAILABLE_IN_1_0
void mp_invocation_return_error_literal (MpInvocation *self,
                                         const char   *domain,
                                         int           code,
                                         const char   *message);

G_END_DECLS
