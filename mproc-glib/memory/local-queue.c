/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "local-queue.h"

#include "base/mp-errno.h"
#include "base/queue-parameters.h"
#include "named-folder.h"
#include "mp-error.h"
#include "queue-name.h"
#include "shared-open.h"
#include "shared-queue-private.h"
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <unistd.h>

/* How often a queue may be made by another process, and removed again, while this one opens it. */
#define MAX_ATTEMPTS 16

/* --- The URI -------------------------------------------------------------------------------- */

/* What a URI asks for, with the name. */
typedef MpQueueParameters Request;

static gboolean
parse (Request    *request,
       const char *uri,
       GError    **error)
{
  g_autofree char *path = NULL;
  g_autofree char *query = NULL;

  return g_uri_split (uri, G_URI_FLAGS_ENCODED_QUERY, NULL, NULL, NULL, NULL, &path, &query, NULL,
                      error) &&
         mp_queue_settings_set_name (&request->settings, path, error) &&
         mp_queue_parameters_parse (request, query, NULL, NULL, error);
}

/* --- Comparing ------------------------------------------------------------------------------- */

static gboolean
fail_different (const Request *request,
                const char    *name,
                guint64        has,
                guint64        wanted,
                GError       **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
               _ ("The queue “%s” has %s %" PRIu64 ", not %" PRIu64), request->settings.name, name,
               has, wanted);
  return FALSE;
}

static gboolean
check (const Request       *request,
       const MpSharedQueue *queue,
       GError             **error)
{
  const MpConfig        *config = &queue->memory.config;
  const MpQueueSettings *wanted = &request->settings;

  if ((request->given & MP_QUEUE_GIVEN_MODE) != 0 && config->mode != (guint32) wanted->mode)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                   wanted->mode == MP_QUEUE_MODE_PLAIN
                     ? _ ("The queue “%s” is a joinable one")
                     : _ ("The queue “%s” is not a joinable one"),
                   wanted->name);
      return FALSE;
    }
  if ((request->given & MP_QUEUE_GIVEN_MAX_SIZE) != 0 && config->max_size != wanted->max_size)
    return fail_different (request, "max-size", config->max_size, wanted->max_size, error);
  if ((request->given & MP_QUEUE_GIVEN_MAX_BYTES) != 0 && config->max_bytes != wanted->max_bytes)
    return fail_different (request, "max-bytes", config->max_bytes, wanted->max_bytes, error);
  if ((request->given & MP_QUEUE_GIVEN_MAX_DELIVERIES) != 0 &&
      config->max_deliveries != wanted->max_deliveries)
    return fail_different (request, "max-deliveries", config->max_deliveries,
                           wanted->max_deliveries, error);
  return TRUE;
}

/* --- Opening --------------------------------------------------------------------------------- */

static int
open_file (int         folder,
           const char *name,
           GError    **error)
{
  int fd = openat (folder, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

  if (fd == -1)
    mp_set_error_from_errno (error, errno, _ ("Cannot open the file “%s” of the queue"), name);
  return fd;
}

/* Opens the files in the folder of a queue, which it closes. */
static gpointer
open_files (int      folder,
            GError **error)
{
  int fd = open_file (folder, MP_NAMED_MEMORY, error);
  int bell_fd = fd != -1 ? open_file (folder, MP_NAMED_BELL, error) : -1;

  close (folder);
  if (bell_fd != -1)
    return mp_shared_queue_open (fd, bell_fd, error);
  if (fd != -1)
    close (fd);
  return NULL;
}

/* --- Removing -------------------------------------------------------------------------------- */

static gboolean
shut_down (gpointer     queue,
           MpQueueCall *call)
{
  MpQueueStatus status = mp_shared_queue_shutdown (queue, TRUE, call);

  mp_shared_queue_free (queue);
  if (status == MP_QUEUE_OK)
    return TRUE;
  g_set_error (&call->error, status == MP_QUEUE_DAMAGED ? MP_ERROR : G_IO_ERROR,
               status == MP_QUEUE_DAMAGED     ? (int) MP_ERROR_DAMAGED
               : status == MP_QUEUE_CANCELLED ? (int) G_IO_ERROR_CANCELLED
                                              : (int) G_IO_ERROR_BUSY,
               _ ("The queue was removed, but could not be shut down"));
  return FALSE;
}

/* Whether the files of a queue can be removed, although it was not shut down for this reason: it is
 * damaged, or another process has just removed them. */
static gboolean
is_final (const GError *error)
{
  return error->domain == MP_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Shuts down a queue whose name was removed, and then removes its files.  A process that fails or
 * dies in between leaves the rest to the next one, and several may do it at once. */
static gboolean
end_withdrawn (int          parent,
               const char  *temporary,
               MpQueueCall *call)
{
  int      folder = mp_named_folder_open_queue (parent, temporary, &call->error);
  gpointer queue = folder != -1 ? open_files (folder, &call->error) : NULL;

  if (queue != NULL)
    shut_down (queue, call);
  MP_STEP ("name/shut-down");
  if (call->error == NULL || is_final (call->error))
    mp_named_folder_remove (parent, temporary);
  if (g_error_matches (call->error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_clear_error (&call->error);
  return call->error == NULL;
}

/* Removes what processes have left that were killed while they made or removed a queue. */
static void
clean_up (int parent)
{
  g_autoptr (GPtrArray) names = mp_named_folder_list_withdrawn (parent);

  mp_named_folder_remove_unfinished (parent);
  for (guint i = 0; i < names->len; i++)
    {
      MpQueueCall call = { 0 };

      end_withdrawn (parent, g_ptr_array_index (names, i), &call);
      g_clear_error (&call.error);
    }
}

/* --- Creating -------------------------------------------------------------------------------- */

/* Creates the queue under a temporary name, so that no other process opens it before it is
 * complete.  Returns NULL without an error if another process has created it meanwhile. */
static gpointer
create (const Request *request,
        int            parent,
        GError       **error)
{
  g_autofree char *temporary = NULL;
  gpointer         queue = NULL;
  int              folder;

  clean_up (parent);
  folder = mp_named_folder_make (parent, request->settings.name, &temporary, error);
  if (folder == -1)
    return NULL;
  queue = mp_shared_queue_create (&request->settings, folder, error);
  if (queue != NULL &&
      !mp_named_folder_publish (parent, temporary, request->settings.name, error))
    g_clear_pointer (&queue, mp_shared_queue_free);
  if (queue == NULL)
    mp_named_folder_remove (parent, temporary);
  mp_named_folder_close_new (folder);
  return queue;
}

/* Returns NULL without an error if it is worth another attempt. */
static gpointer
try_to_open (const Request *request,
             int            parent,
             GError       **error)
{
  int folder = mp_named_folder_open_queue (parent, request->settings.name, error);

  if (folder != -1)
    return open_files (folder, error);
  if (!request->create || !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return NULL;
  g_clear_error (error);
  return create (request, parent, error);
}

/* Files that were there and are not found have been removed meanwhile, so it tries again. */
static gpointer
open_or_create (const Request *request,
                int            parent,
                GError       **error)
{
  g_autoptr (GError) reason = NULL;

  for (guint i = 0; i < MAX_ATTEMPTS; i++)
    {
      gpointer queue;

      g_clear_error (&reason);
      queue = try_to_open (request, parent, &reason);
      if (queue != NULL)
        return queue;
      if (reason != NULL &&
          !(request->create && g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)))
        break;
    }
  if (reason != NULL)
    g_propagate_error (error, g_steal_pointer (&reason));
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                 _ ("The queue “%s” is made and removed all the time"), request->settings.name);
  return NULL;
}

gpointer
mp_local_queue_open (const char            *uri,
                     const MpQueueSettings *wanted,
                     GError               **error)
{
  Request  request = { 0 };
  gpointer queue;
  int      parent;

  if (!parse (&request, uri, error))
    return NULL;
  mp_queue_parameters_want (&request, wanted);
  g_strlcpy (request.settings.kind,
             request.settings.mode == MP_QUEUE_MODE_PLAIN ? "Queue" : "JoinableQueue",
             MP_QUEUE_KIND_SIZE);

  parent = mp_named_folder_open (error);
  if (parent == -1)
    return NULL;
  queue = open_or_create (&request, parent, error);
  close (parent);
  if (queue != NULL && !check (&request, queue, error))
    g_clear_pointer (&queue, mp_shared_queue_free);
  return queue;
}

gboolean
mp_local_queue_remove (const char  *uri,
                       MpQueueCall *call)
{
  Request          request = { 0 };
  g_autofree char *temporary = NULL;
  gboolean         done;
  int              parent;

  if (!parse (&request, uri, &call->error))
    return FALSE;
  parent = mp_named_folder_open (&call->error);
  if (parent == -1)
    return FALSE;

  temporary = mp_named_folder_withdraw (parent, request.settings.name, &call->error);
  done = temporary != NULL && end_withdrawn (parent, temporary, call);
  clean_up (parent);
  close (parent);
  return done;
}
