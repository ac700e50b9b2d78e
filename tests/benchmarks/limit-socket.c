/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit of connections: length-prefixed messages on a Unix socket, with one system call to
 * write one and two to read it, as a simple program would do it. */

#include "bench-socket.h"

#include <arpa/inet.h>
#include <sys/uio.h>

static gpointer
socket_open (gpointer   user_data,
             BenchSide *side)
{
  return GINT_TO_POINTER (bench_socket_choose (user_data, side));
}

static void
write_all (int           fd,
           const guint8 *data,
           gsize         size)
{
  for (gsize done = 0; done < size;)
    {
      gssize n = write (fd, data + done, size - done);

      if (n <= 0)
        bench_fail ("write");
      done += (gsize) n;
    }
}

static void
write_message (int     fd,
               guint8 *data,
               gsize   size)
{
  guint32      header = htonl ((guint32) size);
  struct iovec vectors[] = { { &header, sizeof header }, { data, size } };
  gssize       n = writev (fd, vectors, 2);

  if (n < (gssize) sizeof header)
    bench_fail ("writev");
  write_all (fd, data + n - sizeof header, size + sizeof header - (gsize) n);
}

static gssize
read_all (int   fd,
          void *data,
          gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize n = read (fd, (guint8 *) data + done, size - done);

      if (n <= 0)
        bench_fail ("read");
      done += (gsize) n;
    }
  return (gssize) size;
}

static gssize
read_message (int   fd,
              void *data,
              gsize capacity)
{
  guint32 header;

  read_all (fd, &header, sizeof header);
  if (ntohl (header) > capacity)
    bench_fail ("length");
  read_all (fd, data, ntohl (header));
  return ntohl (header);
}

static void
way_produce (gpointer   user_data,
             BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer))
    write_message (GPOINTER_TO_INT (user_data), buffer, size);
}

static void
way_consume (gpointer   user_data,
             BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer, read_message (GPOINTER_TO_INT (user_data), buffer, size)))
    ;
}

/* In the ping-pong both sides know the length: one call to write, one to read. */
static void
trip_produce (gpointer   user_data,
              BenchSide *side)
{
  int                fd = GPOINTER_TO_INT (user_data);
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree guint8 *echo = g_malloc0 (size);

  while (bench_fill (side, buffer))
    {
      write_all (fd, buffer, size);
      if (!side->has_ended)
        bench_check_echo (buffer, echo, read_all (fd, echo, size), size);
    }
}

static void
trip_consume (gpointer   user_data,
              BenchSide *side)
{
  int                fd = GPOINTER_TO_INT (user_data);
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer, read_all (fd, buffer, size)))
    write_all (fd, buffer, size);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram way = { bench_socket_set_up, socket_open, way_produce, way_consume };
  static const BenchProgram trip = { bench_socket_set_up, socket_open, trip_produce, trip_consume };
  static const BenchMode    modes[] = { { "way", &way }, { "trip", &trip }, { NULL } };

  return bench_main (argc, argv, modes);
}
