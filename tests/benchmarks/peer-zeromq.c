/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ZeroMQ over a Unix socket: PUSH to PULL, and REQ to REP.  It has no queue that several consumers
 * share, so N producers and N consumers are N pairs, which is its best case. */

#include "bench.h"

#include <unistd.h>
#include <zmq.h>

/* A process that connects before all are bound waits long for its next try, and messages that are
 * not delivered when a producer ends are sometimes lost. */
typedef struct
{
  int n_bound;
  int n_done;
} Table;

typedef struct
{
  Table   *table;
  gpointer context;
  gpointer socket;
  char    *path;
} Zeromq;

static void
wait_for_all (const int       *n,
              const BenchSide *side)
{
  while (__atomic_load_n (n, __ATOMIC_ACQUIRE) < (int) side->options->n_producers)
    g_usleep (100);
}

static Zeromq *
zeromq_open (Table     *table,
             BenchSide *side,
             int        producer_type,
             int        consumer_type)
{
  Zeromq          *self = g_new0 (Zeromq, 1);
  g_autofree char *address = NULL;

  self->path = g_strdup_printf ("/tmp/mproc-glib-bench-%d-%u", getppid (), side->index);
  address = g_strconcat ("ipc://", self->path, NULL);
  self->context = zmq_ctx_new ();
  self->socket = zmq_socket (self->context, side->is_producer ? producer_type : consumer_type);
  self->table = table;
  if (!side->is_producer)
    wait_for_all (&table->n_bound, side);
  if ((side->is_producer ? zmq_bind : zmq_connect) (self->socket, address) != 0)
    bench_fail ("zmq");
  if (side->is_producer)
    __atomic_add_fetch (&table->n_bound, 1, __ATOMIC_RELEASE);
  return self;
}

static gpointer
zeromq_set_up (const BenchOptions *options)
{
  return bench_shared (sizeof (Table));
}

static gpointer
push_open (gpointer   user_data,
           BenchSide *side)
{
  return zeromq_open (user_data, side, ZMQ_PUSH, ZMQ_PULL);
}

static gpointer
request_open (gpointer   user_data,
              BenchSide *side)
{
  return zeromq_open (user_data, side, ZMQ_REQ, ZMQ_REP);
}

static void
push_produce (gpointer   user_data,
              BenchSide *side)
{
  Zeromq            *self = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer) && !side->has_ended)
    if (zmq_send (self->socket, buffer, size, 0) < 0)
      bench_fail ("zmq_send");
  wait_for_all (&self->table->n_done, side);
  unlink (self->path);
}

static void
pull_consume (gpointer   user_data,
              BenchSide *side)
{
  Zeromq            *self = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (side->n_messages < side->end)
    bench_check (side, buffer, zmq_recv (self->socket, buffer, size, 0));
  __atomic_add_fetch (&self->table->n_done, 1, __ATOMIC_RELEASE);
}

static void
request_produce (gpointer   user_data,
                 BenchSide *side)
{
  Zeromq            *self = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree guint8 *echo = g_malloc0 (size);

  while (bench_fill (side, buffer) && !side->has_ended)
    {
      if (zmq_send (self->socket, buffer, size, 0) < 0)
        bench_fail ("zmq_send");
      bench_check_echo (buffer, echo, zmq_recv (self->socket, echo, size, 0), size);
    }
  __atomic_add_fetch (&self->table->n_done, 1, __ATOMIC_RELEASE);
  unlink (self->path);
}

static void
reply_consume (gpointer   user_data,
               BenchSide *side)
{
  Zeromq            *self = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (side->n_messages < side->end)
    {
      bench_check (side, buffer, zmq_recv (self->socket, buffer, size, 0));
      zmq_send (self->socket, buffer, size, 0);
    }
  wait_for_all (&self->table->n_done, side);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram push = { zeromq_set_up, push_open, push_produce, pull_consume };
  static const BenchProgram request = { zeromq_set_up, request_open, request_produce,
                                        reply_consume };
  static const BenchMode    modes[] = { { "push", &push }, { "request", &request }, { NULL } };

  return bench_main (argc, argv, modes);
}
