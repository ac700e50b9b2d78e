/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue.h"

G_BEGIN_DECLS

#define MP_TYPE_SIMPLE_QUEUE (mp_simple_queue_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpSimpleQueue, mp_simple_queue, MP, SIMPLE_QUEUE, MpQueue)

struct _MpSimpleQueueClass
{
  MpQueueClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpSimpleQueue *mp_simple_queue_new (GError **error);
MP_AVAILABLE_IN_1_0
gboolean mp_simple_queue_put (MpSimpleQueue *self,
                              GVariant      *value,
                              GError       **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_simple_queue_get (MpSimpleQueue *self,
                               GError       **error);

G_END_DECLS
