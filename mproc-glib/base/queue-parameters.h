/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* The parameters that URIs of queues have in common: the settings that an existing queue has to
 * have, or that a new one gets. */

typedef enum
{
  MP_QUEUE_GIVEN_MODE = 1 << 0,
  MP_QUEUE_GIVEN_MAX_SIZE = 1 << 1,
  MP_QUEUE_GIVEN_MAX_BYTES = 1 << 2,
  MP_QUEUE_GIVEN_MAX_DELIVERIES = 1 << 3,
} MpQueueGiven;

typedef struct
{
  MpQueueSettings settings;
  guint           given; /* which of them the URI contains, MpQueueGiven */
  gboolean        create;
} MpQueueParameters;

/* Takes a parameter that only one scheme has.  Returns FALSE if there is no such parameter or its
 * value is not valid. */
typedef gboolean (*MpQueueParameterFunc) (const char *name,
                                          const char *value,
                                          gpointer    user_data);

/* Sets @self from @query, which may be NULL and is still encoded.  @other may be NULL. */
gboolean mp_queue_parameters_parse (MpQueueParameters   *self,
                                    const char          *query,
                                    MpQueueParameterFunc other,
                                    gpointer             user_data,
                                    GError             **error);
/* Uses the mode of @wanted, which may be NULL, unless the URI contains one. */
void mp_queue_parameters_want (MpQueueParameters     *self,
                               const MpQueueSettings *wanted);

G_END_DECLS
