/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* Reads a pickle of plain values, of any protocol, from an untrusted source, and reports its
 * parts to @sink.  Nothing is ever executed: a pickle that names a function or a class fails
 * with MP_ERROR_UNSUPPORTED, a malformed one with MP_ERROR_INVALID_MESSAGE. */
gboolean mp_pickle_read (const guint8 *data,
                         gsize         size,
                         MpSink       *sink,
                         GError      **error);

/* Checks that the pickle only builds plain values, so that Python may load it.
 * @out_needs_dill tells whether Python would import dill for that. */
gboolean mp_pickle_check (const guint8 *data,
                          gsize         size,
                          gboolean     *out_needs_dill,
                          GError      **error);

G_END_DECLS
