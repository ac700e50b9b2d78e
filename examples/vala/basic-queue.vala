/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A producer and a consumer share a queue:  basic-queue */

void produce () throws Error
{
  var queue = (Mp.Queue) Mp.inherit ("queue");

  foreach (string item in new string[] { "item1", "item2", "item3", "item4" }) {
    print ("Producing %s\n", item);
    queue.put (item);
  }
  queue.shutdown ();
}

void consume () throws Error
{
  var queue = (Mp.Queue) Mp.inherit ("queue");

  try {
    while (true)
      print ("Consuming %s\n", (string) queue.get ());
  } catch (Mp.Error.CLOSED e) {
    /* The producer has shut the queue down, and it is empty. */
  }
}

void run () throws Error
{
  var queue = new Mp.Queue ();
  Mp.Process[] children = { make_child ("produce"), make_child ("consume") };

  foreach (var child in children) {
    child.give ("queue", queue);
    child.start ();
  }
  foreach (var child in children)
    child.join ();
}

int main (string[] args)
{
  try {
    if (args.length == 1)
      run ();
    else if (args[1] == "produce")
      produce ();
    else
      consume ();
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
