/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* Reads a pickle of plain values, of any protocol and from anybody, and tells @sink what is
 * in it.  Nothing is ever executed; a pickle that names a function or a class fails with
 * MP_ERROR_UNSUPPORTED, a malformed one with MP_ERROR_INVALID_MESSAGE. */
gboolean mp_pickle_read (const guint8 *data,
                         gsize         size,
                         MpSink       *sink,
                         GError      **error);

/* Whether Python may load the pickle: whether it builds plain values and does nothing else.
 * @out_needs_dill says that Python would import dill for that. */
gboolean mp_pickle_check (const guint8 *data,
                          gsize         size,
                          gboolean     *out_needs_dill,
                          GError      **error);

G_END_DECLS
