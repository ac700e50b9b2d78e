/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server and a client that authenticate each other with a key: listener */

const string KEY = "secret_key";

void serve (Mp.Listener listener) throws Error
{
  Mp.Connection connection = listener.accept ();

  print ("Connection accepted\n");
  while (true) {
    string message = (string) connection.recv ();
    print ("Server received: %s\n", message);
    if (message == "quit")
      break;
    connection.send (@"Echo: $message");
  }
}

void visit (string address) throws Error
{
  Mp.Connection connection = Mp.connect (address, new Bytes (KEY.data));

  foreach (string message in new string[] { "hello", "world" }) {
    connection.send (message);
    print ("Client received: %s\n", (string) connection.recv ());
  }
  connection.send ("quit");
}

void run () throws Error
{
  var listener = new Mp.Listener ("tcp:localhost:0", new Bytes (KEY.data));
  Mp.Process client = make_child ("visit", listener.address);

  print ("Server listening on %s\n", listener.address);
  client.start ();
  serve (listener);
  client.join ();
}

int main (string[] args)
{
  try {
    if (args.length == 1)
      run ();
    else
      visit (args[2]);
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
