/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* POSIX message queues, of the kernel. */

#include "bench.h"

#include <mqueue.h>
#include <sys/resource.h>
#include <unistd.h>

/* The default limit of an ordinary user, and what the limit of bytes leaves for large messages. */
static const guint usual_depths[] = { 10, 2 };

static mqd_t
mq_try (const BenchOptions *options,
        const char         *name,
        guint               depth)
{
  struct mq_attr attributes = { .mq_maxmsg = depth, .mq_msgsize = (long) options->size };

  return mq_open (name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
}

static gpointer
mq_set_up (const BenchOptions *options)
{
  g_autofree char    *name = g_strdup_printf ("/mproc-glib-bench-%d", getpid ());
  const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
  mqd_t               queue;

  setrlimit (RLIMIT_MSGQUEUE, &unlimited);
  queue = mq_try (options, name, options->depth);
  for (guint i = 0; queue == (mqd_t) -1 && i < G_N_ELEMENTS (usual_depths); i++)
    queue = mq_try (options, name, usual_depths[i]);
  if (queue == (mqd_t) -1)
    bench_fail ("not allowed that large");
  mq_unlink (name);
  return GINT_TO_POINTER (queue);
}

static void
mq_produce (gpointer   user_data,
            BenchSide *side)
{
  gsize            size = side->options->size;
  g_autofree char *buffer = g_malloc0 (size);

  while (bench_fill (side, (guint8 *) buffer))
    if (mq_send (GPOINTER_TO_INT (user_data), buffer, size, 0) != 0)
      bench_fail ("mq_send");
}

static void
mq_consume (gpointer   user_data,
            BenchSide *side)
{
  gsize            size = side->options->size;
  g_autofree char *buffer = g_malloc0 (size);

  while (bench_check (side, (guint8 *) buffer,
                      mq_receive (GPOINTER_TO_INT (user_data), buffer, size, NULL)))
    ;
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram program = { mq_set_up, NULL, mq_produce, mq_consume };
  static const BenchMode    modes[] = { { "mq", &program }, { NULL } };

  return bench_main (argc, argv, modes);
}
