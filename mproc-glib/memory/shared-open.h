/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* Creates, opens and frees handles on queues in shared memory. */

/* Creates a queue whose memory is a file without a name, or files in a folder if @folder is not -1.
 * NULL with @error set on failure. */
gpointer mp_shared_queue_create (const MpQueueSettings *settings,
                                 int                    folder,
                                 GError               **error);
/* Opens a queue by its two descriptors, and takes ownership of them, also on failure. */
gpointer mp_shared_queue_open (int      fd,
                               int      bell_fd,
                               GError **error);
void     mp_shared_queue_free (gpointer self);

G_END_DECLS
