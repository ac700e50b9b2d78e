/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service that has texts analysed by a worker, an ordinary Python program: service WORKER
 *
 * WORKER is examples/python/service-worker.py.  The service reads lines from its standard input,
 * and prints the worker's answer to each.  If the worker is killed, a new one is started, and gets
 * the request again. */

const int MAX_TRIES = 3;

class Service : Object
{
  string program;
  string key = Uuid.string_random ();
  Mp.Listener listener;
  Mp.Connection? connection = null;

  public Service (string program) throws Error
  {
    this.program = program;
    listener = (Mp.Listener) Object.new (typeof (Mp.Listener),
      "address", "unix:",
      "auth-key", new Bytes (key.data),
      "legacy-digests", true); /* needed for Python up to 3.11 */
    listener.listen ();
  }

  async void start_worker () throws Error
  {
    string path = listener.address.substring ("unix:".length);
    var worker = new Mp.Process ({ "python3", program, path }) {
      die_with_parent = true
    };

    worker.set_env ("SERVICE_KEY", key);
    worker.start ();
    print ("The worker is process %d\n", worker.pid);

    /* The worker either connects or ends. */
    var ended = new Cancellable ();
    worker.join_async.begin (Priority.DEFAULT, null, () => ended.cancel ());
    connection = yield listener.accept_async (Priority.DEFAULT, ended);
    connection.format = Mp.Format.PICKLE;
  }

  public async Variant ask (string text) throws Error
  {
    for (int i = 1; ; i++) {
      try {
        if (connection == null)
          yield start_worker ();
        yield connection.send_async (text);
        return yield connection.recv_async ();
      } catch (Error e) {
        print ("The worker is gone: %s\n", e.message);
        connection = null;
        if (i == MAX_TRIES)
          throw e;
      }
    }
  }

  /* The worker ends when its connection is closed. */
  public void close () throws Error
  {
    if (connection != null)
      connection.close ();
  }
}

/* The peer may send any value. */
void print_answer (Variant answer) throws Error
{
  int64 words = 0;
  int64 letters = 0;
  string longest = "";

  if (!answer.is_of_type (VariantType.VARDICT) ||
      !answer.lookup ("words", "x", out words) ||
      !answer.lookup ("letters", "x", out letters) ||
      !answer.lookup ("longest", "s", out longest))
    throw new IOError.INVALID_DATA ("This is no answer: %s", answer.print (false));

  print (@"words: $words, letters: $letters, longest: $longest\n");
}

async void run (string program) throws Error
{
  var service = new Service (program);
  var input = new DataInputStream (new UnixInputStream (0, false));
  string? text;

  while ((text = yield input.read_line_utf8_async ()) != null)
    print_answer (yield service.ask (text));

  service.close ();
  print ("Closed\n");
}

int main (string[] args)
{
  int status = 0;

  if (args.length < 2) {
    printerr ("Usage: %s WORKER\n", args[0]);
    return 2;
  }

  var loop = new MainLoop ();
  run.begin (args[1], (source, result) => {
    try {
      run.end (result);
    } catch (Error e) {
      printerr ("%s: %s\n", args[0], e.message);
      status = 1;
    }
    loop.quit ();
  });
  loop.run ();
  return status;
}
