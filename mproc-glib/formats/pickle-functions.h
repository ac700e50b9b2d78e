/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pickle-machine.h"

G_BEGIN_DECLS

/* The functions that pickles of plain values may name. */
extern const MpPickleFunction mp_pickle_functions[];

/* Finds a function by its name and makes a node for it.  Fails with MP_ERROR_UNSUPPORTED for
 * all other names; the message gives the name and its position. */
gboolean mp_pickle_function_find (MpPickleMachine *machine,
                                  const guint8    *module,
                                  gsize            module_length,
                                  const guint8    *name,
                                  gsize            name_length,
                                  guint32         *out_node,
                                  GError         **error);

/* Makes a node for what the function would return for the tuple @arguments. */
gboolean mp_pickle_function_call (MpPickleMachine *machine,
                                  guint32          function,
                                  guint32          arguments,
                                  guint32         *out_node,
                                  GError         **error);

G_END_DECLS
