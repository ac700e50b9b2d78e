/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;

string program;

void check (Error e)
{
  error ("%s", e.message);
}

void test_values ()
{
  try {
    var queue = new Mp.Queue ();
    queue.put (42);
    queue.put ("text");
    queue.put (new Variant ("(sd)", "pair", 0.5));
    assert (queue.size == 3);

    assert ((int) queue.get () == 42);
    assert ((string) queue.get (DEADLINE) == "text");
    assert (queue.get ().print (true) == "('pair', 0.5)");
    assert (queue.try_get () == null);
  } catch (Error e) {
    check (e);
  }
}

void test_errors ()
{
  Mp.Queue? queue = null;

  try {
    queue = new Mp.Queue (1);
    queue.put ("a", 0);
  } catch (Error e) {
    check (e);
  }

  try {
    queue.put ("b", 0);
    assert_not_reached ();
  } catch (Mp.Error.FULL e) {
    assert (e is Mp.Error);
  } catch (Error e) {
    check (e);
  }

  try {
    assert (queue.try_get () != null);
    queue.get (1000);
    assert_not_reached ();
  } catch (Mp.Error.EMPTY e) {
    assert (e.message != "");
  } catch (Error e) {
    check (e);
  }
}

void test_bytes ()
{
  try {
    var queue = new Mp.Queue ();
    queue.put_data ({ 1, 2, 3 });
    queue.put_bytes (new Bytes ({ 4 }));
    queue.put_data ({ 5, 6 });

    uint8[] data = queue.get_data ();
    assert (data.length == 3 && data[2] == 3);
    assert (queue.get_bytes ().get (0) == 4);
    var buffer = new uint8[16];
    assert (queue.get_into (buffer) == 2);
    assert (buffer[0] == 5 && buffer[1] == 6);
  } catch (Error e) {
    check (e);
  }
}

void test_forms ()
{
  try {
    var queue = new Mp.Queue ();
    queue.put_json ("{\"answer\": 42}");
    Variant value = queue.get ();
    assert ((int64) value.lookup_value ("answer", null) == 42);

    queue.put (value);
    assert (queue.get_json () == "{\"answer\":42}");

    queue.put_message (new Mp.Message.json ("[1]"));
    var message = queue.get_message ();
    assert (message.get_format () == Mp.Format.JSON);
    assert (message.get_variant ().n_children () == 1);
  } catch (Error e) {
    check (e);
  }
}

void test_many ()
{
  try {
    var queue = new Mp.Queue ();
    var messages = new GenericArray<Mp.Message> ();
    uint n_put;

    for (int i = 0; i < 3; i++)
      messages.add (new Mp.Message.variant (i));
    queue.put_many (messages, -1, null, out n_put);
    assert (n_put == 3);
    queue.put_many (messages);

    GenericArray<Mp.Message> got = queue.get_many (10);
    assert (got.length == 6);
    assert ((int) got[4].get_variant () == 1);
  } catch (Error e) {
    check (e);
  }
}

/* A queue that only the loop over it references. */
Mp.Queue make_three () throws Error
{
  var queue = new Mp.JoinableQueue ();

  for (int i = 1; i <= 3; i++)
    queue.put (i);
  queue.shutdown ();
  return queue;
}

void test_foreach ()
{
  int sum = 0;

  try {
    foreach (var value in make_three ())
      sum += (int) value;
    assert (sum == 6);

    var queue = make_three ();
    foreach (Variant first in queue) {
      assert ((int) first == 1);
      break;
    }
    foreach (var value in queue)
      sum += (int) value;
    assert (sum == 11);
  } catch (Error e) {
    check (e);
  }
}

void test_foreach_errors ()
{
  try {
    var queue = new Mp.Queue ();
    queue.put_json ("\"\\u0000\"");
    foreach (var value in queue)
      error ("%s", value.print (true));
    assert_not_reached ();
  } catch (Mp.Error.UNSUPPORTED e) {
  } catch (Error e) {
    check (e);
  }
}

async void take_two (Mp.Queue queue) throws Error
{
  assert ((string) (yield queue.get_async ()) == "first");
  assert ((string) (yield queue.get_async (Priority.DEFAULT, null)) == "second");
  yield queue.put_async ("third");
}

void test_async ()
{
  try {
    var queue = new Mp.Queue ();
    var loop = new MainLoop ();

    take_two.begin (queue, (source, result) => {
      try {
        take_two.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    queue.put ("first");
    queue.put ("second");
    loop.run ();
    assert ((string) queue.get (0) == "third");
  } catch (Error e) {
    check (e);
  }
}

async void take_until_closed (Mp.Queue queue, Cancellable cancellable)
{
  try {
    yield queue.get_async (Priority.DEFAULT, cancellable);
    assert_not_reached ();
  } catch (IOError.CANCELLED e) {
  } catch (Error e) {
    check (e);
  }

  try {
    yield queue.get_async ();
    assert_not_reached ();
  } catch (Mp.Error.CLOSED e) {
  } catch (Error e) {
    check (e);
  }
}

void test_async_errors ()
{
  try {
    var queue = new Mp.Queue ();
    var cancellable = new Cancellable ();
    var loop = new MainLoop ();

    take_until_closed.begin (queue, cancellable, () => loop.quit ());
    cancellable.cancel ();
    queue.shutdown ();
    loop.run ();
  } catch (Error e) {
    check (e);
  }
}

void test_source ()
{
  try {
    var queue = new Mp.Queue ();
    var loop = new MainLoop ();
    int sum = 0;
    Source source = queue.create_source ();

    source.set_callback (() => {
      try {
        Variant? value;
        while ((value = queue.try_get ()) != null)
          sum += (int) value;
      } catch (Error e) {
        check (e);
      }
      if (sum == 6)
        loop.quit ();
      return Source.CONTINUE;
    });
    source.attach (null);
    for (int i = 1; i <= 3; i++)
      queue.put (i);
    loop.run ();
    source.destroy ();
  } catch (Error e) {
    check (e);
  }
}

void test_signal ()
{
  try {
    var queue = new Mp.Queue ();
    var loop = new MainLoop ();
    queue.message.connect ((message) => {
      assert (message.get_format () == Mp.Format.JSON);
      loop.quit ();
    });
    queue.start ();
    queue.put_json ("1");
    loop.run ();
    queue.stop ();
  } catch (Error e) {
    check (e);
  }
}

void test_simple ()
{
  try {
    var queue = new Mp.SimpleQueue ();
    queue.put ("one");
    assert (!queue.is_empty ());
    assert ((string) queue.get () == "one");
  } catch (Error e) {
    check (e);
  }
}

/* The function of the child: puts squares until the queue is shut down. */
int square ()
{
  try {
    var numbers = (Mp.Queue) Mp.inherit ("numbers");
    var squares = (Mp.Queue) Mp.inherit ("squares");
    foreach (var value in numbers) {
      int number = (int) value;
      squares.put (number * number);
    }
    return 0;
  } catch (Error e) {
    return 1;
  }
}

void test_process ()
{
  try {
    var numbers = new Mp.Queue (2);
    var squares = new Mp.Queue ();
    var child = new Mp.Process ({ program, "square" });
    int sum = 0;

    child.die_with_parent = true;
    child.give ("numbers", numbers);
    child.give ("squares", squares);
    child.start ();
    for (int i = 1; i <= 10; i++)
      numbers.put (i, DEADLINE);
    numbers.shutdown ();
    for (int i = 1; i <= 10; i++)
      sum += (int) squares.get (DEADLINE);
    child.join (DEADLINE);

    assert (sum == 385);
    assert (child.exit_code == 0);
  } catch (Error e) {
    check (e);
  }
}

void test_closed ()
{
  try {
    var queue = new Mp.Queue ();
    var loop = new MainLoop ();
    int n_messages = 0;
    bool notified = false;

    queue.message.connect (() => n_messages++);
    queue.notify["closed"].connect (() => { notified = queue.get_closed (); });
    queue.closed.connect ((reason) => {
      assert (notified && reason is Mp.Error.CLOSED);
      loop.quit ();
    });
    queue.put (1);
    queue.shutdown ();
    queue.start ();
    loop.run ();
    assert (n_messages == 1);
  } catch (Error e) {
    check (e);
  }
}

void test_clear ()
{
  try {
    var queue = new Mp.Queue ();

    queue.put (1);
    queue.put (2);
    assert (queue.clear () == 2);
    assert (queue.clear () == 0);
    queue.put (3);
    assert ((int) queue.get () == 3);
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  program = args[0];
  if (args.length > 1 && args[1] == "square")
    return square ();

  Test.init (ref args);
  Test.add_func ("/vala/queue/closed", test_closed);
  Test.add_func ("/vala/queue/clear", test_clear);
  Test.add_func ("/vala/queue/values", test_values);
  Test.add_func ("/vala/queue/errors", test_errors);
  Test.add_func ("/vala/queue/bytes", test_bytes);
  Test.add_func ("/vala/queue/forms", test_forms);
  Test.add_func ("/vala/queue/many", test_many);
  Test.add_func ("/vala/queue/foreach", test_foreach);
  Test.add_func ("/vala/queue/foreach-errors", test_foreach_errors);
  Test.add_func ("/vala/queue/async", test_async);
  Test.add_func ("/vala/queue/async-errors", test_async_errors);
  Test.add_func ("/vala/queue/source", test_source);
  Test.add_func ("/vala/queue/signal", test_signal);
  Test.add_func ("/vala/queue/simple", test_simple);
  Test.add_func ("/vala/queue/process", test_process);
  return Test.run ();
}
