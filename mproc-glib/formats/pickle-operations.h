/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pickle-machine.h"

G_BEGIN_DECLS

/* The operations for pickles of plain values. */
extern const MpPickleTables mp_pickle_plain_values;

G_END_DECLS
