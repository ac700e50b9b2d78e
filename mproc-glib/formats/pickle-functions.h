/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pickle-machine.h"

G_BEGIN_DECLS

/* The functions that pickles of plain values name.  Finds one by its name and makes a node
 * of it, or fails with MP_ERROR_UNSUPPORTED and says which name it refused, and where. */
gboolean mp_pickle_function_find (MpPickleMachine *machine,
                                  const guint8    *module,
                                  gsize            module_length,
                                  const guint8    *name,
                                  gsize            name_length,
                                  guint32         *out_node,
                                  GError         **error);

/* Makes the node that the function of the node @function gives for the tuple @arguments. */
gboolean mp_pickle_function_call (MpPickleMachine *machine,
                                  guint32          function,
                                  guint32          arguments,
                                  guint32         *out_node,
                                  GError         **error);

gboolean mp_pickle_function_refuse (MpPickleMachine *machine,
                                    const MpNode    *function,
                                    GError         **error);

G_END_DECLS
