/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "local-queue.h"

#include "base/mp-errno.h"
#include "base/queue-parameters.h"
#include "named-folder.h"
#include "queue-name.h"
#include "shared-open.h"
#include "shared-queue-private.h"

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

/* Creates the queue under a temporary name, so that no other process opens it before it is
 * complete.  Returns NULL without an error if another process has created it meanwhile. */
static gpointer
create (const Request *request,
        int            parent,
        GError       **error)
{
  g_autofree char *temporary = mp_named_folder_make (parent, request->settings.name, error);
  gpointer         queue = NULL;
  int              folder;

  if (temporary == NULL)
    return NULL;
  folder = mp_named_folder_open_queue (parent, temporary, error);
  if (folder != -1)
    {
      queue = mp_shared_queue_create (&request->settings, folder, error);
      close (folder);
    }
  if (queue != NULL &&
      mp_named_folder_publish (parent, temporary, request->settings.name, error))
    return queue;

  g_clear_pointer (&queue, mp_shared_queue_free);
  mp_named_folder_remove (parent, temporary);
  return NULL;
}

static gpointer
open_or_create (const Request *request,
                int            parent,
                GError       **error)
{
  for (guint i = 0; i < MAX_ATTEMPTS; i++)
    {
      g_autoptr (GError) reason = NULL;
      int      folder = mp_named_folder_open_queue (parent, request->settings.name, &reason);
      gpointer queue;

      if (folder != -1)
        return open_files (folder, error);
      if (request->create && g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        {
          g_clear_error (&reason);
          queue = create (request, parent, &reason);
          if (queue != NULL)
            return queue;
        }
      if (reason != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return NULL;
        }
    }
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

gpointer
mp_local_queue_remove (const char *uri,
                       GError    **error)
{
  Request          request = { 0 };
  g_autofree char *temporary = NULL;
  gpointer         queue = NULL;
  int              parent, folder = -1;

  if (!parse (&request, uri, error))
    return NULL;
  parent = mp_named_folder_open (error);
  if (parent == -1)
    return NULL;

  temporary = mp_named_folder_withdraw (parent, request.settings.name, error);
  if (temporary != NULL)
    folder = mp_named_folder_open_queue (parent, temporary, error);
  if (folder != -1)
    queue = open_files (folder, error);
  if (temporary != NULL)
    mp_named_folder_remove (parent, temporary);
  close (parent);
  return queue;
}
