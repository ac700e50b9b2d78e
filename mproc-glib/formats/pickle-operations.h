/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pickle-machine.h"

G_BEGIN_DECLS

/* What the machine does for an opcode. */
typedef struct _MpPickleOperation MpPickleOperation;
struct _MpPickleOperation
{
  gboolean (*run) (MpPickleMachine         *self,
                   const MpPickleOperation *operation,
                   const guint8            *argument,
                   GError                 **error);

  /* How many bytes of argument follow; of strings, how many their length has. */
  guint8 size;
  guint8 parameter;
};

/* By opcode; those that do not exist run nothing. */
extern const MpPickleOperation mp_pickle_operations[256];

/* The operations with arguments in lines of text, in pickle-text.c. */
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
