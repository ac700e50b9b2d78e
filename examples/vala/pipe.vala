/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One process sends what another receives:  pipe */

void send () throws Error
{
  var connection = (Mp.Connection) Mp.inherit ("connection");

  foreach (string message in new string[] { "Hello", "World", "From", "Pipe" }) {
    print ("Sending: %s\n", message);
    connection.send (message);
  }
  connection.close ();
}

void receive () throws Error
{
  var connection = (Mp.Connection) Mp.inherit ("connection");

  /* Loop until the other end is closed. */
  foreach (var message in connection)
    print ("Received: %s\n", (string) message);
}

void run () throws Error
{
  Mp.Connection reader, writer;
  Mp.Process sender = make_child ("send");
  Mp.Process receiver = make_child ("receive");

  Mp.pipe (false, out reader, out writer);
  sender.give ("connection", writer);
  sender.start ();
  receiver.give ("connection", reader);
  receiver.start ();

  /* The receiver gets the end of the stream only if no other process has the writer open. */
  writer.close ();
  sender.join ();
  receiver.join ();
}

int main (string[] args)
{
  try {
    if (args.length == 1)
      run ();
    else if (args[1] == "send")
      send ();
    else
      receive ();
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
