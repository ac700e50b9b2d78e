/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"

G_BEGIN_DECLS

/* Looks at queued messages: see MpQueueObserver. */
guint64 mp_observed_peek (gpointer           self,
                          guint64            from,
                          guint              max,
                          gsize              max_length,
                          MpQueueGlimpseFunc func,
                          gpointer           user_data);

G_END_DECLS
