/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ZeroMQ over a Unix socket: PUSH to PULL, and REQ to REP.  It has no queue that several
 * consumers share: with N producers and N consumers these are N pairs, the best case for it. */

#include "bench.h"

#include <unistd.h>
#include <zmq.h>

typedef struct
{
  gpointer context;
  gpointer socket;
  char    *path;
} Zeromq;

static Zeromq *
zeromq_open (BenchSide *side,
             int        producer_type,
             int        consumer_type)
{
  Zeromq *self = g_new0 (Zeromq, 1);
  g_autofree char *address = NULL;
  const int retry_ms = 1;

  self->path = g_strdup_printf ("/tmp/mproc-glib-bench-%d-%u", getppid (), side->index);
  address = g_strconcat ("ipc://", self->path, NULL);
  self->context = zmq_ctx_new ();
  self->socket = zmq_socket (self->context, side->is_producer ? producer_type : consumer_type);
  zmq_setsockopt (self->socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof retry_ms);
  while (!side->is_producer && !g_file_test (self->path, G_FILE_TEST_EXISTS))
    g_usleep (100);
  if ((side->is_producer ? zmq_bind : zmq_connect) (self->socket, address) != 0)
    bench_fail ("zmq");
  return self;
}

static gpointer
push_open (gpointer   user_data,
           BenchSide *side)
{
  return zeromq_open (side, ZMQ_PUSH, ZMQ_PULL);
}

static gpointer
request_open (gpointer   user_data,
              BenchSide *side)
{
  return zeromq_open (side, ZMQ_REQ, ZMQ_REP);
}

/* Returns when all is sent. */
static void
zeromq_close (Zeromq *self)
{
  zmq_close (self->socket);
  zmq_ctx_term (self->context);
  unlink (self->path);
}

static void
push_produce (gpointer   user_data,
              BenchSide *side)
{
  Zeromq *self = user_data;
  gsize size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer) && !side->has_ended)
    if (zmq_send (self->socket, buffer, size, 0) < 0)
      bench_fail ("zmq_send");
  zeromq_close (self);
}

static void
pull_consume (gpointer   user_data,
              BenchSide *side)
{
  Zeromq *self = user_data;
  gsize size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (side->n_messages < side->end)
    bench_check (side, buffer, zmq_recv (self->socket, buffer, size, 0));
}

static void
request_produce (gpointer   user_data,
                 BenchSide *side)
{
  Zeromq *self = user_data;
  gsize size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree guint8 *echo = g_malloc0 (size);

  while (bench_fill (side, buffer) && !side->has_ended)
    {
      if (zmq_send (self->socket, buffer, size, 0) < 0)
        bench_fail ("zmq_send");
      bench_check_echo (buffer, echo, zmq_recv (self->socket, echo, size, 0), size);
    }
}

static void
reply_consume (gpointer   user_data,
               BenchSide *side)
{
  Zeromq *self = user_data;
  gsize size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (side->n_messages < side->end)
    {
      bench_check (side, buffer, zmq_recv (self->socket, buffer, size, 0));
      zmq_send (self->socket, buffer, size, 0);
    }
  zeromq_close (self);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram push = { NULL, push_open, push_produce, pull_consume };
  static const BenchProgram request = { NULL, request_open, request_produce, reply_consume };
  static const BenchMode modes[] = { { "push", &push }, { "request", &request }, { NULL } };

  return bench_main (argc, argv, modes);
}
