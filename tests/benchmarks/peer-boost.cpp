/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boost.Interprocess message_queue: one mutex and conditions in shared memory. */

#include "bench.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <memory>
#include <string>
#include <unistd.h>

using boost::interprocess::message_queue;

static gpointer
boost_set_up (const BenchOptions *options)
{
  std::string name = "mproc-glib-bench-" + std::to_string (getpid ());
  message_queue *queue = new message_queue (boost::interprocess::create_only, name.c_str (),
                                            options->depth, options->size);

  message_queue::remove (name.c_str ());
  return queue;
}

static void
boost_produce (gpointer   user_data,
               BenchSide *side)
{
  message_queue *queue = static_cast<message_queue *> (user_data);
  gsize size = side->options->size;
  std::unique_ptr<guint8[]> buffer (new guint8[size] ());

  while (bench_fill (side, buffer.get ()))
    queue->send (buffer.get (), size, 0);
}

static void
boost_consume (gpointer   user_data,
               BenchSide *side)
{
  message_queue *queue = static_cast<message_queue *> (user_data);
  gsize size = side->options->size;
  std::unique_ptr<guint8[]> buffer (new guint8[size] ());
  message_queue::size_type received;
  unsigned int priority;

  do
    queue->receive (buffer.get (), size, received, priority);
  while (bench_check (side, buffer.get (), static_cast<gssize> (received)));
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram program = { boost_set_up, NULL, boost_produce, boost_consume };
  static const BenchMode modes[] = { { "boost", &program }, { nullptr, nullptr } };

  return bench_main (argc, argv, modes);
}
