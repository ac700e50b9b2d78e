/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue on a Redis server beside the commands of the server: MODE SOCKET|PORT N BATCH.  Prints
 * how many messages a second one process puts, and then gets and finishes. */

#include "bench.h"

#include <hiredis/hiredis.h>
#include <mproc-glib/mproc-glib.h>
#include <stdlib.h>

#define SIZE 64

typedef struct
{
  const char   *where;
  guint         n;
  guint         batch;
  redisContext *context;
  MpQueue      *queue;
} Run;

typedef struct
{
  const char *name;
  void (*put) (Run    *run,
               guint8 *payload);
  /* Returns the number of messages, whose payloads it has checked. */
  guint (*get) (Run *run);
} Mode;

static void
check (const char *payload,
       gsize       size)
{
  if (size != SIZE || payload[0] != 'p' || payload[SIZE - 1] != 'e')
    bench_fail ("another payload");
}

/* --- The server's commands ----------------------------------------------------------------- */

static redisReply *
read_reply (Run *run)
{
  redisReply *reply = NULL;

  if (redisGetReply (run->context, (void **) &reply) != REDIS_OK ||
      reply->type == REDIS_REPLY_ERROR)
    bench_fail ("the server");
  return reply;
}

static void
skip_replies (Run  *run,
              guint n)
{
  while (n-- > 0)
    freeReplyObject (read_reply (run));
}

static void
put_list (Run    *run,
          guint8 *payload)
{
  for (guint i = 0; i < run->batch; i++)
    redisAppendCommand (run->context, "LPUSH list %b", payload, (size_t) SIZE);
  skip_replies (run, run->batch);
}

static guint
get_list (Run *run)
{
  for (guint i = 0; i < run->batch; i++)
    redisAppendCommand (run->context, "RPOP list");
  for (guint i = 0; i < run->batch; i++)
    {
      redisReply *reply = read_reply (run);

      check (reply->str, reply->len);
      freeReplyObject (reply);
    }
  return run->batch;
}

static void
put_stream (Run    *run,
            guint8 *payload)
{
  for (guint i = 0; i < run->batch; i++)
    redisAppendCommand (run->context, "XADD stream * d %b", payload, (size_t) SIZE);
  skip_replies (run, run->batch);
}

static void
append_ids (Run        *run,
            GPtrArray  *words,
            redisReply *messages)
{
  for (size_t i = 0; i < messages->elements; i++)
    g_ptr_array_add (words, messages->element[i]->element[0]->str);
  redisAppendCommandArgv (run->context, (int) words->len, (const char **) words->pdata, NULL);
  g_ptr_array_unref (words);
}

static guint
get_stream (Run *run)
{
  GPtrArray  *ack = g_ptr_array_new (), *delete = g_ptr_array_new ();
  redisReply *reply, *messages;
  guint       n;

  redisAppendCommand (run->context, "XREADGROUP GROUP group me COUNT %u STREAMS stream >",
                      run->batch);
  reply = read_reply (run);
  messages = reply->element[0]->element[1];
  n = (guint) messages->elements;
  for (guint i = 0; i < n; i++)
    check (messages->element[i]->element[1]->element[1]->str,
           messages->element[i]->element[1]->element[1]->len);
  g_ptr_array_add (ack, "XACK");
  g_ptr_array_add (ack, "stream");
  g_ptr_array_add (ack, "group");
  append_ids (run, ack, messages);
  g_ptr_array_add (delete, "XDEL");
  g_ptr_array_add (delete, "stream");
  append_ids (run, delete, messages);
  skip_replies (run, 2);
  freeReplyObject (reply);
  return n;
}

/* --- The library --------------------------------------------------------------------------- */

static void
put_queue (Run    *run,
           guint8 *payload)
{
  static GPtrArray *messages;
  g_autoptr (GError) error = NULL;

  if (run->batch == 1)
    {
      if (!mp_queue_put_data (run->queue, payload, SIZE, -1, NULL, &error))
        bench_fail (error->message);
      return;
    }
  if (messages == NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (payload, SIZE);

      messages = g_ptr_array_new ();
      for (guint i = 0; i < run->batch; i++)
        g_ptr_array_add (messages, mp_message_new_bytes (bytes));
    }
  if (!mp_queue_put_many (run->queue, messages, -1, NULL, NULL, &error))
    bench_fail (error->message);
}

static guint
get_queue (Run *run)
{
  MpJoinableQueue *queue = MP_JOINABLE_QUEUE (run->queue);
  gsize            n;
  g_autoptr (GError) error = NULL;
  g_autofree MpTask **tasks = mp_joinable_queue_get_tasks (queue, run->batch, -1, NULL, &n, &error);

  if (tasks == NULL || !mp_joinable_queue_finish_tasks (queue, tasks, n, &error))
    bench_fail (error->message);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GBytes) bytes = mp_message_get_bytes (mp_task_get_message (tasks[i]), NULL);
      gsize       size;
      const char *payload = g_bytes_get_data (bytes, &size);

      check (payload, size);
      g_object_unref (tasks[i]);
    }
  return (guint) n;
}

static const Mode modes[] = { { "lists", put_list, get_list },
                              { "streams", put_stream, get_stream },
                              { "queue", put_queue, get_queue } };

static void
set_up (Run        *run,
        const Mode *mode)
{
  const gboolean   is_path = run->where[0] == '/';
  g_autofree char *place = is_path ? g_strconcat ("redis+unix://", run->where, NULL)
                                   : g_strconcat ("redis://127.0.0.1:", run->where, NULL);
  g_autofree char *uri = g_strconcat (place, "?name=q&mode=joinable", NULL);
  g_autoptr (GError) error = NULL;

  run->context = is_path ? redisConnectUnix (run->where)
                         : redisConnect ("127.0.0.1", atoi (run->where));
  redisAppendCommand (run->context, "FLUSHALL");
  redisAppendCommand (run->context, "XGROUP CREATE stream group 0 MKSTREAM");
  skip_replies (run, 2);
  if (mode->put != put_queue)
    return;
  run->queue = mp_queue_open (uri, NULL, &error);
  if (run->queue == NULL)
    bench_fail (error->message);
}

int
main (int    argc,
      char **argv)
{
  Run         run = { .where = argc == 5 ? argv[2] : "" };
  const Mode *mode = NULL;
  guint8      payload[SIZE] = { 'p' };
  gint64      start, middle, end;
  guint       n_got = 0;

  for (guint i = 0; argc == 5 && i < G_N_ELEMENTS (modes); i++)
    if (g_str_equal (argv[1], modes[i].name))
      mode = &modes[i];
  if (mode == NULL)
    bench_fail ("MODE SOCKET|PORT N BATCH");
  run.n = (guint) atoi (argv[3]);
  run.batch = (guint) atoi (argv[4]);
  payload[SIZE - 1] = 'e';
  set_up (&run, mode);

  start = bench_now_ns ();
  for (guint i = 0; i < run.n; i += run.batch)
    mode->put (&run, payload);
  middle = bench_now_ns ();
  while (n_got < run.n)
    n_got += mode->get (&run);
  end = bench_now_ns ();
  g_print ("%.0f %.0f\n", run.n * 1e9 / (double) (middle - start),
           run.n * 1e9 / (double) (end - middle));
  g_clear_object (&run.queue);
  redisFree (run.context);
  return 0;
}
