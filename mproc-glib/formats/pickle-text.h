/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pickle-machine.h"

G_BEGIN_DECLS

/* The operations whose arguments are lines of text: those of protocol 0, and names. */
gboolean mp_pickle_run_int_text (MpPickleMachine         *self,
                                 const MpPickleOperation *operation,
                                 const guint8            *argument,
                                 GError                 **error);
gboolean mp_pickle_run_long_text (MpPickleMachine         *self,
                                  const MpPickleOperation *operation,
                                  const guint8            *argument,
                                  GError                 **error);
gboolean mp_pickle_run_double_text (MpPickleMachine         *self,
                                    const MpPickleOperation *operation,
                                    const guint8            *argument,
                                    GError                 **error);
gboolean mp_pickle_run_string_text (MpPickleMachine         *self,
                                    const MpPickleOperation *operation,
                                    const guint8            *argument,
                                    GError                 **error);
gboolean mp_pickle_run_put_text (MpPickleMachine         *self,
                                 const MpPickleOperation *operation,
                                 const guint8            *argument,
                                 GError                 **error);
gboolean mp_pickle_run_get_text (MpPickleMachine         *self,
                                 const MpPickleOperation *operation,
                                 const guint8            *argument,
                                 GError                 **error);
gboolean mp_pickle_run_global (MpPickleMachine         *self,
                               const MpPickleOperation *operation,
                               const guint8            *argument,
                               GError                 **error);
gboolean mp_pickle_run_inst (MpPickleMachine         *self,
                             const MpPickleOperation *operation,
                             const guint8            *argument,
                             GError                 **error);

G_END_DECLS
