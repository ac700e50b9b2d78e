/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two processes reply to each other: ping-pong */

const int COUNT = 3;

void ping () throws Error
{
  var connection = (Mp.Connection) Mp.inherit ("connection");

  for (int i = 0; i < COUNT; i++) {
    connection.send (@"ping-$i");
    print (@"Sent: ping-$i\n");
    print ("Received: %s\n", (string) connection.recv ());
  }
}

void pong () throws Error
{
  var connection = (Mp.Connection) Mp.inherit ("connection");

  for (int i = 0; i < COUNT; i++) {
    print ("Received: %s\n", (string) connection.recv ());
    connection.send (@"pong-$i");
    print (@"Sent: pong-$i\n");
  }
}

void run () throws Error
{
  Mp.Connection first, second;
  Mp.Process pinger = make_child ("ping");
  Mp.Process ponger = make_child ("pong");

  Mp.pipe (true, out first, out second);
  pinger.give ("connection", first);
  pinger.start ();
  ponger.give ("connection", second);
  ponger.start ();

  pinger.join ();
  ponger.join ();
}

int main (string[] args)
{
  try {
    if (args.length == 1)
      run ();
    else if (args[1] == "ping")
      ping ();
    else
      pong ();
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
