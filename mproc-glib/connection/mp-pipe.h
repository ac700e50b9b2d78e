/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-connection.h"

G_BEGIN_DECLS

MP_AVAILABLE_IN_1_0
gboolean mp_pipe (gboolean       duplex,
                  MpConnection **first,
                  MpConnection **second,
                  GError       **error);

G_END_DECLS
