/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sends objects of a class, and values of any type: objects */

class Reading : Object
{
  public string sensor { get; set; }
  public double celsius { get; set; }

  public double to_fahrenheit ()
  {
    return celsius * 9 / 5 + 32;
  }
}

void work () throws Error
{
  var objects = (Mp.Queue) Mp.inherit ("objects");
  var values = (Mp.Queue) Mp.inherit ("values");
  var reading = (Reading) objects.get_message ().get_object (typeof (Reading));

  print ("%s: %g C are %g F\n", reading.sensor, reading.celsius, reading.to_fahrenheit ());

  foreach (var value in values)
    print ("%s: %s\n", value.get_type_string (), value.print (false));
}

void run () throws Error
{
  var objects = new Mp.Queue ();
  var values = new Mp.Queue ();
  Mp.Process worker = make_child ("work");

  worker.give ("objects", objects);
  worker.give ("values", values);
  worker.start ();

  var reading = new Reading () {
    sensor = "attic",
    celsius = 21.5
  };
  objects.put_message (new Mp.Message.object (reading));
  values.put ((uint64) 1 << 63);
  values.put (-double.INFINITY);
  values.put (new Variant.parsed ("{1: 'one', 2: 'two'}"));
  values.shutdown ();
  worker.join ();
}

int main (string[] args)
{
  /* Objects are created from messages only if their class is enabled. */
  Mp.serializable_enable (typeof (Reading));

  try {
    if (args.length == 1)
      run ();
    else
      work ();
  } catch (Error e) {
    printerr ("%s: %s\n", args[0], e.message);
    return 1;
  }

  return 0;
}
