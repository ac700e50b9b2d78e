/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "calls.h"
#include "mp-invocation.h"

G_BEGIN_DECLS

/* Takes ownership of @call. */
MpInvocation *mp_invocation_new (MpConnection   *connection,
                                 MpIncomingCall *call);

G_END_DECLS
