/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "resolve.h"

#include "transport.h"

#include "base/mp-errno.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <netdb.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Shared by the thread and the caller that waits for it; reference-counted. */
typedef struct
{
  gatomicrefcount  ref_count;
  char            *host;
  char             port[8];
  int              event_fd; /* readable when the thread is done */
  int              code;
  struct addrinfo *found;
} Job;

static void
job_unref (Job *job)
{
  if (!g_atomic_ref_count_dec (&job->ref_count))
    return;

  if (job->found != NULL)
    freeaddrinfo (job->found);
  close (job->event_fd);
  g_free (job->host);
  g_free (job);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Job, job_unref)

static gpointer
run_job (gpointer data)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
  Job                  *job = data;

  job->code = getaddrinfo (job->host, job->port, &hints, &job->found);
  eventfd_write (job->event_fd, 1);
  job_unref (job);
  return NULL;
}

static Job *
start_job (const char *host,
           guint16     port,
           GError    **error)
{
  Job     *job = g_new0 (Job, 1);
  GThread *thread;

  g_atomic_ref_count_init (&job->ref_count);
  job->host = g_strdup (host);
  g_snprintf (job->port, sizeof job->port, "%u", port);
  job->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (job->event_fd < 0)
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot ask for the address of “%s”"), host);
      job_unref (job);
      return NULL;
    }

  g_atomic_ref_count_inc (&job->ref_count);
  thread = g_thread_try_new ("mproc-resolve", run_job, job, error);
  if (thread == NULL)
    {
      job_unref (job);
      job_unref (job);
      return NULL;
    }

  g_thread_unref (thread);
  return job;
}

static gboolean
wait_for_job (Job          *job,
              gint64        deadline,
              GCancellable *cancellable,
              GError      **error)
{
  MpWaitStatus status;

  do
    status = mp_transport_poll (job->event_fd, G_IO_IN, -1, deadline, cancellable, error);
  while (status == MP_WAIT_INTERRUPTED);

  if (status == MP_WAIT_TIMED_OUT)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 _ ("The address of “%s” was not found in time"), job->host);
  return status == MP_WAIT_READY;
}

static void
set_error (const Job *job,
           GError   **error)
{
  g_autofree char *host = g_utf8_make_valid (job->host, -1);
  GResolverError   code = G_RESOLVER_ERROR_NOT_FOUND;

  if (job->code == EAI_AGAIN)
    code = G_RESOLVER_ERROR_TEMPORARY_FAILURE;
  else if (job->code == EAI_SYSTEM || job->code == EAI_MEMORY || job->code == EAI_FAIL)
    code = G_RESOLVER_ERROR_INTERNAL;

  g_set_error (error, G_RESOLVER_ERROR, code, _ ("Cannot find the address of “%s”: %s"), host,
               gai_strerror (job->code));
}

static GArray *
ask (const char   *host,
     guint16       port,
     gint64        deadline,
     GCancellable *cancellable,
     GError      **error)
{
  g_autoptr (Job) job = start_job (host, port, error);
  GArray *addresses;

  if (job == NULL || !wait_for_job (job, deadline, cancellable, error))
    return NULL;

  if (job->code != 0)
    {
      set_error (job, error);
      return NULL;
    }

  addresses = g_array_new (FALSE, TRUE, sizeof (MpSocketAddress));
  for (const struct addrinfo *each = job->found; each != NULL; each = each->ai_next)
    {
      MpSocketAddress address = { .length = each->ai_addrlen };

      memcpy (&address.storage, each->ai_addr, each->ai_addrlen);
      g_array_append_val (addresses, address);
    }
  return addresses;
}

GArray *
mp_address_resolve (const MpAddress *address,
                    gboolean         passive,
                    gint64           deadline,
                    GCancellable    *cancellable,
                    GError         **error)
{
  g_autoptr (GArray) addresses = g_array_new (FALSE, FALSE, sizeof (MpSocketAddress));

  if (address->kind == MP_ADDRESS_UNIX || address->kind == MP_ADDRESS_ABSTRACT)
    {
      MpSocketAddress native;

      if (!mp_address_fill_unix (address->kind, address->name, &native, error))
        return NULL;
      g_array_append_val (addresses, native);
      return g_steal_pointer (&addresses);
    }

  if (address->kind == MP_ADDRESS_FD)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("Descriptor %d is an address for listeners only"), address->fd);
      return NULL;
    }

  if (mp_address_add_known (address, passive, addresses))
    return g_steal_pointer (&addresses);

  return ask (address->name, address->port, deadline, cancellable, error);
}
