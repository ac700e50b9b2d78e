/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"

G_BEGIN_DECLS

/* Lists the handles on a queue and the messages held by consumers: see MpQueueObserver. */

void     mp_observed_list_users (gpointer        self,
                                 MpQueueUserFunc func,
                                 gpointer        user_data);
gboolean mp_observed_has_died (gpointer self,
                               guint64  handle);
void     mp_observed_list_tasks (gpointer        self,
                                 guint           max,
                                 MpQueueTaskFunc func,
                                 gpointer        user_data);
gboolean mp_observed_peek_task (gpointer           self,
                                guint64            serial,
                                gsize              max_length,
                                MpQueueGlimpseFunc func,
                                gpointer           user_data);

G_END_DECLS
