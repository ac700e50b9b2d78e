/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "envelope.h"

G_BEGIN_DECLS

/* Parses the beginning of an envelope in each format byte by byte, without reading the value. */

const char *mp_envelope_get_name (MpEnvelopeKind kind);

G_END_DECLS
