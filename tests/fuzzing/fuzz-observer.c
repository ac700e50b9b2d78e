/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "memory/layout.h"
#include "memory/observer.h"
#include "memory/shared-queue.h"
#include "fuzz-patches.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define backend  mp_shared_queue_backend
#define observer mp_memory_observer

#define MAX_LENGTH 4096

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

/* Takes a message, and keeps it if the queue has tasks. */
static void
take (gpointer queue)
{
  const MpQueueAccepted any = { .any = G_MAXUINT32 };
  guint8                buffer[MP_INLINE_LIMIT];
  MpQueueDelivery       delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall           call = { 0 };
  guint                 n_got;

  if (backend.get (queue, &delivery, 1, &any, &call, &n_got) == MP_QUEUE_OK &&
      delivery.data != buffer)
    g_free (delivery.data);
}

static void
note_user (const MpQueueUser *user,
           gpointer           user_data)
{
  g_assert_cmpuint (user->slot, <, MP_N_PARTICIPANTS);
  ++*(guint *) user_data;
}

static gboolean
note_glimpse (const MpQueueGlimpse *glimpse,
              gpointer              user_data)
{
  g_assert_cmpuint (glimpse->length, <=, MAX_LENGTH);
  g_assert_cmpuint (glimpse->length, <=, glimpse->size);
  ++*(guint *) user_data;
  return TRUE;
}

typedef struct
{
  guint64 serials[64];
  guint   n;
} Tasks;

static void
note_task (const MpQueueTaskInfo *task,
           gpointer               user_data)
{
  Tasks *tasks = user_data;

  g_assert_cmpuint (strlen (task->text), <, sizeof task->text);
  g_assert_true (task->fraction <= 1);
  g_assert_cmpint (task->held_us, >=, 0);
  g_assert_cmpuint (tasks->n, <, G_N_ELEMENTS (tasks->serials));
  tasks->serials[tasks->n++] = task->serial;
}

/* All that is shown of a queue. */
static void
look (gpointer observed)
{
  MpQueueIdentity identity;
  MpQueueSample   sample;
  Tasks           tasks = { 0 };
  guint           n_users = 0, n_seen = 0;
  guint64         next;

  observer.identify (observed, &identity);
  g_assert_nonnull (memchr (identity.settings.name, '\0', sizeof identity.settings.name));
  g_assert_nonnull (memchr (identity.settings.kind, '\0', sizeof identity.settings.kind));
  g_assert_true (observer.sample (observed, &sample, NULL));
  g_assert_cmpuint (sample.n_processes, <=, MP_N_PARTICIPANTS);
  observer.list_users (observed, note_user, &n_users);
  g_assert_cmpuint (n_users, <=, MP_N_PARTICIPANTS);

  observer.list_tasks (observed, G_N_ELEMENTS (tasks.serials), note_task, &tasks);
  for (guint i = 0; i < tasks.n; i++)
    observer.peek_task (observed, tasks.serials[i], MAX_LENGTH, note_glimpse, &n_seen);
  next = observer.peek (observed, 0, 8, MAX_LENGTH, note_glimpse, &n_seen);
  observer.peek (observed, next, 8, MAX_LENGTH, note_glimpse, &n_seen);
  observer.peek (observed, G_MAXUINT64, 8, MAX_LENGTH, note_glimpse, &n_seen);
}

/* A queue whose memory a hostile process writes is shown, or shown as damaged; never more than
 * that. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  const MpQueueSettings settings = {
    .mode = size > 0 && (data[0] & 0x80) ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN,
    .max_bytes = 1 << 20,
    .max_deliveries = 3,
    .name = "observed",
    .kind = "Queue",
  };
  MpQueueCall call = { 0 };
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  gpointer         maker = backend.open ("memory:", NULL, &settings, &call);
  g_autofree char *uri = backend.describe (maker, fds, NULL);
  gpointer         before, after;
  int              fd;

  g_assert_nonnull (uri);
  put (maker, 10);
  put (maker, 3000);
  put (maker, 100);
  take (maker);

  fd = g_unix_fd_list_peek_fds (fds, NULL)[0];
  before = mp_memory_observer_new (fcntl (fd, F_DUPFD_CLOEXEC, 3), FALSE, NULL);
  g_assert_nonnull (before);
  fuzz_patch_memory (fd, TRUE, data, size);

  look (before);
  after = mp_memory_observer_new (fcntl (fd, F_DUPFD_CLOEXEC, 3), TRUE, NULL);
  g_assert_nonnull (after);
  look (after);
  observer.free (before);
  observer.free (after);
  backend.free (maker);
  return 0;
}
