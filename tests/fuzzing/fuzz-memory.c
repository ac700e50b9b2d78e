/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "memory/layout.h"
#include "memory/shared-queue.h"
#include "fuzz-patches.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define backend mp_shared_queue_backend

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

static void
put (gpointer queue,
     gsize    size)
{
  g_autofree guint8 *payload = g_malloc0 (size + 1);
  const MpQueueItem  item = { payload, size, 2 };
  MpQueueCall        call = { 0 };
  guint              n_put;

  backend.put (queue, &item, 1, &call, &n_put);
}

static void
get (gpointer               queue,
     const MpQueueAccepted *accepted,
     MpQueueFinish          how)
{
  guint8          buffer[MP_INLINE_LIMIT];
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall     call = { 0 };
  MpQueueStatus   answer;
  guint           n_got;

  if (backend.get (queue, &delivery, 1, accepted, &call, &n_got) != MP_QUEUE_OK)
    return;
  if (delivery.tentative)
    backend.settle (queue, &delivery, how == MP_QUEUE_FINISH_DONE, &call);
  if (delivery.data != buffer)
    g_free (delivery.data);
  if (delivery.token.lease != 0)
    backend.finish (queue, &delivery.token, 1, how, &answer, &call);
}

static void
list_cb (const MpQueueProgress *progress,
         gpointer               user_data)
{
  g_assert_cmpuint (strlen (progress->text), <, sizeof progress->text);
}

/* All operations of a process with a queue. */
static void
use (gpointer queue)
{
  guint8                buffer[MP_INLINE_LIMIT];
  MpQueueDelivery       dead = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall           call = { 0 };
  MpQueueCounts         counts;
  const MpQueueAccepted any = { .any = G_MAXUINT32 }, sound = { .sound = G_MAXUINT32 },
                        by_content = { .by_content = G_MAXUINT32 };

  backend.count (queue, &counts, &call);
  for (guint i = 0; i < 3; i++)
    get (queue, i == 2 ? &by_content : &any, i == 1 ? MP_QUEUE_FINISH_RETRY : MP_QUEUE_FINISH_DONE);
  put (queue, 20);
  put (queue, 9000);
  put (queue, 60000);
  for (guint i = 0; i < 3; i++)
    get (queue, i == 0 ? &by_content : &sound, MP_QUEUE_FINISH_DONE);
  get (queue, &by_content, MP_QUEUE_FINISH_RETRY);
  get (queue, &sound, MP_QUEUE_FINISH_RETRY);
  backend.list (queue, list_cb, NULL, &call);
  if (backend.get_dead (queue, NULL, &dead, &call) == MP_QUEUE_OK && dead.data != buffer)
    g_free (dead.data);
  backend.shutdown (queue, TRUE, &call);
}

/* Corrupted memory is refused, or used without harm. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  const MpQueueAccepted any = { .any = G_MAXUINT32 };
  const MpQueueSettings settings = {
    .mode = size > 0 && (data[0] & 0x80) ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN,
    .max_bytes = 1 << 20,
    .max_deliveries = 3,
  };
  MpQueueCall call = { 0 };
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  gpointer         maker = backend.open ("memory:", NULL, &settings, &call);
  g_autofree char *uri = backend.describe (maker, fds, NULL);
  int              memory_fd;
  gpointer         queue;

  g_assert_nonnull (uri);
  put (maker, 10);
  put (maker, 3000);
  put (maker, 100);
  get (maker, &any, MP_QUEUE_FINISH_RETRY);

  memory_fd = g_unix_fd_list_peek_fds (fds, NULL)[0];
  fuzz_patch_memory (memory_fd, FALSE, data, size);

  queue = backend.open (uri, fds, NULL, &call);
  g_clear_error (&call.error);
  if (queue != NULL)
    {
      use (queue);
      backend.free (queue);
    }
  backend.free (maker);
  return 0;
}
