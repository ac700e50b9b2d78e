/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several producers and consumers share a queue:  producers-consumers */

const int N_PRODUCERS = 2;
const int N_CONSUMERS = 3;
const int N_ITEMS = 5;

void nap ()
{
  Thread.usleep (Random.int_range (10000, 50000));
}

void produce (string id) throws Error
{
  var queue = (Mp.Queue) Mp.inherit ("queue");

  for (int i = 0; i < N_ITEMS; i++) {
    string item = @"Producer-$id-Item-$i";
    queue.put (item);
    print ("Produced: %s\n", item);
    nap ();
  }
}

void consume (string id) throws Error
{
  var queue = (Mp.Queue) Mp.inherit ("queue");

  foreach (var item in queue) {
    print ("Consumer-%s consumed: %s\n", id, (string) item);
    nap ();
  }
  print ("Consumer-%s: nothing more to come\n", id);
}

Mp.Process[] start (string role, int n, Mp.Queue queue) throws Error
{
  Mp.Process[] children = {};

  for (int id = 0; id < n; id++) {
    children += make_child (role, id.to_string ());
    children[id].give ("queue", queue);
    children[id].start ();
  }
  return children;
}

void run () throws Error
{
  var queue = new Mp.Queue (4);
  Mp.Process[] producers = start ("produce", N_PRODUCERS, queue);
  Mp.Process[] consumers = start ("consume", N_CONSUMERS, queue);

  foreach (var producer in producers)
    producer.join ();
  queue.shutdown ();
  foreach (var consumer in consumers)
    consumer.join ();
}

int main (string[] args)
{
  try {
    if (args.length == 1)
      run ();
    else if (args[1] == "produce")
      produce (args[2]);
    else
      consume (args[2]);
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
